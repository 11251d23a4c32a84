#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>

#include "cairn/base/parallel.h"
#include "cairn/compile/compile.h"
#include "cairn/data/text.h"
#include "cairn/io/file.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/language_model/evaluate.h"
#include "cairn/tasks/language_model/generate.h"
#include "cairn/tasks/language_model/network.h"
#include "cairn/train/saved_model.h"

namespace cairn::tasks::language_model {
namespace {

constexpr double kLargestNorm = 1;       // of all gradients together
constexpr int64_t kSampleTokens = 240;
constexpr size_t kQuickTokens = 20'000;  // of the validation text, while training

Json config_of(const TrainOptions& o, const Recipe& r, const io::Tokenizer& tokenizer) {
  Json config = {{"task", kTask}, {"data", o.data}, {"tokens", o.tokens}};
  config.update(to_json(r.architecture));
  config.update(Json{{"steps", r.steps},
                     {"batch", r.batch},
                     {"lr", r.lr},
                     {"weight_decay", r.weight_decay},
                     {"seed", o.seed},
                     {"eval_every", r.eval_every},
                     {"save_every", o.save_every},
                     {"threads", num_threads()},
                     {"tokenizer", Json::parse(tokenizer.to_json())}});
  return config;
}

// Weight decay is for matrices: gains, biases and the like have no reason to be small.
std::vector<optim::Group<optim::AdamWOptions>> groups_of(const nn::Module& module,
                                                         const Recipe& r) {
  const optim::AdamWOptions matrices{
      .lr = r.lr, .betas = r.betas, .weight_decay = r.weight_decay, .clip = {.norm = kLargestNorm}};
  optim::AdamWOptions others = matrices;
  others.weight_decay = 0;
  std::vector<optim::Group<optim::AdamWOptions>> groups = {{{}, matrices}, {{}, others}};
  for (const Tensor& p : module.parameters()) groups[p.rank() < 2].parameters.push_back(p);
  return groups;
}

// A short rise, then down along a cosine to a hundredth.
optim::Schedule schedule_of(int64_t steps) {
  const int64_t rise = std::min<int64_t>(100, steps / 10);
  return optim::warmup(rise, optim::cosine(std::max<int64_t>(steps - rise, 1), 0.01), 0.01);
}

class Session {
 public:
  Session(const TrainOptions& options, const Recipe& recipe, const data::TextTokens& text,
          train::RunFolder run)
      : options_(options),
        recipe_(recipe),
        text_(text),
        network_((manual_seed(options.seed), recipe.architecture)),
        memory_(network_.make_memory(recipe.batch)),
        best_(state(full({1}, std::numeric_limits<double>::infinity(), DType::f64))),
        optimizer_(groups_of(network_.module(), recipe)),
        trainer_(std::move(run),
                 {.task = kTask,
                  .label = recipe.architecture.model,
                  .total = recipe.steps,
                  .evaluate_every = recipe.eval_every,
                  .options = options},
                 {train::part("model", network_.module()), train::part("optimizer", optimizer_),
                  train::part("memory", named_memory()),
                  train::part("best", train::NamedTensors{{"loss", best_}})}) {
    if (is_recurrent(recipe.architecture.model))
      streams_.emplace(text.train, recipe.batch, recipe.architecture.context);
  }

  Json run() {
    if (options_.resume) trainer_.restore();
    optim::Scheduler schedule(optimizer_, schedule_of(recipe_.steps), trainer_.step());
    auto step = compile([this](Tensor x, Tensor y) {
      const Tensor logits = network_.logits(x, memory_);
      const Tensor loss = check_finite(cross_entropy(flatten(logits, 0, 1), flatten(y)));
      optimizer_.step(loss);
      return loss;
    });
    data::Windows windows;
    network_.module().train();
    trainer_.run({.load = [&] { windows = next_windows(); },
                  .step =
                      [&] {
                        const double loss = step(ids(windows.inputs), ids(windows.targets)).item();
                        schedule.step();
                        return train::Scalars{{"loss", loss}};
                      },
                  .note =
                      [&] {
                        return Json{{"lr", optimizer_.lr()}};
                      },
                  .evaluate = [&] { return evaluation(); },
                  .save_weights = [&] {  // before there is a best
                    if (std::isinf(best_.item()))
                      trainer_.write_weights(network_.module().state_dict());
                  }});
    return result();
  }

 private:
  train::NamedTensors named_memory() const {
    train::NamedTensors named;
    for (size_t i = 0; i < memory_.size(); ++i) named.emplace_back(std::to_string(i), memory_[i]);
    return named;
  }

  Tensor ids(const std::vector<int64_t>& tokens) const {
    return from_host(tokens.data(), {recipe_.batch, recipe_.architecture.context}, DType::i64);
  }

  data::Windows next_windows() {
    const int64_t number = trainer_.step();
    if (!streams_)
      return data::random_windows(text_.train, recipe_.batch, recipe_.architecture.context,
                                  options_.seed, number);
    if (streams_->starts_pass(number))
      for (const Tensor& m : memory_) assign(m, zeros(m.shape()));
    return streams_->window(number);
  }

