#include <algorithm>

#include "cairn/base/philox.h"
#include "cairn/ops/functions.h"
#include "cairn/pretrained/folder.h"
#include "cairn/tasks/language_model/task.h"

namespace cairn::tasks::language_model {
namespace {

constexpr uint64_t kMoves = 0x6d757369;  // a stream of the seed
constexpr int64_t kMusicSteps = 3000;

// What suits music: small networks, since there is little of it, and much dropped.
void fill_music_recipe(Options& o) {
  const bool gpt = !o.is_recurrent();
  o.width.fill(gpt ? 192 : 256), o.layers.fill(gpt ? 4 : 2);
  o.context.fill(o.is_rolls() ? 256 : 512), o.dropout.fill(gpt ? 0.2 : 0.4);
  o.batch.fill(16), o.ema.fill(0.995);
  o.fill_usual();
  o.heads.fill(gpt ? models::usual_heads(o.width) : 1);
  check_sizes(o);
}

// A piece moved by as many semitones as the seed says, where it stays on the piano.
std::vector<music::Chord> moved(const music::Roll& piece, int64_t most, PhiloxStream& random) {
  const auto by =
      static_cast<int>(random.below(static_cast<uint32_t>(2 * most + 1))) - static_cast<int>(most);
  auto steps = music::transposed(piece.steps, by);
  return steps.empty() ? piece.steps : steps;
}

MusicBatch batch_of(const std::vector<music::Roll>& pieces, const std::vector<int64_t>& samples,
                    const Notation& notation, const Options& o, int64_t step) {
  MusicBatch batch;
  for (size_t i = 0; i < samples.size(); ++i) {
    PhiloxStream random(philox_derive(o.seed, kMoves + static_cast<uint64_t>(step)), i);
    MusicBatch::Row row{moved(pieces[static_cast<size_t>(samples[i])], o.transpose, random)};
    const int64_t length = notation.length_of(row.steps);
    row.length = std::min(length, *o.context);
    row.begin = random.below(static_cast<uint32_t>(length - row.length + 1));
    batch.rows.push_back(std::move(row));
  }
  return batch;
}

// In chords: which voice has a note is not said.
music::RollSet open_chords(const std::string& source, int64_t grid) {
  auto set = music::open_rolls(source, {.grid = grid});
  for (auto* part : {&set.train, &set.validation, &set.test})
    for (music::Roll& roll : *part) roll = music::in_chords(roll);
  return set;
}

// Pieces to choose by, where the data have none.
void hold_back_pieces(music::RollSet& set, const Options& o) {
  if (!set.validation.empty() || set.train.size() < 2) return;
  const auto parts = train::hold_back(o, std::ssize(set.train));
  std::vector<music::Roll> kept;
  for (const int64_t i : parts.second) set.validation.push_back(set.train[i]);
  for (const int64_t i : parts.first) kept.push_back(std::move(set.train[i]));
  set.train = std::move(kept);
}

}  // namespace

music::RollSet Composer::open(const std::string& source) const {
  auto set = open_chords(source.empty() ? *options_.data : source, options_.grid);
  hold_back_pieces(set, options_);
  return set;
}

Json train_music(Options& o) {
  o.init.require(!pretrained::is_folder(o.init), "is a folder of text models");
  o.vocab_size.require(o.vocab_size.is_open(), "is of bpe, wordpiece and word");
  o.accumulate.require(o.accumulate == 1, "is not for music, whose pieces have their lengths");
  fill_music_recipe(o);
  music::RollSet set = open_chords(o.data, o.grid.is_open() ? 4 : *o.grid);
  train::say_left_out(*o.data, set.left_out);
  o.grid.require(o.grid.is_open() || o.grid == set.grid, "the rolls have {} steps a quarter",
                 set.grid);
  o.grid.fill(set.grid);
  hold_back_pieces(set, o);
  check(!set.validation.empty(), "'{}': has a single piece; more are needed, to choose by",
        *o.data);
  train::note_counts(o, {{"pieces", std::ssize(set.train) + std::ssize(set.validation)}});
  const Notation notation(o.is_rolls());
  o.vocab.fill(notation.vocab());
  std::vector<int64_t> lengths;
  for (const music::Roll& r : set.train)
    lengths.push_back(std::min(notation.length_of(r.steps), *o.context));
  const data::Order order(std::ssize(set.train), data::for_rank({.batch = o.batch, .seed = o.seed}),
                          lengths);
  train::fill_length(o, order.steps_per_epoch(), {}, kMusicSteps);
  manual_seed(o.seed);
  models::MusicModel network(o.size(), o.is_rolls());
  train::Supervised session(
      {.task = kTask,
       .label = o.model,
       .network = network.module(),
       .options = o,
       .schedule = optim::one_cycle(o.steps),
       .validates = true,
       .decays_matrices_only = true,
       .about = fmt::format("{}: {} pieces to learn from, {} to validate, {} to test, {} {} a "
                            "quarter",
                            set.file.empty() ? *o.data : set.file, set.train.size(),
                            set.validation.size(), set.test.size(), *o.grid,
                            *o.grid == 1 ? "step" : "steps")});
  session.run({.next =
                   [&] {
                     return batch_of(set.train, order.samples(session.step()), notation, o,
                                     session.step())
                         .tensors(notation);
                   },
               .loss = [&](std::span<const Tensor> in) { return nats_of(network, notation, in); },
               .count = [](std::span<const Tensor> in) { return reshape(in.back(), {1}); },
               .measure =
                   [&] {
                     return Json{{"loss", measure_music(network, o, set.validation)["loss"]}};
                   },
               .words =
                   [](const Json& measured) {
                     return fmt::format("{:.4f} nats a step", measured["loss"].get<double>());
                   }});
  session.use_kept();
  return session.result("validation", measure_music(network, o, set.validation));
}

}  // namespace cairn::tasks::language_model
