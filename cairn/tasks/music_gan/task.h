// Music from noise: a generator and a discriminator learn from each other phrases of several
// voices. Like MuseGAN (phrases at once, by convolutions) rather than C-RNN-GAN (note after note,
// by recurrence): the one gives each gradient a short way and trains in minutes; of the other even
// its authors' and porters' runs gave little to listen to, and what recurrence does well is learned
// by likelihood in language-model, beside which this one is measured.
#pragma once
#include "cairn/compile/compile.h"
#include "cairn/models/music_gan.h"
#include "cairn/music/measures.h"
#include "cairn/music/rolls.h"
#include "cairn/tasks/adversarial/options.h"
#include "cairn/tasks/task.h"

namespace cairn::tasks::music_gan {

using train::Open, train::Option, train::Use, train::whole, train::one_of;
inline constexpr const char* kTask = "music-gan";

struct Options : adversarial::Options {
  Options() {
    steps.usual(4000), batch.usual(32);
    lr.usual({{"wgan-gp", 5e-4}, {"", 2e-4}});
    conditional.hide();  // music has no labels
  }
  train::DataOption data{this, "chorales",
                         "MIDI, ABC or JSON rolls with voices, or a folder of them; 'chorales' are "
                         "drawn by the program"};
  Option<std::string> model{this, "model", "wgan-gp", one_of({"wgan-gp", "dcgan"}),
                            "Critic with a penalty on its slope, or a discriminator"};
  Option<int64_t> width{this, "width", 96, whole(1, 65536), "Channels"};
  Option<int64_t> bars{this, "bars", 2, whole(1, 64),
                       "Bars of four quarters that are made at once"};
  Option<int64_t> voices{this, "voices", Open{"the data's; of chords 4"}, whole(1, 16), "Voices"};
  Option<int64_t> grid{this, "grid", Open{"4; of JSON rolls by their name"}, whole(1, 24),
                       "Steps of a quarter"};
  // A fact: the lowest pitch and the highest.
  Option<std::vector<int64_t>> range{this, "range"};

  int64_t steps_of_bar() const { return 4 * grid; }
  models::RollGanSize size() const {
    return {.voices = voices,
            .steps = bars * steps_of_bar(),
            .pitches = (*range)[1] - (*range)[0] + 2,
            .width = width,
            .z = z};
  }
};

// The data in voices.
music::RollSet open_voices(Options& options, const std::string& source);
// A phrase as the networks take it, and back. Pitches out of range are silent.
void write_phrase(const Options& o, const music::Roll& roll, float* to);
music::Roll phrase_of(const Options& o, const float* from);

Json train(Options options);

// Draws phrases with a generator in evaluation mode, compiled once.
class Player {
 public:
  explicit Player(const models::RollGenerator& generator);
  std::vector<music::Roll> play(const Options& o, const Tensor& noise) const;
  std::vector<music::Roll> play(const Options& o, uint64_t seed, int64_t count) const;

 private:
  std::shared_ptr<CompiledFunction> forward_;
};

// A trained generator.
class Band : public Model {
 public:
  explicit Band(const train::SavedModel& saved);
  nn::Module& network() override { return generator_; }
  std::vector<Tensor> inputs(int64_t examples) override;  // noise
  std::vector<std::string> gives() const override { return {"rolls"}; }
  const Options& options() const { return options_; }
  const Player& player() const { return player_; }
  music::RollSet open(const std::string& source) const;
  // Phrases one after another, from noise that changes little from each to the next.
  music::Roll song(int64_t phrases, uint64_t seed) const;

 private:
  Options options_;
  models::RollGenerator generator_;
  Player player_;
};

struct MusicEvalOptions : SplitEvalOptions {
  Option<int64_t> count{this, "count", 1000, whole(2, 1'000'000), "Phrases to draw"};
  Option<uint64_t> seed{this, "seed", 1, whole(0, INT64_MAX), "Of what is drawn"};
  Option<std::string> beside{this, "beside", Open{"none"},
                             "Run of language-model on the same rolls, to measure what it composes "
                             "beside"};
};
struct Judged {
  std::array<music::Estimate, music::kMeasures> values;
  double copied = 0;
};
// {examples, real_examples, of each measure NAME, NAME_deviation, real_NAME, real_NAME_deviation,
// NAME_apart (in deviations of the difference), within_2, copied_bars, real_copied_bars}; of the
// training data, as far as no generator need get, train_NAME, ..., train_within_2; with `beside`
// also recurrent_NAME, ...
Json evaluate(Band& band, const MusicEvalOptions& options);
std::string in_words(const Json& measured);

void report(train::report::Page& page, Band& band, const train::report::Lines& log);

}  // namespace cairn::tasks::music_gan
