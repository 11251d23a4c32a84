#include <cmath>

#include "cairn/models/painter.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/language_model/task.h"
#include "cairn/tasks/music_gan/task.h"

namespace cairn::tasks::music_gan {
namespace {

constexpr int64_t kAtOnce = 128;
constexpr double kKept = 0.8;  // of the noise of one phrase in the next

std::vector<music::Measured> measured_windows(const std::vector<music::Roll>& pieces,
                                              const Options& o) {
  std::vector<music::Measured> all;
  for (size_t i = 0; i < pieces.size(); ++i)
    for (const music::Roll& w :
         music::windows_of(pieces[i], o.bars * o.steps_of_bar(), o.bars * o.steps_of_bar()))
      all.push_back({music::measure(w, o.steps_of_bar()), static_cast<int64_t>(i)});
  return all;
}

Judged judge(const std::vector<music::Roll>& pieces, const std::vector<music::Roll>& known,
             const Options& o, uint64_t seed) {
  return {music::estimate(measured_windows(pieces, o), seed),
          music::copied_bars(pieces, known, o.steps_of_bar())};
}

// What a recurrent model composes, in windows of as many steps.
std::vector<music::Roll> composed(const std::string& run, const Options& o, int64_t count,
                                  uint64_t seed) {
  const auto saved = train::open_saved_model(run, language_model::kTask);
  check(language_model::is_of_music(saved.config),
        "'{}': writes text; beside music stands a run of language-model on music (the option "
        "tokens: notes or pianoroll)",
        run);
  language_model::Composer composer(saved);
  check(composer.options().grid == o.grid,
        "'{}': has {} steps a quarter, this run {}; train it on the same rolls", run,
        *composer.options().grid, *o.grid);
  const int64_t phrase = o.bars * o.steps_of_bar();
  std::vector<music::Roll> all;
  for (int64_t i = 0; i * 4 < count; ++i)
    all.push_back(
        music::in_voices(composer.compose({}, 4 * phrase, {}, seed + static_cast<uint64_t>(i)),
                         static_cast<int>(*o.voices)));
  return all;
}

void add(Json& result, const std::string& who, const Judged& judged) {
  for (size_t m = 0; m < music::kMeasures; ++m) {
    const std::string name = who + music::kMeasureNames[m];
    if (!std::isfinite(judged.values[m].mean)) continue;  // nothing sounds
    result[name] = judged.values[m].mean;
    result[name + "_deviation"] = judged.values[m].deviation;
  }
  if (std::isfinite(judged.copied)) result[who + "copied_bars"] = judged.copied;
}

// How far two estimates are apart, in deviations of their difference.
void add_distances(Json& result, const std::string& who, const Judged& made, const Judged& real) {
  int64_t within = 0;
  for (size_t m = 0; m < music::kMeasures; ++m) {
    const music::Estimate &a = made.values[m], &b = real.values[m];
    if (!std::isfinite(a.mean) || !std::isfinite(b.mean)) continue;
    const double deviation = std::hypot(a.deviation, b.deviation);
    const double apart =
        a.mean == b.mean ? 0 : std::abs(a.mean - b.mean) / std::max(deviation, 1e-12);
    result[who + music::kMeasureNames[m] + std::string("_apart")] = apart;
    within += apart <= 2;
  }
  result[who + "within_2"] = within;
}

}  // namespace

Player::Player(const models::RollGenerator& generator)
    : forward_(std::make_shared<CompiledFunction>(
          [net = generator](std::span<const Tensor> in) -> Tensors { return {net(in[0])}; })) {}

std::vector<music::Roll> Player::play(const Options& o, const Tensor& noise) const {
  const NoGrad no_grad;
  const auto size = o.size();
  const auto values = forward_->call({&noise, 1})[0].to_vector<float>();
  const auto cells = static_cast<size_t>(size.voices * size.steps * size.pitches);
  std::vector<music::Roll> all;
  for (size_t at = 0; at < values.size(); at += cells) all.push_back(phrase_of(o, &values[at]));
  return all;
}

std::vector<music::Roll> Player::play(const Options& o, uint64_t seed, int64_t count) const {
  std::vector<music::Roll> all;
  for (int64_t first = 0; first < count; first += kAtOnce)
    for (music::Roll& r :
         play(o, models::noise_rows(seed, first, std::min(kAtOnce, count - first), o.z)))
      all.push_back(std::move(r));
  return all;
}

Band::Band(const train::SavedModel& saved)
    : Model(saved),
      options_(options_of<Options>(saved, &Options::range, &Options::voices, &Options::grid)),
      generator_((check(options_.range->size() == 2 && (*options_.range)[0] <= (*options_.range)[1],
                        "'{}' is damaged: 'range'", saved.config_file()),
                  options_.size())),
      player_(generator_) {
  train::load_weights(saved, generator_);
  generator_.eval();
}

std::vector<Tensor> Band::inputs(int64_t examples) {
  return {models::noise_rows(options_.seed, 0, examples, options_.z)};
}

music::RollSet Band::open(const std::string& source) const {
  Options o = options_;
  return open_voices(o, source.empty() ? *options_.data : source);
}

music::Roll Band::song(int64_t phrases, uint64_t seed) const {
  const int64_t z = options_.z;
  const std::vector<float> fresh = models::noise_rows(seed, 0, phrases, z).to_vector<float>();
  std::vector<float> noise = fresh;
  for (size_t i = static_cast<size_t>(z); i < noise.size(); ++i)
    noise[i] = static_cast<float>(kKept * noise[i - static_cast<size_t>(z)] +
                                  std::sqrt(1 - kKept * kKept) * fresh[i]);
  music::Roll all{"song", static_cast<int>(*options_.voices), {}, 0};
  for (const music::Roll& r : player_.play(options_, tensor(noise, {phrases, z})))
    all.steps.insert(all.steps.end(), r.steps.begin(), r.steps.end());
  return all;
}

Json evaluate(Band& band, const MusicEvalOptions& o) {
  o.validate();
  const Options& own = band.options();
  const music::RollSet set = band.open(o.or_own(own.data));
  const auto& real = o.split == "train"        ? set.train
                     : o.split == "validation" ? set.validation
                                               : set.test;
  check(!measured_windows(real, own).empty(), "'{}': no piece of its part '{}' is {} bars long",
        o.or_own(own.data), *o.split, *own.bars);
  const Judged of_real = judge(real, set.train, own, o.seed);
  const Judged of_band = judge(band.player().play(own, o.seed, o.count), set.train, own, o.seed);
  Json result = {{"examples", *o.count},
                 {"real_examples", std::ssize(measured_windows(real, own))}};
  add(result, "", of_band), add(result, "real_", of_real);
  add_distances(result, "", of_band, of_real);
  if (o.split != "train") {
    const Judged of_train{music::estimate(measured_windows(set.train, own), o.seed), NAN};
    add(result, "train_", of_train), add_distances(result, "train_", of_train, of_real);
  }
  if (!o.beside.is_open()) {
    const Judged of_other = judge(composed(o.beside, own, o.count, o.seed), set.train, own, o.seed);
    add(result, "recurrent_", of_other), add_distances(result, "recurrent_", of_other, of_real);
  }
  return band.result(o.split, result);
}

std::string in_words(const Json& m) {
  std::string words = fmt::format("{} of {} measures within 2 deviations of real music:",
                                  m["within_2"].get<int64_t>(), music::kMeasures);
  for (const char* name : music::kMeasureNames)
    if (m.contains(name) && m.contains(std::string("real_") + name))
      words += fmt::format(" {} {:.3f} (real {:.3f}),", name, m[name].get<double>(),
                           m[std::string("real_") + name].get<double>());
  words.pop_back();
  if (m.contains("train_within_2"))
    words += fmt::format("; the training data themselves {} of {}",
                         m["train_within_2"].get<int64_t>(), music::kMeasures);
  if (m.contains("copied_bars"))
    words += fmt::format("; {:.1f} % of its bars stand in the training data",
                         100 * m["copied_bars"].get<double>());
  return words;
}

}  // namespace cairn::tasks::music_gan
