// What every task promises of data that lie in files: they may move, and are named when they are
// gone; others than a run began with are said; whatever is damaged is an error that names it, or
// does not matter. A new task needs a row in kinds_of_data().
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>

#include "cairn/audio/sound.h"
#include "cairn/base/parallel.h"
#include "cairn/io/file.h"
#include "cairn/tasks/task.h"
#include "cairn/train/signals.h"
#include "tests/io/temporary_folder.h"

namespace cairn::tasks {
namespace {

namespace fs = std::filesystem;

struct Data {
  std::string (*write)(const std::string& folder);  // a file or folder below; what `data` says
  void (*grow)(const std::string& data);
  const char* options = "{}";  // beside the smallest training's
};

// PGM, in which every byte of a pixel may be any.
void picture(const std::string& path, int kind, int number) {
  std::string pixels(size_t{32} * 32, static_cast<char>(40 * kind));
  for (int i = 4; i < 28; ++i) pixels[(kind == 0 ? i : (number + 7) % 28) * 32 + i] = '\xff';
  std::ofstream(path) << "P5\n32 32\n255\n" << pixels;
}

std::string write_classes(const std::string& folder) {
  const std::string root = folder + "/pictures";
  for (int kind = 0; kind < 2; ++kind) {
    const std::string of_kind = root + (kind == 0 ? "/cat" : "/dog");
    fs::create_directories(of_kind);
    for (int i = 0; i < 20; ++i) picture(fmt::format("{}/{:02}.pgm", of_kind, i), kind, i);
  }
  return root;
}
void add_picture(const std::string& data) { picture(data + "/cat/more.pgm", 0, 5); }

std::string write_boxes(const std::string& folder) {
  const std::string root = folder + "/boxes";
  fs::create_directories(root + "/images"), fs::create_directories(root + "/labels");
  std::ofstream(root + "/classes.txt") << "circle\nsquare\n";
  for (int i = 0; i < 20; ++i) {
    picture(fmt::format("{}/images/{:02}.pgm", root, i), i % 2, i);
    std::ofstream(fmt::format("{}/labels/{:02}.txt", root, i)) << i % 2 << " 0.5 0.5 0.6 0.7\n";
  }
  return root;
}
void add_box(const std::string& data) {
  std::ofstream(data + "/labels/03.txt", std::ios::app) << "0 0.3 0.3 0.4 0.4\n";
}

std::string write_text(const std::string& folder) {
  std::ofstream file(folder + "/text.txt");
  for (int i = 0; i < 200; ++i) file << "hello world, hello there " << i % 7 << "\n";
  return folder + "/text.txt";
}
void add_line(const std::string& data) { std::ofstream(data, std::ios::app) << "hello world\n"; }

std::string write_series(const std::string& folder) {
  std::ofstream file(folder + "/series.csv");
  file << "value\n";
  for (int i = 0; i < 1000; ++i) file << std::sin(i * 0.3) + 0.01 * (i % 13) << "\n";
  return folder + "/series.csv";
}
void add_row(const std::string& data) { std::ofstream(data, std::ios::app) << "0.5\n"; }

std::string write_table(const std::string& folder) {
  std::ofstream file(folder + "/table.csv");
  file << "size,colour,kind\n";
  for (int i = 0; i < 60; ++i)
    file << i % 9 << (i % 2 ? ",red," : ",blue,") << (i % 3 ? "a" : "b") << "\n";
  return folder + "/table.csv";
}
void add_table_row(const std::string& data) { std::ofstream(data, std::ios::app) << "1,red,a\n"; }

std::string write_pairs(const std::string& folder) {
  std::ofstream file(folder + "/pairs.tsv");
  for (int i = 0; i < 80; ++i) file << "one two " << i << "\tun deux " << i << "\n";
  return folder + "/pairs.tsv";
}
void add_pair(const std::string& data) { std::ofstream(data, std::ios::app) << "one\tun\n"; }

std::string write_summaries(const std::string& folder) {
  std::ofstream file(folder + "/talks.jsonl");
  for (int i = 0; i < 80; ++i)
    file << Json{{"dialogue", fmt::format("A: one {}\nB: two", i)}, {"summary", "one two"}} << "\n";
  return folder + "/talks.jsonl";
}
void add_summary(const std::string& data) {
  std::ofstream(data, std::ios::app) << R"({"dialogue": "one", "summary": "two"})"
                                     << "\n";
}

// SQuAD's, an article a line.
std::string question(int i) {
  const std::string context = fmt::format("Ada {} was born in Oslo.", i);
  const Json qa = {{"id", std::to_string(i)},
                   {"question", "Where was she born?"},
                   {"answers", {{{"text", "Oslo"}, {"answer_start", context.find("Oslo")}}}}};
  return Json{{"paragraphs", {{{"context", context}, {"qas", {qa}}}}}}.dump();
}
std::string write_questions(const std::string& folder) {
  std::ofstream file(folder + "/squad.json");
  file << R"({"data": [)" << question(0);
  for (int i = 1; i < 60; ++i) file << ",\n" << question(i);
  file << "]}\n";
  return folder + "/squad.json";
}
void add_question(const std::string& data) {
  std::string text = io::read_text_file(data);
  text.insert(text.rfind("]}"), "," + question(70));
  std::ofstream(data) << text;
}

// The list names its recordings by their whole paths, so that it may move without them.
std::string write_recordings(const std::string& folder) {
  std::ofstream file(folder + "/list.tsv");
  file << "path\ttext\n";
  for (int i = 0; i < 20; ++i) {
    std::vector<float> sound(2000);
    for (size_t k = 0; k < sound.size(); ++k) sound[k] = 0.3f * std::sin(0.01f * k * (i % 5 + 1));
    const std::string path = fmt::format("{}/{}.wav", folder, i);
    audio::write_wav(path, sound, 8000);
    file << path << "\tone " << i % 5 << "\n";
  }
  return folder + "/list.tsv";
}
void add_recording(const std::string& data) {
  std::ofstream(data, std::ios::app) << fs::path(data).parent_path().string() << "/0.wav\tone 0\n";
}

std::string write_labelled(const std::string& folder) {
  std::ofstream file(folder + "/texts.csv");
  file << "text,label\n";
  for (int i = 0; i < 60; ++i)
    file << (i % 2 ? "good day " : "bad night ") << i << (i % 2 ? ",a\n" : ",b\n");
  return folder + "/texts.csv";
}
void add_labelled(const std::string& data) { std::ofstream(data, std::ios::app) << "so so,a\n"; }

// Both halves of a picture side by side, twice as wide as high.
void pair(const std::string& path, int number) {
  std::string pixels(size_t{64} * 32, '\x10');
  for (int i = 2; i < 30; ++i) pixels[i * 64 + (number + i) % 32] = '\xff';
  std::ofstream(path) << "P5\n64 32\n255\n" << pixels;
}
std::string write_picture_pairs(const std::string& folder) {
  fs::create_directory(folder + "/pairs");
  for (int i = 0; i < 20; ++i) pair(fmt::format("{}/pairs/{:02}.pgm", folder, i), i);
  return folder + "/pairs";
}
void add_picture_pair(const std::string& data) { pair(data + "/more.pgm", 7); }

// Half a second of a tone, 16 bits, 8 kHz; and what it says.
void sound(const std::string& folder, const std::string& name, int number) {
  constexpr uint32_t kRate = 8000, kSamples = 4000;
  const auto bytes = [](uint32_t value, int count) {
    std::string text;
    for (int i = 0; i < count; ++i) text += static_cast<char>(value >> 8 * i & 255);
    return text;
  };
  std::string wav = "RIFF" + bytes(36 + 2 * kSamples, 4) + "WAVEfmt " + bytes(16, 4) + bytes(1, 2) +
                    bytes(1, 2) + bytes(kRate, 4) + bytes(2 * kRate, 4) + bytes(2, 2) +
                    bytes(16, 2) + "data" + bytes(2 * kSamples, 4);
  for (uint32_t i = 0; i < kSamples; ++i)
    wav += bytes(
        static_cast<uint32_t>(static_cast<int32_t>(9000 * std::sin(i * 0.1 * (1 + number % 4)))),
        2);
  std::ofstream(folder + "/" + name + ".wav") << wav;
  std::ofstream(folder + "/" + name + ".txt") << (number % 2 ? "ab\n" : "ba\n");
}
std::string write_sounds(const std::string& folder) {
  fs::create_directory(folder + "/sounds");
  for (int i = 0; i < 30; ++i) sound(folder + "/sounds", fmt::format("{:02}", i), i);
  return folder + "/sounds";
}
void add_sound(const std::string& data) { sound(data, "more", 3); }

// A folder of frames for each video.
void video(const std::string& folder, int kind, int number) {
  std::filesystem::create_directories(folder);
  for (int i = 0; i < 6; ++i) picture(fmt::format("{}/{:02}.pgm", folder, i), kind, number + i);
}
std::string write_videos(const std::string& folder) {
  for (int i = 0; i < 12; ++i)
    video(fmt::format("{}/videos/{}/{}", folder, i % 2 ? "cat" : "dog", i), i % 2, i);
  return folder + "/videos";
}
void add_video(const std::string& data) { video(data + "/cat/more", 0, 5); }

// Four bars of four quarters.
void tune(const std::string& folder, const std::string& name, int number) {
  std::string text = "X:1\nT:t\nL:1/4\nK:C\n";
  for (int i = 0; i < 16; ++i)
    text +=
        fmt::format("{}{}", "CDEFGAB"[(number + i * (1 + number % 3)) % 7], i % 4 == 3 ? "|" : " ");
  std::ofstream(folder + "/" + name + ".abc") << text << "\n";
}
std::string write_tunes(const std::string& folder) {
  fs::create_directory(folder + "/tunes");
  for (int i = 0; i < 20; ++i) tune(folder + "/tunes", fmt::format("{:02}", i), i);
  return folder + "/tunes";
}
void add_tune(const std::string& data) { tune(data, "more", 3); }

const std::map<std::string, Data>& kinds_of_data() {
  static const std::map<std::string, Data> all = {
      {"image-classification", {write_classes, add_picture}},
      {"image-generation", {write_classes, add_picture}},
      {"image-gan", {write_classes, add_picture}},
      {"object-detection", {write_boxes, add_box}},
      {"language-model", {write_text, add_line}},
      {"text-gan", {write_text, add_line}},
      {"language-model, music", {write_tunes, add_tune, R"({"tokens": "notes"})"}},
      {"music-gan", {write_tunes, add_tune}},
      {"forecast", {write_series, add_row}},
      {"anomaly-detection", {write_series, add_row}},
      {"tabular", {write_table, add_table_row}},
      {"question-answering", {write_questions, add_question}},
      {"text-classification", {write_labelled, add_labelled}},
      {"image-to-image", {write_picture_pairs, add_picture_pair}},
      {"speech-recognition", {write_sounds, add_sound}},
      {"speech-recognition, a list", {write_recordings, add_recording}},
      {"machine-translation", {write_pairs, add_pair, R"({"val_split": 0.1})"}},
      {"style-transfer", {write_classes, add_picture}},
      {"video-classification", {write_videos, add_video}},
      {"summarization", {write_summaries, add_summary, R"({"val_split": 0.1})"}},
  };
  return all;
}

class EveryTasksData : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    set_num_threads(1);
    ASSERT_TRUE(kinds_of_data().contains(GetParam())) << "say how its data look in files";
    data_ = kind().write(folder_.path());
  }
  const Task& task() const { return task_named(GetParam().substr(0, GetParam().find(','))); }
  const Data& kind() const { return kinds_of_data().at(GetParam()); }
  std::string run() const { return folder_ / "run"; }

