// What the command line promises: exit statuses, JSON, help.
#include "cairn/audio/sound.h"
#include "cairn/music/midi.h"
#include "tests/cli/program.h"

namespace cairn::cli_test {
namespace {

TEST(Contract, VersionAndHelpOnEveryLevel) {
  EXPECT_EQ(cairn({"--version"}).out.rfind("cairn ", 0), 0u);
  const std::vector<Arguments> levels = {{},
                                         {"train"},
                                         {"train", "image-classification"},
                                         {"train", "image-gan"},
                                         {"train", "language-model"},
                                         {"eval"},
                                         {"predict"},
                                         {"generate"},
                                         {"bench"},
                                         {"info"},
                                         {"doctor"},
                                         {"report"}};
  for (Arguments level : levels) {
    level.push_back("--help");
    const Outcome o = cairn(level);
    EXPECT_EQ(o.status, 0) << level[0];
    EXPECT_NE(o.out.find("Usage: "), o.out.npos) << level[0];
    EXPECT_NE(o.out.find("\n  cairn "), o.out.npos) << "no example: " << level[0];
  }
}

TEST(Contract, TrainPrintsOneObjectAtTheEnd) {
  const Outcome& o = Trained::get().outcome();
  ASSERT_EQ(o.status, 0) << o.err;
  const Json result = o.json();
  EXPECT_EQ(result["task"], "image-classification");
  EXPECT_EQ(result["examples"], 32);
  EXPECT_EQ(result["steps"], 12);
  EXPECT_EQ(result["run"], Trained::get().run());
  for (const char* file :
       {"config.json", "metrics.jsonl", "checkpoint.safetensors", "model.safetensors"})
    EXPECT_TRUE(std::filesystem::exists(Trained::get().run() + "/" + file)) << file;
}

TEST(Contract, ARunSaysWhenItsFirstStepWasDone) {
  std::ifstream metrics(Trained::get().run() + "/metrics.jsonl");
  std::string line;
  ASSERT_TRUE(std::getline(metrics, line));
  const Json first = Json::parse(line);
  EXPECT_EQ(first["step"], 1);
  EXPECT_GT(first["seconds_to_first_step"].get<double>(), 0);
}

TEST(Contract, EvalGivesWhatTrainingMeasured) {
  const Trained& t = Trained::get();
  const Outcome o =
      cairn({"eval", t.run(), "--data", t.data(), "--split", "test", "--json", "--threads", "1"});
  ASSERT_EQ(o.status, 0) << o.err;
  const Json result = o.json(), trained = t.outcome().json();
  for (const char* key : {"task", "split", "examples", "accuracy"})
    EXPECT_EQ(result[key], trained[key]) << key;
  EXPECT_NEAR(result["loss"].get<double>(), trained["loss"].get<double>(), 1e-5);
  EXPECT_EQ(cairn({"eval", t.run(), "--split", "train", "--json"}).json()["examples"], 96);
  EXPECT_EQ(cairn({"eval", t.run() + "/model.safetensors", "--json"}).json()["accuracy"],
            result["accuracy"]);
}

TEST(Contract, PredictPrintsOneObjectALine) {
  const Trained& t = Trained::get();
  const Outcome o = cairn({"predict", t.run(), t.picture(), t.picture(), "--top", "3", "--json"});
  ASSERT_EQ(o.status, 0) << o.err;
  std::istringstream lines(o.out);
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    const Json object = Json::parse(line);
    EXPECT_EQ(object["file"], t.picture());
    ASSERT_EQ(object["classes"].size(), 3u);
    EXPECT_GE(object["classes"][0]["probability"], object["classes"][1]["probability"]);
    EXPECT_EQ(object["classes"][0]["label"].get<std::string>().size(), 1u);
  }
  EXPECT_EQ(count, 2);
}

TEST(Contract, ReportWritesOnePage) {
  const Trained& t = Trained::get();
  const std::string page = t.run() + "-page.html";
  const Outcome o = cairn({"report", t.run(), "--out", page, "--threads", "1"});
  ASSERT_EQ(o.status, 0) << o.err;
  EXPECT_EQ(o.out, page + "\n");
  const std::string html = content_of(page);
  for (const char* part : {"test accuracy", "Which class is taken for which", "<polyline",
                           "What the first layer looks for", "data:image/png;base64,"})
    EXPECT_NE(html.find(part), html.npos) << part;
  EXPECT_EQ(html.find("<script"), html.npos);
  const Outcome none = cairn({"report", t.run() + "/nothing"});
  EXPECT_EQ(none.status, 1);
  EXPECT_TRUE(none.says("/nothing")) << none.err;
}

TEST(Contract, InfoDescribesFiles) {
  const Trained& t = Trained::get();
  const Outcome weights = cairn({"info", t.run() + "/model.safetensors"});
  EXPECT_EQ(weights.status, 0);
  EXPECT_NE(weights.out.find("c1.weight"), weights.out.npos);
  const Outcome data = cairn({"info", t.data() + "/t10k-images-idx3-ubyte", t.picture()});
  EXPECT_EQ(data.status, 0);
  EXPECT_NE(data.out.find("idx"), data.out.npos);
  EXPECT_TRUE(cairn({"info", "--json", t.picture()}).json().is_object());
}

TEST(Contract, InfoDescribesWeightsOfPyTorchSoundAndMusic) {
  const TemporaryFolder folder;
  const Json weights =
      cairn({"info", "--json", std::string(CAIRN_SOURCE_DIR) + "/tests/io/golden/torch.pt"}).json();
  EXPECT_EQ(weights["kind"], "torch");
  EXPECT_EQ(weights["table"].size(), 18u) << weights;
  audio::write_wav(folder / "a.wav", std::vector<float>(4000, 0.5f), 8000);
  const std::string sound = cairn({"info", folder / "a.wav"}).out;
  for (const char* part : {"sound", "8000", "channels", "0.500"})
    EXPECT_NE(sound.find(part), std::string::npos) << sound;
  const music::Score score{.notes = {{.start = 0, .end = 480}, {.start = 480, .end = 960}}};
  const io::ByteVector midi = music::to_midi(score);
  write(folder / "a.mid", std::string(midi.begin(), midi.end()));
  const Json music = cairn({"info", "--json", folder / "a.mid"}).json();
  EXPECT_EQ(music["kind"], "midi");
  EXPECT_EQ(music["facts"]["notes"], "2") << music;
  write(folder / "cut.mid", "MThd");
  expect_failure(cairn({"info", folder / "cut.mid"}), 1, {"cut.mid"});
}

TEST(Contract, DoctorDescribesTheMachine) {
  const Outcome o = cairn({"doctor"});
  EXPECT_EQ(o.status, 0) << "this processor has no AVX2?";
  for (const char* part : {"processor", "threads", "oneDNN", "data"})
    EXPECT_NE(o.out.find(part), o.out.npos) << part;
}

TEST(Contract, AVerbShowsTheOptionsOfItsRun) {
  const Outcome o = cairn({"eval", Trained::get().run(), "--help"});
  EXPECT_EQ(o.status, 0);
  EXPECT_NE(o.out.find("--split"), o.out.npos) << o.out;
  EXPECT_EQ(o.out.find("--features"), o.out.npos) << "of another task";
  EXPECT_EQ(cairn({"help", "train"}).out, cairn({"train", "--help"}).out);
}

TEST(Contract, OptionsComeFromAFileToo) {
  const Trained& t = Trained::get();
  const TemporaryFolder folder;
  const std::string file = folder / "options.json";
  const auto chosen = [&](const std::string& options, Arguments more = {}) {
    write(file, options);
    Arguments all{"train", "image-classification", "--config", file, "--print-config"};
    all.insert(all.end(), more.begin(), more.end());
    return cairn(all);
  };
  const Outcome o = chosen(R"({"batch": 7, "lr": 0.5})", {"--lr", "0.25"});
  ASSERT_EQ(o.status, 0) << o.err;
  const Json config = Json::parse(o.out);
  EXPECT_EQ(config["batch"], 7);
  EXPECT_EQ(config["lr"], 0.25);  // the command line comes first
  EXPECT_FALSE(config.contains("epochs"));
  // What a run was made with makes one like it.
  EXPECT_EQ(chosen(content_of(t.run() + "/config.json")).status, 0);

  expect_failure(chosen(R"({"batsch": 7})"), 1, {file, "batsch", "did you mean batch?"});
  expect_failure(chosen(R"({"batch": "x"})"), 1, {file, "batch", "no whole number"});
  expect_failure(chosen(R"({"batch": 0})"), 1, {file, "batch", "out of range"});
  expect_failure(chosen(R"({"task": "image-gan"})"), 1, {file, "task", "image-gan"});
  expect_failure(chosen(R"({"format": 99})"), 1, {file, "format", "newer"});
  expect_failure(chosen("[1]"), 1, {file, "no JSON object"});
  expect_failure(chosen("{"), 1, {file, "no JSON"});
}

TEST(Contract, PredictGoesOnAfterABadFileAndReadsFolders) {
  const Trained& t = Trained::get();
  const TemporaryFolder folder;
  std::filesystem::create_directories(folder / "pictures/more");
  std::filesystem::copy_file(t.picture(), folder / "pictures/a.pgm");
  std::filesystem::copy_file(t.picture(), folder / "pictures/more/c.pgm");
  write(folder / "pictures/b.png", "no picture");
  const Outcome o =
      cairn({"predict", t.run(), folder / "pictures", "--csv", folder / "names.csv", "--json"});
  expect_failure(o, 1, {"b.png", "2 pictures named, 1 failed"});
  EXPECT_EQ(std::count(o.out.begin(), o.out.end(), '\n'), 2);
  const std::string csv = content_of(folder / "names.csv");
  EXPECT_EQ(std::count(csv.begin(), csv.end(), '\n'), 3) << csv;
}

TEST(Contract, AResumedRunKeepsWhatItWasStartedWith) {
  const Trained& t = Trained::get();
  const TemporaryFolder folder;
  const std::string run = folder / "run";
  std::filesystem::copy(t.run(), run, std::filesystem::copy_options::recursive);
  expect_failure(cairn({"train", "--resume", run, "--batch", "8"}), 2,
                 {"--batch", "started with 16, not 8"});
  expect_failure(cairn({"train", "--resume", run, "--weight-decay", "3"}), 2, {"--weight-decay"});
  const Outcome finished = cairn({"train", "--resume", run, "--json"});
  EXPECT_EQ(finished.status, 0) << finished.err;
  EXPECT_TRUE(finished.says("is finished, after 12 of 12 steps")) << finished.err;
  EXPECT_EQ(finished.json()["accuracy"], t.outcome().json()["accuracy"]);
  // More epochs go on.
  const Outcome more =
      cairn({"train", "--resume", run, "--epochs", "3", "--threads", "1", "--json"});
  ASSERT_EQ(more.status, 0) << more.err;
  EXPECT_EQ(more.json()["steps"], 18);
  EXPECT_EQ(Json::parse(content_of(run + "/config.json"))["epochs"], 3);
}

TEST(BadRun, FoldersWithoutWeightsOrWithADamagedConfiguration) {
  const TemporaryFolder folder;
  const std::string run = folder / "run";
  std::filesystem::copy(Trained::get().run(), run, std::filesystem::copy_options::recursive);
  std::filesystem::remove(run + "/model.safetensors");
  expect_failure(cairn({"eval", run}), 1, {run, "holds no trained weights"});
  std::filesystem::copy(Trained::get().run() + "/model.safetensors", run + "/model.safetensors");
  const std::string config = content_of(run + "/config.json");
  const auto with = [&](const std::string& key, const Json& value) {
    Json changed = Json::parse(config);
    changed[key] = value;
    write(run + "/config.json", changed.dump());
    return cairn({"eval", run});
  };
  expect_failure(with("batch", -4), 1, {"config.json", "batch", "-4"});
  expect_failure(with("shape", "wide"), 1, {"config.json", "shape", "no list"});
  expect_failure(with("shape", Json::array({1})), 1, {"shape has 1 numbers"});
  expect_failure(with("stranger", 1), 1, {"config.json", "stranger", "no such option"});
  expect_failure(with("format", 99), 1, {"config.json", "format", "newer"});
  expect_failure(with("task", "speech"), 1, {run, "speech"});
  expect_failure(with("task", 3), 1, {run, "damaged"});
  write(run + "/config.json", "{");
  expect_failure(cairn({"eval", run}), 1, {"config.json", "no JSON"});
}

// A long run, stopped by a signal once it has trained a little.
void expect_saved_on(int signal) {
  const Trained& t = Trained::get();
  const TemporaryFolder folder;
  const std::string run = folder / "run";
  Running training({"train", "image-classification", "--data", t.data(), "--epochs", "1000",
                    "--batch", "16", "--threads", "1", "--out", run});
  ASSERT_TRUE(
      training.wait_for([&] { return std::filesystem::exists(run + "/checkpoint.safetensors"); }));
  training.send(signal);
  const Outcome o = training.wait();
  expect_failure(o, 128 + signal, {"saved", "cairn train --resume " + run});
  EXPECT_EQ(cairn({"eval", run, "--json"}).status, 0);
}
TEST(Contract, SavesOnInterrupt) { expect_saved_on(SIGINT); }
TEST(Contract, SavesOnTermination) { expect_saved_on(SIGTERM); }

}  // namespace
}  // namespace cairn::cli_test
