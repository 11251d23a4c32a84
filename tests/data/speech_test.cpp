// Recordings with their texts, in the layouts that corpora come in, and damaged ones.
#include "cairn/data/speech.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "cairn/audio/sound.h"
#include "cairn/base/error.h"
#include "tests/io/temporary_folder.h"

namespace cairn::data {
namespace {

namespace fs = std::filesystem;

class SpeechFiles : public testing::Test {
 protected:
  std::string sound(const std::string& name) {
    fs::create_directories(fs::path(folder_ / name).parent_path());
    audio::write_wav(folder_ / name, std::vector<float>(100, 0.1f), 8000);
    return folder_ / name;
  }
  std::string file(const std::string& name, const std::string& text) {
    fs::create_directories(fs::path(folder_ / name).parent_path());
    std::ofstream(folder_ / name, std::ios::binary) << text;
    return folder_ / name;
  }
  void expect_refused(const std::string& data, const std::string& part) {
    try {
      open_speech(data);
      ADD_FAILURE() << "opened " << data;
    } catch (const Error& e) {
      EXPECT_NE(std::string(e.what()).find(part), std::string::npos) << e.what();
    }
  }
  TemporaryFolder folder_;
};

TEST_F(SpeechFiles, TonesAreDrawnTheSameEachTime) {
  const SpeechSet a = open_speech("tones"), b = open_speech("tones");
  EXPECT_EQ(a.train.utterances[5].text, b.train.utterances[5].text);
  EXPECT_EQ(drawn_speech(7), drawn_speech(7));
  EXPECT_FALSE(a.test.utterances.empty());
}

TEST_F(SpeechFiles, ManifestsNameFilesBesideThem) {
  sound("x/a.wav"), sound("x/b.wav");
  const auto tsv =
      file("x/list.tsv", "path\tsentence\tsplit\na.wav\tone two\ttrain\nb.wav\tthree\ttest\n");
  const SpeechSet set = open_speech(tsv);
  ASSERT_EQ(set.train.utterances.size(), 1u);
  EXPECT_EQ(set.train.utterances[0].text, "one two");
  EXPECT_EQ(set.test.utterances[0].id, "b");
  const auto jsonl = file("x/list.jsonl", "{\"audio\": \"a.wav\", \"text\": \"one\"}\n\n");
  EXPECT_EQ(open_speech(jsonl).train.utterances[0].text, "one");
}

TEST_F(SpeechFiles, WhatIsWrongWithAManifestIsSaidWithItsLine) {
  sound("a.wav");
  expect_refused(file("m.tsv", "path\ttext\na.wav\tx\nmissing.wav\ty\n"), "line 3");
  expect_refused(file("r.tsv", "path\ttext\na.wav\n"), "line 2");
  expect_refused(file("h.tsv", "one\ttwo\na.wav\tx\n"), "column");
  expect_refused(file("t.tsv", "path\ttext\ttext\na.wav\tx\ty\n"), "two columns are called 'text'");
  expect_refused(file("s.tsv", "path\ttext\tsplit\na.wav\tx\tother\n"), "other");
  expect_refused(file("j.jsonl", "{\"audio\": \"a.wav\", \"text\": \"x\"}\n[1]\n"), "line 2");
  expect_refused(file("k.jsonl", "{\"audio\": \"a.wav\"}\n"), "line 1");
  expect_refused(file("e.jsonl", ""), "holds no recordings");
  expect_refused(folder_ / "nowhere", "nowhere");
  expect_refused(folder_ / "a.wav", "a.wav");
}

TEST_F(SpeechFiles, LayoutsAreTold) {
  sound("fsdd/recordings/7_jackson_32.wav"), sound("fsdd/recordings/3_theo_4.wav");
  const SpeechSet fsdd = open_speech(folder_ / "fsdd");
  EXPECT_EQ(fsdd.layout, "FSDD");
  EXPECT_EQ(fsdd.train.utterances[0].text, "7");
  EXPECT_EQ(fsdd.test.utterances[0].text, "3");
  sound("ls/train-clean/1/2/1-2-3.wav"), sound("ls/test-clean/4/5/4-5-6.wav");
  file("ls/train-clean/1/2/1-2.trans.txt", "1-2-3 HELLO YOU\n");
  file("ls/test-clean/4/5/4-5.trans.txt", "4-5-6 BYE\n");
  const SpeechSet libri = open_speech(folder_ / "ls");
  EXPECT_EQ(libri.layout, "LibriSpeech");
  EXPECT_EQ(libri.train.utterances[0].text, "HELLO YOU");
  EXPECT_EQ(libri.test.utterances[0].text, "BYE");
  sound("cv/clips/a.wav"), sound("cv/clips/b.wav");
  file("cv/train.tsv", "client_id\tpath\tsentence\nx\ta.wav\t\"Hi,\" he said.\n");
  file("cv/test.tsv", "client_id\tpath\tsentence\nx\tb.wav\tHo.\n");
  const SpeechSet voice = open_speech(folder_ / "cv");
  EXPECT_EQ(voice.layout, "Common Voice");
  EXPECT_EQ(voice.train.utterances[0].text, "\"Hi,\" he said.");
  EXPECT_EQ(voice.test.utterances[0].text, "Ho.");
  sound("texts/a.wav"), file("texts/a.txt", "a b\nc\n"), sound("texts/b.wav");
  const SpeechSet texts = open_speech(folder_ / "texts");
  EXPECT_EQ(texts.train.utterances[0].text, "a b c");
  EXPECT_NE(texts.left_out.find("without a text"), std::string::npos);
  sound("classes/yes/a.wav"), sound("classes/no/b.wav");
  EXPECT_EQ(open_speech(folder_ / "classes").train.utterances[0].text, "no");
  file("ls/test-clean/4/5/4-5.trans.txt", "4-5-6 BYE\n4-5-7 GONE\n");
  expect_refused(folder_ / "ls", "line 2");
}

TEST_F(SpeechFiles, ReadyFeaturesAreRead) {
  std::string numbers;
  for (int i = 0; i < 3 * 13; ++i) numbers += static_cast<char>(i), numbers += '\0';
  file("an4/train.mfcc13.i16.gz", numbers);  // plain, which is read, too
  const std::string head = "utterance\tspeaker\tfirst_frame\tframes\ttranscript\n";
  file("an4/train.tsv", head + "u1\ts\t1\t2\tA B\n");
  const SpeechSet set = open_speech(folder_ / "an4");
  EXPECT_EQ(set.layout, "AN4");
  EXPECT_EQ(set.train.utterances[0].first, 1);
  EXPECT_FLOAT_EQ(set.train.features->values[13], 13 / 1600.f);
  file("an4/train.tsv", head + "u1\ts\t1\t3\tA B\n");
  expect_refused(folder_ / "an4", "line 2");
  file("an4/train.tsv", head + "u1\ts\t1\tx\tA B\n");
  expect_refused(folder_ / "an4", "'x'");
}

}  // namespace
}  // namespace cairn::data