  // Ended after its second step.
  void begin(const std::string& data) const {
    auto options = task().options();
    Json chosen = Json::parse(task().smallest);
    chosen.update(Json::parse(kind().options));
    chosen["data"] = data;
    options->read_file(chosen, "smallest");
    options->out = run(), options->quiet = true, options->stop_after_steps = 2;
    EXPECT_THROW(task().train(*options), train::Stopped);
  }
  // Goes on for a step; what it says on standard error.
  std::string resume(const std::string& data = "") const {
    auto options = task().options();
    options->out = run(), options->quiet = true, options->resume = true;
    options->stop_after_steps = 3;
    if (!data.empty()) options->find("data")->parse(data);
    testing::internal::CaptureStderr();
    std::string what;
    try {
      task().train(*options);
    } catch (const train::Stopped&) {
    } catch (const Error& e) { what = e.what(); }
    return testing::internal::GetCapturedStderr() + what;
  }
  std::string moved() const {
    const std::string to = folder_ / "elsewhere";
    fs::create_directory(to);
    const std::string now = to + "/" + fs::path(data_).filename().string();
    fs::rename(data_, now);
    return now;
  }
  Json config() const { return Json::parse(io::read_text_file(run() + "/config.json")); }

  TemporaryFolder folder_;
  std::string data_;
};

