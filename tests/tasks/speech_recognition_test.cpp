// Speech recognition from files on disk, as a user has them.
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>

#include "cairn/audio/sound.h"
#include "cairn/data/speech.h"
#include "cairn/tasks/speech_recognition/task.h"
#include "tests/io/temporary_folder.h"

namespace cairn::tasks::speech_recognition {
namespace {

class Speech : public testing::Test {
 protected:
  // FSDD's names; a class is a letter's tone.
  void write_clips() {
    std::filesystem::create_directories(folder_ / "clips");
    for (int digit = 0; digit < 3; ++digit)
      for (int i = 0; i < 12; ++i) {
        std::vector<float> x(1600);
        for (size_t k = 0; k < x.size(); ++k)
          x[k] = 0.3f * std::sin(2 * M_PI * (400 + 700 * digit + 5 * i) * k / 8000);
        audio::write_wav(folder_ / fmt::format("clips/{}_a_{}.wav", digit, i), x, 8000);
      }
  }
  Options small(const std::string& out) {
    Options o;
    o.out = folder_ / out, o.quiet = true, o.width = 8, o.batch = 8;
    return o;
  }
  TemporaryFolder folder_;
};

TEST_F(Speech, WholeClipsAreLearned) {
  write_clips();
  Options o = small("run");
  o.data = folder_ / "clips", o.whole_clip = true, o.epochs = 120, o.ema = 0, o.lr = 5e-3;
  train(o);
  const auto model = open_model(folder_ / "run");
  auto& r = static_cast<Recogniser&>(*model);
  EXPECT_EQ(r.labels(), (std::vector<std::string>{"0", "1", "2"}));
  const Json measured = r.judge().measure(r.part("", "test"));
  EXPECT_EQ(measured["examples"], 15);
  EXPECT_GT(measured["accuracy"].get<double>(), 0.6) << measured.dump();
}

TEST_F(Speech, WordsHaveTimesInOrder) {
  Options o = small("run");
  o.steps = 3, o.layers = 1;
  train(o);
  const auto model = open_model(folder_ / "run");
  auto& r = static_cast<Recogniser&>(*model);
  // As a network would say "ab c" in eight frames.
  Recognised heard{"ab c", 0, {}, 8};
  const std::vector<int64_t> path{0,
                                  r.letters().encode("a")[0],
                                  r.letters().encode("b")[0],
                                  0,
                                  r.letters().encode("a c")[1],
                                  r.letters().encode("c")[0],
                                  r.letters().encode("c")[0],
                                  0};
  heard.log_p.assign(static_cast<size_t>(8 * r.letters().size()), -10.f);
  for (size_t t = 0; t < path.size(); ++t)
    heard.log_p[t * static_cast<size_t>(r.letters().size()) + path[t]] = -0.1f;
  const auto words = r.words_of(heard, 100, 1e9);
  ASSERT_EQ(words.size(), 2u);
  const double frame = r.ear().seconds_of(1);
  EXPECT_EQ(words[0].word, "ab");
  EXPECT_EQ(words[1].word, "c");
  EXPECT_NEAR(words[0].start, 100 + frame, 1e-9);
  EXPECT_NEAR(words[0].end, 100 + 3 * frame, 1e-9);
  EXPECT_NEAR(words[1].end, 100 + 7 * frame, 1e-9);
  EXPECT_NEAR(words[1].confidence, std::exp(-0.1), 1e-4);
  // The last frame may reach beyond the sound, a word does not.
  const double end = 100 + 6.5 * frame;
  EXPECT_EQ(r.words_of(heard, 100, end)[1].end, end);
}

// Other data without parts are measured whole, and said to be.
TEST_F(Speech, OtherDataAreMeasuredWhole) {
  write_clips();
  Options o = small("run");
  o.steps = 2, o.layers = 1;
  train(o);
  const auto model = open_model(folder_ / "run");
  auto& r = static_cast<Recogniser&>(*model);
  std::string lines = "path\ttext\n";
  for (int i = 0; i < 5; ++i) lines += fmt::format("clips/0_a_{}.wav\ta\n", i);
  std::ofstream(folder_ / "other.tsv") << lines;
  SpeechEvalOptions how;
  EXPECT_EQ(r.chosen(how).split, "validation");
  how.data = folder_ / "other.tsv";
  EXPECT_EQ(r.chosen(how).split, "all");
  EXPECT_EQ(r.chosen(how).part.utterances.size(), 5u);
  how.split = "test";
  EXPECT_ERROR(r.chosen(how), "has no parts");
  how.data = folder_ / "clips";  // FSDD's names say which are the test
  EXPECT_EQ(r.chosen(how).split, "test");
  EXPECT_EQ(r.chosen(how).part.utterances.size(), 15u);
}

TEST_F(Speech, TextsLongerThanTheirFramesAreLeftOutAndSaid) {
  write_clips();
  const auto list = [&](const std::string& name, const std::vector<std::string>& texts) {
    std::string lines = "path\ttext\n";
    for (size_t i = 0; i < texts.size(); ++i)
      lines += fmt::format("clips/0_a_{}.wav\t{}\n", i, texts[i]);
    std::ofstream(folder_ / name) << lines;
    return folder_ / name;
  };
  const std::string longer(40, 'a');  // and a blank between two of the same
  Options o = small("run");
  o.data = list("some.tsv", {"a", "b", longer, "a", "b", "a"}), o.val_split = 0.2, o.steps = 2;
  testing::internal::CaptureStderr();
  const Json result = train(o);
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_NE(said.find("left out 1 recordings"), std::string::npos) << said;
  EXPECT_NE(said.find("some.tsv"), std::string::npos) << said;
  EXPECT_NE(said.find("line 4"), std::string::npos) << said;
  EXPECT_NE(said.find("a text that needs 79"), std::string::npos) << said;
  EXPECT_TRUE(std::isfinite(result["loss"].get<double>())) << result.dump();
  o = small("never"), o.steps = 2, o.val_split = 0.2;
  o.data = list("all.tsv", std::vector<std::string>(5, longer));
  try {
    train(o);
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("all.tsv': every text is longer than its frames"),
              std::string::npos)
        << e.what();
  }
  EXPECT_FALSE(std::filesystem::exists(folder_ / "never"));
}

TEST_F(Speech, RecordingsThatAreCutShortAreNamedAndCounted) {
  write_clips();
  const auto cut = [&](const std::string& name) {
    const std::string file = folder_ / ("clips/" + name);
    std::filesystem::resize_file(file, std::filesystem::file_size(file) - 700);
  };
  const auto trained = [&](const std::string& run) {
    Options o = small(run);
    o.data = folder_ / "clips", o.whole_clip = true, o.steps = 2;
    testing::internal::CaptureStderr();
    train(o);
    return testing::internal::GetCapturedStderr();
  };
  const auto count = [](const std::string& text, const std::string& part) {
    size_t times = 0;
    for (size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++times;
    return times;
  };
  const std::string part = "is cut short: 700 bytes that its header states are missing";
  EXPECT_EQ(count(trained("whole"), "cut short"), 0u);
  cut("1_a_7.wav");
  std::string said = trained("one");
  EXPECT_EQ(count(said, part), 1u) << said;
  EXPECT_NE(said.find("1_a_7.wav' " + part), std::string::npos) << said;
  EXPECT_EQ(count(said, "recordings are cut short"), 0u) << said;
  for (int i = 5; i < 12; ++i) cut(fmt::format("2_a_{}.wav", i));
  said = trained("many");
  EXPECT_EQ(count(said, part), 3u) << said;
  EXPECT_NE(said.find("8 recordings are cut short or damaged, these 3 among them"),
            std::string::npos)
      << said;
}

TEST_F(Speech, SilenceAndASingleSampleAreHeard) {
  Options o = small("run");
  o.steps = 3, o.layers = 1;
  train(o);
  const auto model = open_model(folder_ / "run");
  auto& r = static_cast<Recogniser&>(*model);
  for (const size_t samples : {1u, 16000u}) {
    const Recognised heard = r.judge().recognise(r.ear().hear(std::vector<float>(samples, 0.f)));
    EXPECT_GT(heard.frames, 0);
    for (const float p : heard.log_p) ASSERT_TRUE(std::isfinite(p)) << samples;
  }
}

TEST_F(Speech, WhatDoesNotBelongTogetherIsRefusedBeforeAnythingIsWritten) {
  const auto expect_refused = [&](const char* option, const auto& spoil) {
    Options o = small("never");
    o.steps = 2;
    spoil(o);
    try {
      train(o);
      ADD_FAILURE() << option;
    } catch (const InvalidOption& e) { EXPECT_EQ(e.option(), option); }
    EXPECT_FALSE(std::filesystem::exists(folder_ / "never"));
  };
  expect_refused("model", [](Options& o) { o.model = "cnn"; });
  expect_refused("model", [](Options& o) { o.whole_clip = true, o.model = "bilstm"; });
  expect_refused("heads", [](Options& o) { o.model = "transformer", o.heads = 3; });
}

}  // namespace
}  // namespace cairn::tasks::speech_recognition
