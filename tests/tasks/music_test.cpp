// Music as tokens and rolls: what is counted, what goes on, what is written; phrases of the GAN.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "cairn/autograd/autograd.h"
#include "cairn/base/invalid_option.h"
#include "cairn/base/parallel.h"
#include "cairn/io/file.h"
#include "cairn/music/midi.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/language_model/task.h"
#include "cairn/tasks/music.h"
#include "cairn/tasks/music_gan/task.h"
#include "cairn/train/signals.h"
#include "tests/io/temporary_folder.h"
#include "tests/tasks/runs.h"

namespace cairn::tasks {
namespace {

using music::Chord, music::Roll;
namespace fs = std::filesystem;

std::string error_of(const std::function<void()>& run) {
  try {
    run();
  } catch (const Error& e) { return e.what(); }
  return "nothing was thrown";
}

struct Kind {
  const char *tokens, *model;
};
class Composing : public testing::TestWithParam<Kind> {
 protected:
  void SetUp() override { set_num_threads(1); }
  language_model::Options options(const std::string& out) const {
    language_model::Options o;
    o.tokens = GetParam().tokens, o.model = GetParam().model, o.grid = 1;
    o.layers = 1, o.width = 16, o.heads = 2, o.batch = 8, o.context = 40;
    o.steps = 6, o.eval_every = 3, o.seed = 2, o.quiet = true, o.out = folder_ / out;
    return o;
  }
  TemporaryFolder folder_;
};

TEST_P(Composing, StoppedAndResumedEndsWithTheSameBits) {
  language_model::train(options("whole"));
  auto part = options("part");
  part.stop_after_steps = 2;
  EXPECT_THROW(language_model::train(part), train::Stopped);
  language_model::Options rest;
  rest.resume = true, rest.quiet = true, rest.out = folder_ / "part";
  language_model::train(rest);
  EXPECT_EQ(io::read_file(folder_ / "part/model.safetensors"),
            io::read_file(folder_ / "whole/model.safetensors"));
}

TEST_P(Composing, EveryStepButTheFirstCountsOnce) {
  auto o = options("never");
  const language_model::Notation notation(o.is_rolls());
  o.vocab = notation.vocab();
  models::MusicModel network(o.size(), o.is_rolls());
  for (const Tensor& p : network.module().parameters()) assign(p, zeros(p.shape()));
  std::vector<Roll> pieces;
  int64_t steps = 0, tokens = 0;
  for (int64_t i = 0; i < 3; ++i) {
    pieces.push_back(music::drawn_chorale(i, 1));  // four voices that never meet
    pieces.back().steps.resize(20 + static_cast<size_t>(i));
    steps += std::ssize(pieces.back().steps) - 1,
        tokens += 5 * (std::ssize(pieces.back().steps) - 1);
  }
  const Json m = language_model::measure_music(network, o, pieces);
  EXPECT_EQ(m["examples"], steps);
  const double expected =
      o.is_rolls() ? 88 * std::log(2.0)
                   : static_cast<double>(tokens) / static_cast<double>(steps) * std::log(89.0);
  EXPECT_NEAR(m["nats_per_step"].get<double>(), expected, 1e-4);
}

// What it says of a step depends on the steps before it alone.
TEST_P(Composing, NothingIsSeenBeforeItComes) {
  auto o = options("never");
  const language_model::Notation notation(o.is_rolls());
  o.vocab = notation.vocab(), manual_seed(1);
  models::MusicModel network(o.size(), o.is_rolls());
  network.module().eval();
  auto steps = music::drawn_chorale(0, 1).steps;
  steps.resize(8);
  const auto logits = [&] {
    const language_model::MusicBatch batch{{{steps, 0, notation.length_of(steps), 0}}};
    return network.logits(batch.tensors(notation)[0]);
  };
  const Tensor before = logits();
  for (int& key : steps.back()) --key;
  const Tensor after = logits();
  const int64_t same = notation.rolls() ? 8 : 5 * 7 + 1;
  EXPECT_EQ(slice(before, 1, 0, same).to_vector<float>(),
            slice(after, 1, 0, same).to_vector<float>());
}

TEST_P(Composing, WritesMidiAndSound) {
  language_model::train(options("run"));
  const auto model = open_model(folder_ / "run");
  auto& composer = static_cast<language_model::Composer&>(*model);
  language_model::GenerateOptions g;
  EXPECT_NE(error_of([&] { composer.write(g); }).find("a MIDI file"), std::string::npos);
  g.out = folder_ / "a.xyz";
  EXPECT_NE(error_of([&] { composer.write(g); }).find(".mid or .midi"), std::string::npos);
  g.out = folder_ / "a.mid", g.wav = folder_ / "a.wav", g.steps = 24, g.seed = 5;
  EXPECT_EQ(composer.write(g), 0);
  EXPECT_EQ(io::read_file(g.wav, 1 << 24).size() % 2, 0u);
  const auto roll = composer.compose({}, 24, {}, 5);
  EXPECT_EQ(roll.steps.size(), 24u);
  for (const Chord& c : roll.steps)
    for (size_t i = 1; i < c.size(); ++i) EXPECT_GT(c[i - 1], c[i]);
  auto read = music::to_roll(music::read_midi(g.out).scores[0], 1).steps, written = roll.steps;
  while (!written.empty() && written.back().empty()) written.pop_back();
  EXPECT_EQ(read, written);
  const auto first = io::read_file(g.out);
  composer.write(g);
  EXPECT_EQ(io::read_file(g.out), first);
  g.prompt = folder_ / "a.mid";
  composer.write(g);
  EXPECT_NE(io::read_file(g.out), first);
  EXPECT_EQ(composer.measured({})["split"], "test");
  g.beams = 3;
  EXPECT_THROW(composer.write(g), InvalidOption);
}

INSTANTIATE_TEST_SUITE_P(Music, Composing,
                         testing::Values(Kind{"notes", "lstm"}, Kind{"notes", "gpt"},
                                         Kind{"pianoroll", "gru"}, Kind{"pianoroll", "rnn"},
                                         Kind{"pianoroll", "gpt"}),
                         [](const auto& info) {
                           return std::string(info.param.tokens) + "_" + info.param.model;
                         });

TEST(MusicGan, PhrasesAreOneNumberAStepAndBack) {
  music_gan::Options o;
  o.voices = 2, o.bars = 1, o.grid = 2, o.range.fill({50, 60});
  EXPECT_EQ(o.size().pitches, 12);
  Roll roll{"phrase", 2, {}, 0};
  for (int s = 0; s < 8; ++s) roll.steps.push_back({50 + s, s == 3 ? music::kSilent : 60});
  std::vector<float> cells(2 * 8 * 12);
  music_gan::write_phrase(o, roll, cells.data());
  double sum = 0;
  for (const float c : cells) sum += c;
  EXPECT_EQ(sum, 16);
  EXPECT_EQ(music_gan::phrase_of(o, cells.data()).steps, roll.steps);
}

// Before anything is made: MIDI under another name would be taken for what it is not.
TEST(MusicFiles, EndAsWhatIsWritten) {
  const TemporaryFolder folder;
  const auto option_of = [&](const std::string& out, const std::string& wav) {
    try {
      check_music_files(folder / out, wav.empty() ? "" : folder / wav);
    } catch (const InvalidOption& e) { return e.option() + ": " + e.reason(); }
    return std::string();
  };
  for (const char* out : {"m.mid", "m.midi", "M.MID", "m"}) {
    EXPECT_EQ(option_of(out, ""), "");
    EXPECT_EQ(option_of(out, "m.WAV"), "");
  }
  for (const char* out : {"m.xyz", "m.mp3", "m.wav", "m.mid.gz"}) {
    const std::string said = option_of(out, "");
    EXPECT_TRUE(said.starts_with("out: MIDI is written")) << said;
    EXPECT_NE(said.find(".mid or .midi"), said.npos) << said;
  }
  const std::string said = option_of("m.mid", "m.mp3");
  EXPECT_TRUE(said.starts_with("wav: WAV is written")) << said;
  EXPECT_EQ(folder.entries(), 0);
}

TEST(MusicGan, GenerateRefusesOtherEndings) {
  set_num_threads(1);
  const TemporaryFolder folder;
  const auto band = open_model(Runs::get().of("music-gan"));
  const Verb& generate = *find_verb(task_named("music-gan"), "generate");
  const auto options = generate.options();
  options->find("out")->parse(folder / "m.xyz");
  EXPECT_THROW(generate.run(*band, *options), InvalidOption);
  EXPECT_EQ(folder.entries(), 0);
}

TEST(MusicGan, BesideMusicStandsNoRunOfText) {
  set_num_threads(1);
  const std::string text = Runs::get().of("language-model");
  const auto band = open_model(Runs::get().of("music-gan"));
  const Verb& eval = *find_verb(task_named("music-gan"), "eval");
  const auto options = eval.options();
  options->find("beside")->parse(text), options->find("count")->parse("4");
  const std::string error = error_of([&] { eval.run(*band, *options); });
  EXPECT_NE(error.find(text), error.npos) << error;
  EXPECT_NE(error.find("writes text"), error.npos) << error;
}

// Gradients go through the choice of a pitch, and the choice is hard.
TEST(MusicGan, TheGeneratorChoosesAndLearns) {
  manual_seed(0);
  const models::RollGanSize size{.voices = 2, .steps = 16, .pitches = 5, .width = 8, .z = 4};
  const models::RollGenerator generator(size);
  const models::RollDiscriminator discriminator(size, models::GanNorm::spectral);
  const Tensor made = generator(randn({3, 4}));
  EXPECT_EQ(made.shape(), (Shape{3, 2, 16, 5}));
  for (const float v : made.to_vector<float>()) EXPECT_TRUE(v < 1e-5f || v > 1 - 1e-5f) << v;
  const Tensors gradients = grad({mean(discriminator(made))}, generator.parameters());
  double norm = 0;
  for (const Tensor& g : gradients)
    for (const float v : g.to_vector<float>()) norm += std::abs(v);
  EXPECT_GT(norm, 1e-6);
}

}  // namespace
}  // namespace cairn::tasks