constexpr const char* kOthers = "when the run began";

TEST_P(EveryTasksData, MovesAndIsNamedWhereItLiesNow) {
  begin(data_);
  const std::string now = moved();
  EXPECT_NE(resume().find(data_), std::string::npos) << "names what is gone";
  EXPECT_EQ(resume(now), "") << "the same data elsewhere: nothing to say";
  EXPECT_EQ(config()["data"], now);
  EXPECT_EQ(resume(), "") << "the new place is kept";
}

TEST_P(EveryTasksData, IsSaidWhenItIsOther) {
  begin(data_);
  EXPECT_EQ(resume(), "");
  kind().grow(data_);
  const std::string said = resume();
  EXPECT_NE(said.find("holds"), said.npos) << said;
  EXPECT_NE(said.find("the data are others"), said.npos) << said;
  EXPECT_NE(said.find(kOthers), said.npos) << said;
  EXPECT_EQ(resume(), "") << "said once: the run goes on with these";
}

// The same number of files and bytes, another content.
TEST_P(EveryTasksData, IsSaidWhenAByteIsOther) {
  begin(data_);
  std::string file = data_;
  if (fs::is_directory(data_))
    for (const auto& entry : fs::recursive_directory_iterator(data_))
      if (entry.path().stem() == "03" && entry.path().extension() != ".txt") file = entry.path();
  std::string text = io::read_text_file(file);
  const size_t last = fs::is_directory(data_) ? text.size() - 1 : text.find_last_of("0123456789");
  text[last] = text[last] == '1' ? '2' : '1';
  std::ofstream(file) << text;
  const std::string said = resume();
  EXPECT_NE(said.find("others: names, sizes or contents"), said.npos) << said;
}

