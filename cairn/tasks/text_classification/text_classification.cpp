// Texts: learn which class a text is of, from nothing or from a folder of transformers.
#include <unistd.h>

#include <algorithm>

#include "cairn/compile/compile.h"
#include "cairn/data/labelled_text.h"
#include "cairn/data/order.h"
#include "cairn/data/table.h"
#include "cairn/io/lines.h"
#include "cairn/metrics/measures.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/pretrained/folder.h"
#include "cairn/pretrained/texts.h"
#include "cairn/tasks/task.h"
#include "cairn/text/unicode.h"
#include "cairn/train/report/classified_texts.h"
#include "cairn/train/report/measured.h"
#include "cairn/train/supervised.h"

namespace cairn::tasks::text_classification {
namespace {

using data::LabelledText;
using pretrained::Coder, pretrained::Tokens, pretrained::Transformer;
using train::Open, train::Option, train::Use, train::whole, train::between;
constexpr const char* kTask = "text-classification";

struct Options : train::SupervisedOptions {
  Options() {
    batch.usual(32), lr.usual(5e-4), val_split.usual(0.1), epochs.usual(10), clip.usual(1);
    eval_every.says("each epoch");
  }
  train::DataOption data{this, "requests",
                         "CSV or TSV file, a text and a class a row; 'requests' are made"};
  Option<std::string> text{this, "text", Open{"'text', or the first"}, "Column of the texts"};
  Option<std::string> label{this, "label", Open{"'label', or the last"}, "Column of the classes"};
  Option<int64_t> longest{this, "longest", 128, whole(2, 1 << 14), "Tokens of a text at most"};
  Option<int64_t> vocab{this, "vocab", 8000, whole(100, 1 << 20), "Tokens at most (WordPiece)"};
  Option<int64_t> layers{this, "layers", 2, whole(1, 100), "Layers"};
  Option<int64_t> width{this, "width", 128, whole(2, 65536), "Features of a token"};
  Option<int64_t> heads{this, "heads", 4, whole(1, 1024), "Attention heads"};
  Option<double> dropout{this, "dropout", 0.1, between(0, 0.9), "Part of the features dropped"};
  Option<std::string> tokenizer{this, "tokenizer"};           // facts: the tokenizer.json,
  Option<Json> network{this, "network"};                      // the config.json,
  Option<std::vector<std::string>> classes{this, "classes"};  // names of the classes
};

// `where`: what holds the tokenizer, for messages.
Coder coder_of(const Options& o, const std::string& where) {
  return {std::make_shared<text::SubwordTokenizer>(*o.tokenizer, where), o.longest};
}

// The sizes of a folder's network and tokenizer are theirs.
void take_sizes(Options& o, const pretrained::Spec& spec) {
  const std::pair<Option<int64_t>&, int64_t> sizes[] = {{o.layers, spec.encoder_layers},
                                                        {o.width, spec.width},
                                                        {o.heads, spec.heads},
                                                        {o.vocab, spec.vocab}};
  for (const auto& [option, size] : sizes) {
    option.require(!option.given() || option == size, "is {} in '{}'", size, *o.init);
    option = size;
  }
}

// The dropout that is asked for, in a network that comes from elsewhere; or what it has.
void take_dropout(Options& o) {
  if (!o.dropout.given()) {
    o.dropout = pretrained::spec_of(*o.network, *o.init).dropout;
    return;
  }
  Json config = o.network;
  config["hidden_dropout_prob"] = config["attention_probs_dropout_prob"] = *o.dropout;
  o.network = config;
}

// Tokenizer and network as the folder of --init has them, or small new ones.
void fill_facts(Options& o, const LabelledText& all) {
  if (o.network.is_open() && pretrained::is_folder(*o.init)) {
    const pretrained::Folder folder(*o.init);
    check(folder.spec().family == "bert", "'{}': networks of model_type '{}' tell no classes here",
          *o.init, folder.spec().family);
    o.tokenizer.fill(folder.tokenizer()->to_json()), o.network.fill(folder.config());
    take_sizes(o, folder.spec());
  }
  if (!o.resume && !o.network.is_open()) take_dropout(o);
  if (o.tokenizer.is_open()) o.tokenizer.fill(pretrained::learn_bert_tokenizer(all.texts, o.vocab));
  if (o.network.is_open() && o.width % o.heads != 0)
    throw InvalidOption(
        "heads",
        fmt::format("{} heads do not divide a width of {}; choose a divisor", *o.heads, *o.width));
  o.network.fill(pretrained::bert_config({coder_of(o, *o.out).tokenizer().size(), o.width, o.layers,
                                          o.heads, 4 * o.width, o.longest, o.dropout}));
  o.classes.fill(all.classes);
}

Transformer make_network(const Options& o, const std::string& where) {
  pretrained::Spec spec = pretrained::spec_of(*o.network, where);
  spec.head = pretrained::Head::classes, spec.labels = std::ssize(*o.classes);
  check(o.longest <= spec.positions, "{}: texts of {} tokens, and the network takes {} (longest)",
        where, *o.longest, spec.positions);
  return Transformer(spec);
}

CompiledFunction scorer_of(const Transformer& net) {
  return CompiledFunction([net](std::span<const Tensor> in) -> Tensors {
    return {softmax(net({in[0], in[1], {}}), 1)};
  });
}

// {examples, loss, accuracy, f1, confusion, classes}, in evaluation mode.
std::vector<std::vector<float>> probabilities_of(CompiledFunction& scorer, const Coder& coder,
                                                 const LabelledText& some) {
  return pretrained::rows_of(scorer, coder.encode(some.texts, some.source), 32, coder.longest());
}
Json measure(CompiledFunction& scorer, const Coder& coder, const LabelledText& some) {
  return metrics::classification(probabilities_of(scorer, coder, some), some.labels, some.classes);
}

std::string in_words(const Json& r) {
  const auto of = [&](const char* name) { return r[name].get<double>(); };
  return fmt::format("accuracy {:.2f} %, F1 {:.2f} %, loss {:.4f}", of("accuracy") * 100,
                     of("f1") * 100, of("loss"));
}

Json train(Options o) {
  train::choose_run(kTask, o);
  train::take_network_of_run(
      kTask, o, {&o.tokenizer, &o.network, &o.vocab, &o.layers, &o.width, &o.heads, &o.longest});
  LabelledText all = data::open_labelled_text(o.data, o.text, o.label);
  o.fill_usual(), o.text.fill(all.text_column), o.label.fill(all.label_column);
  fill_facts(o, all);
  train::note_counts(o, {{"texts", all.texts.size()}, {"classes", all.classes.size()}});
  all = all.with_classes(*o.classes);
  const auto parts = data::split_off(std::ssize(all.texts), o.val_split, o.seed);
  if (parts.second.empty()) throw InvalidOption("val_split", "leaves no text to validate by");
  const Coder coder = coder_of(o, *o.out);
  const LabelledText seen = all.some(parts.first), held_back = all.some(parts.second);
  const std::vector<Tokens> texts = coder.encode(seen.texts, seen.source);
  std::vector<int64_t> lengths;
  for (const Tokens& t : texts) lengths.push_back(std::ssize(t));
  const data::Order order(std::ssize(lengths), data::for_rank({.batch = o.batch, .seed = o.seed}),
                          lengths);
  train::fill_length(o, order.steps_per_epoch());
  o.eval_every.fill(order.steps_per_epoch());
  manual_seed(o.seed);
  const Transformer net = make_network(o, *o.out);
  train::Supervised session(
      {.task = kTask,
       .label = "transformer",
       .network = net,
       .options = o,
       .schedule = optim::one_cycle(o.steps),
       .validates = true,
       .decays_matrices_only = true,
       .about =
           fmt::format("{}: {} texts to learn from ({} cut), {} held back, {} classes", *o.data,
                       texts.size(), coder.cut(), held_back.texts.size(), o.classes->size())});
  CompiledFunction scorer = scorer_of(net);
  const Tensor labels = from_host(seen.labels.data(), {std::ssize(lengths)}, DType::i64);
  const auto loss = [&](auto in) { return cross_entropy(net({in[0], in[1], {}}), in[2]); };
  const auto next = [&] {
    const auto rows = order.samples(session.step());
    Tensors batch = pretrained::batch_of(texts, rows, o.longest);
    batch.push_back(data::rows_of({labels}, rows)[0]);
    return batch;
  };
  const auto check_up = [&] { return measure(scorer, coder, held_back); };
  session.run({.next = next, .loss = loss, .measure = check_up, .words = in_words});
  session.use_kept();
  return session.result("validation", check_up());
}

struct Classifier : Model {
  explicit Classifier(const train::SavedModel& saved)
      : Model(saved),
        options(
            options_of<Options>(saved, &Options::tokenizer, &Options::network, &Options::classes)),
        coder(coder_of(options, saved.config_file())),
        net(make_network(options, saved.config_file())),
        scorer(scorer_of(net)) {
    train::load_weights(saved, net);
    net.eval();
  }
  nn::Module& network() override { return net; }
  std::vector<Tensor> inputs(int64_t) override {
    return {pretrained::batch_of(coder.encode(texts("").texts, "a text"), options.longest)[0]};
  }
  std::vector<Port> takes() override {
    return {{"tokens", DType::i64, {kAnyBatch, kAnyLength}}, {"lengths", DType::i64, {kAnyBatch}}};
  }
  std::vector<std::string> gives() const override { return {"probabilities"}; }
  Tensors forward(std::span<const Tensor> in) override {
    return {softmax(net({in[0], in[1], {}}), 1)};
  }
  Tensors read(const std::string& file) override {
    return pretrained::batch_of(coder.encode(io::read_lines(file), file), options.longest);
  }
  std::vector<std::string> labels() const override { return options.classes; }
  std::vector<std::string> names(const Tensors& in) const override {
    std::vector<std::string> pieces;
    for (const int64_t token : in[0].to_vector<int64_t>()) {
      const std::string piece = coder.tokenizer().decode({token});
      pieces.push_back(piece.starts_with("##") ? piece.substr(2) : piece + " ");
    }
    return pieces;
  }
  int64_t longest() const override { return options.longest; }
  pretrained::FolderContent folder() override {
    return content_of(net, *options.network, *options.tokenizer, *options.classes);
  }
  // Those that the training held back, or all of another file.
  LabelledText texts(const std::string& data) const {
    const std::string& from = data.empty() ? *options.data : data;
    const auto all =
        data::open_labelled_text(from, options.text, options.label).with_classes(*options.classes);
    if (!data.empty()) return all;
    return all.some(data::split_off(std::ssize(all.texts), options.val_split, options.seed).second);
  }
  Options options;
  Coder coder;
  Transformer net;
  CompiledFunction scorer;
};

Json evaluate(Classifier& c, const EvalOptions& o) {
  Json result = {{"task", kTask}, {"split", o.data.is_open() ? "validation" : "all"}};
  result.update(measure(c.scorer, c.coder, c.texts(o.data.is_open() ? "" : *o.data)));
  return result;
}

struct PredictOptions : train::OptionSet {
  Option<std::vector<std::string>> files{this, "files", Open{"standard input"}, "Texts, one a line",
                                         Use::positional};
  Option<bool> json{this, "json", false, "Print one JSON object a line"};
};
Asked ask(Classifier& c, const PredictOptions&, const std::string& line) {
  int64_t replaced = 0;
  const std::string text = text::with_replacements(line, &replaced);
  bool is_cut = false;
  const Tokens tokens = c.coder.encode(text, "the text", &is_cut);
  return {pretrained::batch_of({tokens}, c.options.longest), text,
          is_cut ? fmt::format("the text is longer than {} tokens and was cut", c.coder.longest())
                 : ""};
}
Json say(Classifier& c, const PredictOptions&, const Asked& asked, std::span<const float> p) {
  const auto best = std::ranges::max_element(p);
  return {{"text", asked.given},
          {"class", (*c.options.classes)[static_cast<size_t>(best - p.begin())]},
          {"probabilities", std::vector<float>(p.begin(), p.end())},
          {"classes", *c.options.classes}};  // whose they are
}
int predict(Classifier& c, const PredictOptions& o) {
  const auto say = [&](const std::string& line) {
    const NoGrad no_grad;
    const Asked asked = ask(c, o, line);
    const auto p = c.scorer.call(asked.inputs)[0].to_vector<float>();
    const Json said = text_classification::say(c, o, asked, p);
    if (o.json) fmt::print(printed(), "{}\n", said.dump());
    else
      fmt::print(printed(), "{}\t{:.2f} %\n", said["class"].get<std::string>(),
                 *std::ranges::max_element(p) * 100);
    std::fflush(printed());
  };
  for (const std::string& file : *o.files)
    for (const std::string& line : io::read_lines(file)) say(line);
  io::LineReader input(STDIN_FILENO, "standard input");
  for (std::string line; o.files->empty() && input.next(line);) {
    if (line.ends_with('\r')) line.pop_back();
    say(line);
  }
  if (c.coder.cut() > 0 && !Printed::lives())
    fmt::print(stderr, "cairn: {} texts are longer than {} tokens and were cut\n", c.coder.cut(),
               c.coder.longest());
  return 0;
}

void report(train::report::Page& page, Classifier& c, const train::report::Lines& log) {
  using namespace train::report;
  const LabelledText some = c.texts("");
  const auto probabilities = probabilities_of(c.scorer, c.coder, some);
  const Json measured = metrics::classification(probabilities, some.labels, some.classes);
  page.headline(fmt::format("{:.1f} % of {} texts that it never saw are told right",
                            measured["accuracy"].get<double>() * 100, some.texts.size()));
  page.figures(confusion_figure(measured, c.options.classes));
  write_mistaken_texts(page, some.texts, some.labels, probabilities, c.options.classes);
  page.figures(loss_charts(log, "loss", "validation"));
}

}  // namespace

namespace {
Json options_of_folder(const pretrained::Folder& folder) {
  Options o;
  o.network.fill(folder.config());
  o.tokenizer.fill(folder.tokenizer()->to_json());
  std::vector<std::string> classes;
  const Json names = folder.config().value("id2label", Json::object());
  for (int64_t i = 0; i < folder.spec().labels; ++i) {
    const auto name = names.find(std::to_string(i));
    classes.push_back(name != names.end() && name->is_string() ? name->get<std::string>()
                                                               : fmt::format("LABEL_{}", i));
  }
  o.classes.fill(classes);
  o.fill_usual();
  o.longest = std::min<int64_t>(o.longest, folder.spec().positions);
  return o.to_json();
}
}  // namespace

const Opener kOpener{kTask, open_as<Classifier>,
                     [](const pretrained::Spec& s) {
                       return s.head == pretrained::Head::classes && s.family == "bert";
                     },
                     options_of_folder, pretrained::weights_of};
const Task kRow{
    .name = kTask,
    .title = "Texts",
    .what = "Learn which class a text is of",
    .examples = "  cairn train text-classification --data reviews.tsv --init minilm/ --lr 5e-5\n",
    .options = options_as<Options>,
    .train = train_as<Options, train>,
    .summary = summary_of<in_words>,
    .qualities = {{"accuracy", true, true}},
    .verbs = {eval_verb<Classifier, EvalOptions, evaluate, in_words>(
                  "Measure how often it is right", "  cairn eval runs/reviews --data more.tsv\n"),
              verb<Classifier, PredictOptions, predict>(
                  "predict", "Say which class each line is of",
                  "  echo 'Well made, I liked it.' | cairn predict runs/reviews\n")
                  .of("text")
                  .side_by_side<Classifier, PredictOptions, ask, say>()},
    .report = report_as<Classifier, report>,
    .smallest = R"({"data": "requests", "steps": 6, "eval_every": 3, "width": 16, "heads": 2,
                    "layers": 1, "vocab": 300})",
    .write_inputs = data::write_requests,
    .inputs = "requests"};

}  // namespace cairn::tasks::text_classification