  // On a part of the validation text; the best weights so far are kept.
  train::Evaluation evaluation() {
    const std::span<const int64_t> all = text_.validation;
    const double loss =
        measure(network_, recipe_.architecture, all.first(std::min(all.size(), kQuickTokens))).loss;
    if (loss < best_.item()) {
      assign(best_, full({1}, loss, DType::f64));
      trainer_.write_weights(network_.module().state_dict());
    }
    write_sample();
    return {{{"validation/loss", loss}},
            fmt::format("step {}/{}  {}  validation loss {:.4f}", trainer_.step(), recipe_.steps,
                        trainer_.last_logged(), loss)};
  }

  // How it writes now: RUN/samples/step-NNNNNN.txt.
  void write_sample() {
    std::string text;
    write_on(network_, *text_.tokenizer, {text_.validation.front()},
             {.max_tokens = kSampleTokens, .sampling = {.temperature = 0.8}, .seed = options_.seed},
             [&](std::string_view more) { text += more; });
    const std::string folder = trainer_.folder().file("samples");
    std::filesystem::create_directories(folder);
    io::write_file_atomically(fmt::format("{}/step-{:06}.txt", folder, trainer_.step()), text);
  }

  // Of the weights that were kept, on the whole validation text.
  Json result() {
    const train::RunFolder& run = trainer_.folder();
    train::load_weights({run.weights(), run.config()}, network_.module());
    const Measured m = measure(network_, recipe_.architecture, text_.validation);
    Json result = {{"task", kTask}, {"split", "validation"}, {"examples", m.tokens}};
    const std::span<const int64_t> predicted = std::span(text_.validation).subspan(1);
    result.update(describe(m, count_characters(*text_.tokenizer, predicted)));
    result["run"] = run.path();
    result["model"] = recipe_.architecture.model;
    result["parameters"] = network_.module().num_parameters();
    result["steps"] = trainer_.step();
    result["seconds"] = trainer_.seconds();
    return result;
  }

  const TrainOptions& options_;
  const Recipe& recipe_;
  const data::TextTokens& text_;
  Network network_;
  Tensors memory_;
  Tensor best_;  // lowest validation loss so far
  optim::AdamW optimizer_;
  std::optional<data::TextStreams> streams_;
  train::Trainer trainer_;
};

void check_options(const TrainOptions& o) {
  const auto not_negative = [](const char* option, auto value) {
    if (!(value >= 0)) throw UsageError(fmt::format("{}: {} is out of range", option, value));
  };
  not_negative("--steps", o.steps), not_negative("--batch", o.batch);
  not_negative("--lr", o.lr), not_negative("--save-every", o.save_every);
  not_negative("--eval-every", o.eval_every);
  if (o.tokens != "char" && o.tokens != "byte")
    throw UsageError(fmt::format("--tokens: there is no '{}'; there are char and byte", o.tokens));
}

// What the run was started with; only --save-every may change.
void take_over(const Json& config, TrainOptions& options) {
  train::read_config(config, options.out, [&](const Json& c) {
    const Architecture a = architecture_from(c);
    options.data = c.at("data"), options.tokens = c.at("tokens"), options.model = a.model;
    options.layers = a.layers, options.width = a.width, options.heads = a.heads;
    options.context = a.context, options.dropout = a.dropout;
    options.steps = c.at("steps"), options.batch = c.at("batch"), options.lr = c.at("lr");
    options.seed = c.at("seed"), options.eval_every = c.at("eval_every");
    if (!options.save_every) options.save_every = c.value("save_every", int64_t{0});
  });
}

}  // namespace

Json train(const TrainOptions& given) {
  TrainOptions options = given;
  check_options(options);
  const Json config = train::RunFolder::choose(kTask, options.out, options.resume);
  if (options.resume) take_over(config, options);
  // Wrong sizes are refused before the text is read; 2 stands for its vocabulary.
  check_architecture(recipe_for(options, 2, 2).architecture);
  const std::string name = options.data.empty() ? "the embedded text" : options.data;
  const auto text = data::tokenize_text(data::read_text(options.data), name, options.tokens);
  const auto count = static_cast<int64_t>(text.train.size());
  const Recipe recipe = recipe_for(options, text.tokenizer->size(), count);
  // Refuses a text that is too short for one window, or for so many streams.
  data::TextStreams(text.train, is_recurrent(options.model) ? recipe.batch : 1,
                    recipe.architecture.context);
  check(text.validation.size() >= 2, "'{}': the validation part has {} tokens; use more text", name,
        text.validation.size());
  auto run = train::RunFolder::begin(kTask, options.out, options.resume,
                                     config_of(options, recipe, *text.tokenizer));
  return Session(options, recipe, text, std::move(run)).run();
}

}  // namespace cairn::tasks::language_model