TEST_P(EveryTasksData, EvalSaysThatItIsOther) {
  begin(data_);
  auto options = task().options();
  options->out = run(), options->quiet = true, options->resume = true;
  task().train(*options);
  const auto said = [&](const std::string& data) {
    const Verb& eval = *find_verb(task(), "eval");
    const auto how = eval.options();
    if (how->find("features")) return std::string();  // needs a classifier
    if (!data.empty()) how->find("data")->parse(data);
    testing::internal::CaptureStdout(), testing::internal::CaptureStderr();
    eval.run(*open_model(run()), *how);
    testing::internal::GetCapturedStdout();
    return testing::internal::GetCapturedStderr();
  };
  if (find_verb(task(), "eval")->options()->find("features")) return;
  EXPECT_EQ(said(""), "");
  kind().grow(data_);
  EXPECT_NE(said("").find(kOthers), std::string::npos);
  EXPECT_EQ(said(data_).find(kOthers), std::string::npos) << "named by hand: meant so";
}

// Every file of the data emptied, cut, made a folder, a link to itself or to nothing: an error of
// ours that names something of the data and leaves no run behind, or it does not matter.
TEST_P(EveryTasksData, DamageIsAnErrorThatNamesIt) {
  std::vector<std::string> files;
  std::map<std::string, int> seen;  // a few of each folder and ending
  const auto add = [&](const fs::path& path) {
    if (seen[path.parent_path().string() + path.extension().string()]++ < 1)
      files.push_back(path.string());
  };
  if (!fs::is_directory(data_)) add(data_);
  else
    for (const auto& entry : fs::recursive_directory_iterator(data_))
      if (entry.is_regular_file()) add(entry.path());
  const std::map<std::string, std::function<void(const std::string&)>> damages = {
      {"empty", [](const std::string& f) { fs::resize_file(f, 0); }},
      {"cut", [](const std::string& f) { fs::resize_file(f, fs::file_size(f) * 2 / 3); }},
      {"noise",
       [](const std::string& f) {
         std::fstream bytes(f, std::ios::in | std::ios::out);
         for (int i = 0; i < 40; ++i) bytes.put(static_cast<char>(0x80 + 3 * i));
       }},
      {"folder", [](const std::string& f) { fs::remove(f), fs::create_directory(f); }},
      {"link to itself", [](const std::string& f) { fs::remove(f), fs::create_symlink(f, f); }},
      {"link to nothing",
       [](const std::string& f) { fs::remove(f), fs::create_symlink("/nowhere/x", f); }}};
  const std::string whole = folder_ / "whole";
  fs::copy(data_, whole, fs::copy_options::recursive);
  for (const std::string& file : files)
    for (const auto& [what, damage] : damages) {
      SCOPED_TRACE(file + ": " + what);
      damage(file);
      auto options = task().options();
      Json chosen = Json::parse(task().smallest);
      chosen.update(Json::parse(kind().options));
      chosen["data"] = data_;
      options->read_file(chosen, "smallest");
      options->out = run(), options->quiet = true, options->stop_after_steps = 1;
      testing::internal::CaptureStderr();
      try {
        task().train(*options);
      } catch (const train::Stopped&) {
      } catch (const Error& e) {
        EXPECT_NE(std::string(e.what()).find(data_), std::string::npos) << e.what();
        EXPECT_FALSE(fs::exists(run())) << "left a run behind";
      } catch (const std::exception& e) { ADD_FAILURE() << "no error of ours: " << e.what(); }
      testing::internal::GetCapturedStderr();
      fs::remove_all(run()), fs::remove_all(data_);
      fs::copy(whole, data_, fs::copy_options::recursive);
    }
}

// Another type, or nothing at all, where the configuration keeps what the data were.
TEST_P(EveryTasksData, WhatWasKeptOfItMayBeDamaged) {
  begin(data_);
  const Json good = config();
  for (const char* key : {"data_files", "data_counts"})
    for (const Json& bad :
         {Json(), Json(5), Json("x"), Json::array({1, 2}), Json{{"files", "x"}}}) {
      Json damaged = good;
      damaged[key] = bad;
      std::ofstream(run() + "/config.json") << damaged.dump();
      EXPECT_NO_THROW(resume()) << damaged.dump();
    }
}

// Every task, and what else its data may look like.
std::vector<std::string> tasks_and_forms() {
  std::vector<std::string> all = task_names();
  for (const auto& [name, kind] : kinds_of_data())
    if (name.find(',') != std::string::npos) all.push_back(name);
  return all;
}
INSTANTIATE_TEST_SUITE_P(Tasks, EveryTasksData, testing::ValuesIn(tasks_and_forms()),
                         [](const auto& info) {
                           std::string name = info.param;
                           for (char& c : name)
                             if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
                           return name;
                         });

}  // namespace
}  // namespace cairn::tasks
