#include <algorithm>
#include <cmath>
#include <limits>

#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/language_model/task.h"
#include "cairn/tasks/music.h"
#include "cairn/tasks/own_data.h"

namespace cairn::tasks::language_model {
namespace {

using music::Chord;

constexpr int64_t kQuarters = 64;    // that are written
constexpr size_t kMostOfChord = 16;  // notes
constexpr int kShownQuarters = 48;

// Notes after each other until a step ends, each below the one before it.
Chord next_chord(text::Reader& reader, std::vector<float> logits,
                 const text::SamplingOptions& sampling, PhiloxStream& random, Tensor& after) {
  Chord chord;
  int64_t highest = std::ssize(logits);
  for (;;) {
    for (int64_t t = highest; t < std::ssize(logits); ++t)
      logits[static_cast<size_t>(t)] = -std::numeric_limits<float>::infinity();
    const int64_t token = chord.size() == kMostOfChord
                              ? Notation::kEndOfStep
                              : text::sample_token(logits, sampling, random);
    after = reader.read({&token, 1});
    if (token == Notation::kEndOfStep) return chord;
    chord.push_back(static_cast<int>(token) - 1 + music::kLowest), highest = token;
    logits = after.to_vector<float>();
  }
}

// Each key for itself.
Chord drawn_chord(const std::vector<float>& logits, double temperature, PhiloxStream& random) {
  Chord chord;
  for (int key = music::kKeys - 1; key >= 0; --key) {
    const double logit = logits[static_cast<size_t>(key)];
    const double p = temperature > 0 ? 1 / (1 + std::exp(-logit / temperature)) : logit > 0;
    if (random.uniform() < p) chord.push_back(key + music::kLowest);
  }
  return chord;
}

}  // namespace

bool is_of_music(const Json& config) {
  const auto tokens = config.find("tokens");
  return tokens != config.end() && (*tokens == "notes" || *tokens == "pianoroll");
}

Composer::Composer(const train::SavedModel& saved)
    : Learned(saved),
      options_(options_of<Options>(saved, &Options::vocab, &Options::grid, &Options::width,
                                   &Options::layers, &Options::heads, &Options::context)),
      notation_(options_.is_rolls()),
      network_((check_sizes(options_), options_.size()), options_.is_rolls()) {
  check(options_.vocab == notation_.vocab(), "'{}' is damaged: {} tokens for {}",
        saved.config_file(), *options_.vocab, notation_.vocab());
  train::load_weights(saved, network_.module());
  network_.module().eval();
}

std::vector<Tensor> Composer::inputs(int64_t examples) {
  std::vector<Tensor> batches;
  const auto set = open("");
  for (int64_t i = 0; i < std::min<int64_t>(examples, std::ssize(set.train)); ++i) {
    const auto& steps = set.train[static_cast<size_t>(i)].steps;
    const int64_t length = std::min(notation_.length_of(steps), *options_.context);
    batches.push_back(MusicBatch{{{steps, 0, length, 0}}}.tensors(notation_)[0]);
  }
  return batches;
}

std::vector<Port> Composer::takes() {
  if (notation_.rolls()) return {{"rolls", DType::f32, {kAnyBatch, kAnyLength, notation_.vocab()}}};
  return {{"tokens", DType::i64, {kAnyBatch, kAnyLength}}};
}

Tensors Composer::read(const std::string& file) {
  const auto steps = music::read_roll(file, options_.grid).steps;
  return {MusicBatch{{{steps, 0, notation_.length_of(steps), 0}}}.tensors(notation_)[0]};
}

Json Composer::measured(const TextEvalOptions& o) {
  const music::RollSet set = open(o.data);
  const char* usual = !set.test.empty()                    ? "test"
                      : is_own_data(o.data, options_.data) ? "validation"
                                                           : "all";
  const std::string split = o.split.is_open() ? usual : *o.split;
  std::vector<music::Roll> pieces = split == "train"        ? set.train
                                    : split == "validation" ? set.validation
                                                            : set.test;
  if (split == "all")
    for (const auto* part : {&set.train, &set.validation})
      pieces.insert(pieces.end(), part->begin(), part->end());
  check(!pieces.empty(), "'{}': has no pieces in its part '{}'", o.or_own(options_.data), split);
  return result(split, measure_music(network_, options_, pieces));
}

music::Roll Composer::compose(const std::vector<Chord>& prompt, int64_t steps,
                              const text::SamplingOptions& sampling, uint64_t seed) {
  const NoGrad no_grad;
  PhiloxStream random(seed);
  music::Roll roll{"song", 0, {}, 0};
  if (models::LanguageModel* net = network_.notes()) {
    const auto reader = net->reader();
    std::vector<int64_t> begun = {Notation::kEndOfStep};
    for (const int64_t token : notation_.tokens_of(prompt)) begun.push_back(token);
    Tensor after = reader->read(begun);
    for (int64_t s = 0; s < steps; ++s)
      roll.steps.push_back(next_chord(*reader, after.to_vector<float>(), sampling, random, after));
    return roll;
  }
  std::vector<Chord> all = prompt;
  for (int64_t s = 0; s < steps; ++s) {
    const int64_t window = std::min(std::ssize(all) + 1, *options_.context);
    std::vector<float> x(static_cast<size_t>(window * music::kKeys));
    for (int64_t t = 0; t < window; ++t) {
      const int64_t at = std::ssize(all) - window + t;
      if (at < 0) continue;
      for (const int key : all[static_cast<size_t>(at)])
        x[static_cast<size_t>(t * music::kKeys + key - music::kLowest)] = 1;
    }
    const Tensor logits = network_.logits(tensor(x, {1, window, music::kKeys}));
    all.push_back(drawn_chord(cairn::select(logits, 1, window - 1).to_vector<float>(),
                              sampling.temperature, random));
  }
  roll.steps.assign(all.begin() + std::ssize(prompt), all.end());
  return roll;
}

int Composer::write(const GenerateOptions& o) {
  o.check_together();
  for (const train::AnyOption* of_text :
       std::initializer_list<const train::AnyOption*>{&o.beams, &o.quantize})
    of_text->require(!of_text->given(), "is of text; '{}' writes music", path());
  for (const train::AnyOption* of_notes :
       std::initializer_list<const train::AnyOption*>{&o.top_k, &o.top_p})
    of_notes->require(!of_notes->given() || !notation_.rolls(),
                      "chooses among notes; in a piano roll each key is drawn for itself");
  o.out.require(!o.out.is_open(), "is needed: a MIDI file to write");
  const std::string wav = o.wav.is_open() ? "" : *o.wav;
  check_music_files(o.out, wav);
  const auto prompt =
      o.prompt.is_open() ? std::vector<Chord>() : music::read_roll(o.prompt, options_.grid).steps;
  const int64_t steps = o.steps.is_open() ? kQuarters * options_.grid : *o.steps;
  const auto roll = compose(prompt, steps, {o.temperature, o.top_k, o.top_p}, o.seed);
  write_music(music::to_score(roll, options_.grid), o.out, wav);
  return 0;
}

void Composer::explain(train::report::Page& page, const train::report::Lines& log) {
  using namespace train::report;
  const Json result = measured({});
  page.headline(fmt::format("{:.3f} nats a step of music that it never heard",
                            result["nats_per_step"].get<double>()));
  page.heading("What it composes");
  show_music(page, compose({}, kShownQuarters * options_.grid, {}, 0), options_.grid,
             "Drawn step by step, each after all before it.");
  const music::RollSet set = open("");
  const auto& real = set.test.empty() ? set.validation : set.test;
  page.heading("A piece that it was not taught");
  show_music(page, real[0], options_.grid, real[0].name);
  write_facts(page, *this, log,
              {{"network", *options_.model + ", " + *options_.tokens},
               {"pieces", with_thousands(std::ssize(set.train))},
               {"nats a step", fmt::format("{:.3f}", result["nats_per_step"].get<double>())}});
  page.figures(loss_charts(log, "nats a step", "validation"));
}

}  // namespace cairn::tasks::language_model
