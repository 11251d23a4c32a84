#include <algorithm>

#include "cairn/base/philox.h"
#include "cairn/data/order.h"
#include "cairn/io/file.h"
#include "cairn/models/painter.h"
#include "cairn/music/midi.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/adversarial/session.h"
#include "cairn/tasks/music_gan/task.h"
#include "cairn/train/samples.h"

namespace cairn::tasks::music_gan {
namespace {

constexpr int64_t kProbed = 64;  // phrases whose diversity is measured
constexpr uint64_t kProbe = 0x70726f6265;

// Part of the voices' steps in which two phrases differ, over all pairs.
double spread(const std::vector<music::Roll>& phrases) {
  double differ = 0, all = 0;
  for (size_t i = 0; i < phrases.size(); ++i)
    for (size_t j = i + 1; j < phrases.size(); ++j)
      for (size_t s = 0; s < phrases[i].steps.size(); ++s)
        for (size_t v = 0; v < phrases[i].steps[s].size(); ++v)
          differ += phrases[i].steps[s][v] != phrases[j].steps[s][v], ++all;
  return all > 0 ? differ / all : 0;
}

std::vector<music::Roll> phrases_of(const std::vector<music::Roll>& pieces, const Options& o) {
  std::vector<music::Roll> all;
  for (const music::Roll& piece : pieces)
    for (music::Roll& w : music::windows_of(piece, o.bars * o.steps_of_bar(), o.steps_of_bar()))
      all.push_back(std::move(w));
  return all;
}

void find_range(Options& o, const music::RollSet& set) {
  int64_t low = music::kLowest + music::kKeys, high = 0;
  for (const music::Roll& r : set.train)
    for (const music::Chord& c : r.steps)
      for (const int64_t p : c)
        if (p != music::kSilent) low = std::min(low, p), high = std::max(high, p);
  check(low <= high, "'{}': nothing sounds in it", *o.data);
  o.range.fill({low, high});
}

}  // namespace

music::RollSet open_voices(Options& o, const std::string& source) {
  check(!source.empty(), "no data: name files of music, or 'chorales'");
  music::RollSet set =
      music::open_rolls(source, {.grid = o.grid.is_open() ? 4 : *o.grid, .voices = true});
  o.grid.require(o.grid.is_open() || o.grid == set.grid, "'{}' has {} steps a quarter", source,
                 set.grid);
  o.grid.fill(set.grid);
  o.voices.fill(set.train[0].voices > 0 ? set.train[0].voices : 4);
  for (auto* part : {&set.train, &set.validation, &set.test})
    for (music::Roll& r : *part) r = music::in_voices(r, static_cast<int>(*o.voices));
  return set;
}

void write_phrase(const Options& o, const music::Roll& roll, float* to) {
  const auto size = o.size();
  for (int64_t v = 0; v < size.voices; ++v)
    for (int64_t s = 0; s < size.steps; ++s) {
      const int64_t p =
          roll.steps[static_cast<size_t>(s)][static_cast<size_t>(v)] - (*o.range)[0] + 1;
      to[(v * size.steps + s) * size.pitches + (p > 0 && p < size.pitches ? p : 0)] = 1;
    }
}

music::Roll phrase_of(const Options& o, const float* from) {
  const auto size = o.size();
  music::Roll roll{"phrase", static_cast<int>(size.voices), {}, 0};
  roll.steps.assign(static_cast<size_t>(size.steps),
                    music::Chord(static_cast<size_t>(size.voices), music::kSilent));
  for (int64_t v = 0; v < size.voices; ++v)
    for (int64_t s = 0; s < size.steps; ++s) {
      const float* one = from + (v * size.steps + s) * size.pitches;
      const auto p = std::max_element(one, one + size.pitches) - one;
      if (p > 0)
        roll.steps[static_cast<size_t>(s)][static_cast<size_t>(v)] =
            static_cast<int>((*o.range)[0] + p - 1);
    }
  return roll;
}

Json train(Options o) {
  train::choose_run(kTask, o);
  music::RollSet set = open_voices(o, o.data);
  for (music::Roll& piece : set.train) piece = music::in_c(piece);  // one key to learn, not twelve
  train::say_left_out(*o.data, set.left_out);
  find_range(o, set);
  const auto phrases = phrases_of(set.train, o);
  check(!phrases.empty(), "'{}': no piece is {} bars long", *o.data, *o.bars);
  train::note_counts(o, {{"pieces", std::ssize(set.train)}});
  adversarial::fill_usual(o, std::ssize(phrases), 1);
  manual_seed(o.seed);
  const models::RollGenerator generator(o.size());
  const models::RollDiscriminator discriminator(o.size(), models::gan_norm_from_name(o.norm));
  const Player player(generator);
  const auto probe = [&](adversarial::Session& s) {
    const adversarial::AdversarialTraining::Use use(s.training(), false);
    return player.play(o, philox_derive(o.seed, kProbe + static_cast<uint64_t>(s.step())), kProbed);
  };
  const data::Order order(std::ssize(phrases),
                          data::for_rank({.batch = o.batch, .drop_last = true, .seed = o.seed}));
  std::vector<music::Roll> some;
  for (const int64_t i : data::shuffled_order(std::ssize(phrases), 0, 0))
    if (std::ssize(some) < kProbed) some.push_back(phrases[static_cast<size_t>(i)]);
  const double real_spread = spread(some);
  adversarial::Session session(
      {.task = kTask,
       .label = o.model,
       .options = o,
       .training = o.training(),
       .critic_steps = o.critic_steps,
       .sample_every = o.sample_every,
       .networks = {generator, discriminator,
                    [&](const Tensor& labels) {
                      return generator(randn({labels.size(0), *o.z}));
                    },
                    [&](const Tensor& x, const Tensor&) { return discriminator(x); }},
       .diversity =
           [&](adversarial::Session& s) { return spread(probe(s)) / std::max(real_spread, 1e-9); },
       .about = fmt::format("{}: {} phrases of {} bars in {} voices, pitches {} to {}",
                            set.file.empty() ? *o.data : set.file, phrases.size(), *o.bars,
                            *o.voices, (*o.range)[0], (*o.range)[1])});
  const models::RollGanSize size = o.size();
  const auto cells = static_cast<size_t>(size.voices * size.steps * size.pitches);
  int64_t batches = session.step() * o.critic_steps;
  return session.run(
      {.next =
           [&] {
             const auto samples = order.samples(batches++);
             std::vector<float> x(samples.size() * cells);
             for (size_t i = 0; i < samples.size(); ++i)
               write_phrase(o, phrases[static_cast<size_t>(samples[i])], &x[i * cells]);
             const auto n = std::ssize(samples);
             return Tensors{tensor(x, {n, size.voices, size.steps, size.pitches}),
                            zeros({n}, DType::i64)};
           },
       .samples =
           [&] {
             const adversarial::AdversarialTraining::Use use(session.training(), true);
             const auto made = player.play(o, o.seed, 8);
             music::Roll together{"samples", static_cast<int>(size.voices), {}, 0};
             for (const music::Roll& r : made)
               together.steps.insert(together.steps.end(), r.steps.begin(), r.steps.end());
             const io::Image picture = music::picture_of(together, o.steps_of_bar());
             io::write_png(train::sample_file(session.folder().path(), session.step(), "png"),
                           picture);
             return train::Evaluation{.images = {{"samples", picture}}};
           }});
}

}  // namespace cairn::tasks::music_gan
