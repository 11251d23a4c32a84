#include <algorithm>
#include <cmath>
#include <optional>

#include "cairn/base/parallel.h"
#include "cairn/dist/world.h"
#include "cairn/io/file.h"
#include "cairn/models/gpt_folder.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/language_model/task.h"
#include "cairn/text/windows.h"
#include "cairn/train/samples.h"

namespace cairn::tasks::language_model {
namespace {

constexpr int64_t kSampleTokens = 240;
constexpr size_t kQuickTokens = 20'000;  // of the validation text, while training

// A short rise, then down along a cosine to a hundredth.
optim::Schedule schedule_of(int64_t steps) {
  const int64_t rise = std::min<int64_t>(100, steps / 10);
  return optim::warmup(rise, optim::cosine(std::max<int64_t>(steps - rise, 1), 0.01), 0.01);
}

// Fills what is open with what suits the model and the length of the training text.
void fill_recipe(Options& o, int64_t tokens) {
  const bool gpt = !o.is_recurrent();
  o.heads.fill(gpt ? models::usual_heads(o.width) : 1);
  check_sizes(o);
  // A short text has no room for so many streams side by side.
  o.batch.fill(std::clamp<int64_t>((tokens - 1) / o.context, 1, gpt ? 8 : 32));
  const int64_t window = o.batch * o.context, passes = gpt ? 12 : 10;
  train::fill_length(o, tokens / window, {},
                     std::clamp<int64_t>(passes * tokens / window, 1, 50'000));
}

// Windows for each step: along streams, with a memory that is carried on, or at drawn places.
class Windows {
 public:
  Windows(const Options& o, const data::TextTokens& text, const Tensors& memory)
      : options_(o), text_(text), memory_(memory) {
    // Refuses a text that is too short for one window, or for so many streams.
    const text::TextStreams streams(text.train, o.is_recurrent() ? *o.batch : 1, o.context);
    if (o.is_recurrent()) streams_.emplace(streams);
  }

  Tensors at(int64_t step) const {
    if (streams_ && streams_->starts_pass(step))
      for (const Tensor& m : memory_) assign(m, zeros(m.shape()));
    const text::Windows w = streams_ ? streams_->window(step)
                                     : text::random_windows(text_.train, options_.batch,
                                                            options_.context, options_.seed, step);
    const auto [first, count] = dist::share_of(options_.batch);
    const Shape shape{count, options_.context};
    const int64_t from = first * options_.context;
    return {from_host(w.inputs.data() + from, shape, DType::i64),
            from_host(w.targets.data() + from, shape, DType::i64)};
  }

 private:
  const Options& options_;
  const data::TextTokens& text_;
  const Tensors& memory_;
  std::optional<text::TextStreams> streams_;
};

// How it writes now: RUN/samples/step-NNNNNN.txt.
std::string write_sample(text::Reader& reader, const data::TextTokens& text, const Options& o,
                         const train::Supervised& session) {
  WritingOptions how;
  how.max_tokens = kSampleTokens, how.temperature = 0.8, how.seed = *o.seed;
  std::string written;
  write_on(reader, *text.tokenizer, {text.validation.front()}, how,
           [&](std::string_view more) { written += more; });
  io::write_file_atomically(train::sample_file(session.folder().path(), session.step(), "txt"),
                            written);
  return written;
}

NamedTensors named(const Tensors& memory) {
  NamedTensors all;
  for (size_t i = 0; i < memory.size(); ++i) all.emplace_back(std::to_string(i), memory[i]);
  return all;
}

void take_size(Option<int64_t>& option, int64_t size, const std::string& folder) {
  option.require(option.is_open() || option == size, "is {} in '{}'", size, folder);
  option.fill(size);
}

// Network and tokenizer as a folder of Hugging Face's has them.
void take_folder(Options& o) {
  if (o.resume || !pretrained::is_folder(o.init)) return;
  o.model.require(o.model == "gpt", "'{}' is a transformer: gpt", *o.init);
  const pretrained::Folder folder(o.init);
  const models::LanguageModelSize size = models::gpt_size(folder);
  const auto tokenizer = folder.tokenizer();
  check(tokenizer->size() == size.vocab, "'{}': its tokenizer has {} tokens, its network {}",
        *o.init, tokenizer->size(), size.vocab);
  take_size(o.layers, size.layers, o.init), take_size(o.width, size.width, o.init);
  take_size(o.heads, size.heads, o.init);
  o.context.fill(std::min<int64_t>(size.context, 1024));
  o.context.require(o.context <= size.context, "'{}' has {} positions", *o.init, size.context);
  o.positions.fill(size.learned_positions ? "learned" : "rotary");
  for (train::AnyOption* of_text :
       std::initializer_list<train::AnyOption*>{&o.tokens, &o.vocab_size})
    of_text->require(!of_text->given(),
                     "'{}' has a tokenizer of its own, of {} tokens: leave it out", *o.init,
                     size.vocab);
  o.tokens.leave_open();
  o.tokenizer.fill(Json::parse(tokenizer->to_json()));
  o.lr.fill(5e-5);  // what was learned is not to be unlearned
}

// The folder's weights under this network's names; null: `init` is none.
std::function<NamedTensors()> weights_of_folder(const Options& o) {
  if (!pretrained::is_folder(o.init)) return {};
  return [init = *o.init, context = *o.context] {
    return models::gpt_weights(pretrained::Folder(init), context);
  };
}

void check_text(const Options& o, const data::TextTokens& text) {
  o.batch.require(*o.batch >= dist::ranks(), "a step of fewer rows than the {} ranks",
                  dist::ranks());
  if (o.is_recurrent() && o.accumulate > 1)
    throw InvalidOption("accumulate", "a memory belongs to whole batches; it is for gpt");
  o.val_split.require(*o.val_split > 0, "of 0 leaves no text to validate by");
  check(text.validation.size() >= 2, "'{}': the validation part has {} tokens; use more text",
        o.data_name(), text.validation.size());
}

}  // namespace

Json train(Options o) {
  train::choose_run(kTask, o);
  if (o.is_music()) return train_music(o);
  constexpr const char* kOfMusic = "is of music (--tokens notes or pianoroll)";
  o.grid.require(o.resume || !o.grid.given(), "{}", kOfMusic);
  // A file of --config says the standard, too.
  o.transpose.require(o.resume || o.transpose == *Options().transpose, "{}", kOfMusic);
  take_folder(o);
  o.fill_usual();
  check_sizes(o);  // before the text is read
  const auto text = o.open_text();
  fill_recipe(o, static_cast<int64_t>(text.train.size()));
  manual_seed(o.seed);
  models::LanguageModel network(o.size());
  const Tensors memory = network.make_memory(dist::share_of(o.batch).count);
  const Windows windows(o, text, memory);
  check_text(o, text);
  train::Supervised session(
      {.task = kTask,
       .label = o.model,
       .network = network.module(),
       .options = o,
       .schedule = schedule_of(o.steps),
       .validates = true,
       .decays_matrices_only = true,
       .parts = {train::part_of_rows("memory", named(memory), 1)},
       .about = fmt::format("{}: {} tokens to learn from, {} to validate, {} different",
                            o.data_name(), text.train.size(), text.validation.size(), *o.vocab),
       .initial = weights_of_folder(o)});
  Meter meter(network, o.is_recurrent(), o.context);
  const auto reader = network.reader();  // kept: compiled for the first sample
  const std::span<const int64_t> all = text.validation;
  session.run({.next = [&] { return windows.at(session.step()); },
               .loss =
                   [&](std::span<const Tensor> in) {
                     const Tensor logits = network.logits(in[0], memory);
                     return cross_entropy(flatten(logits, 0, 1), flatten(in[1]));
                   },
               .measure =
                   [&] {
                     const auto quick = all.first(std::min(all.size(), kQuickTokens));
                     Json measured = {{"loss", meter.measure(quick).loss}, {"sample", ""}};
                     // Weights that overflow write nothing: the session says that they do.
                     if (dist::leads() && std::isfinite(measured["loss"].get<double>()))
                       measured["sample"] = write_sample(*reader, text, o, session);
                     return measured;
                   },
               .words =
                   [](const Json& measured) {
                     return fmt::format("loss {:.4f}", measured["loss"].get<double>());
                   }});
  session.use_kept();
  const Measured m = meter.measure(all);
  Json result = {{"examples", m.tokens}};
  result.update(describe(m, text.validation_size, *text.tokenizer, all));
  return session.result("validation", result);
}

}  // namespace cairn::tasks::language_model
