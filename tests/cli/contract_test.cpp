// What the command line promises: exit statuses, JSON, help.
#include "tests/cli/program.h"

namespace cairn::cli_test {
namespace {

TEST(Contract, VersionAndHelpOnEveryLevel) {
  EXPECT_EQ(cairn({"--version"}).out.rfind("cairn ", 0), 0u);
  const std::vector<Arguments> levels = {{},
                                         {"train"},
                                         {"train", "image-classification"},
                                         {"eval"},
                                         {"predict"},
                                         {"generate"},
                                         {"train", "language-model"},
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

TEST(Contract, DoctorDescribesTheMachine) {
  const Outcome o = cairn({"doctor"});
  EXPECT_EQ(o.status, 0) << "this processor has no AVX2?";
  for (const char* part : {"processor", "threads", "oneDNN", "data"})
    EXPECT_NE(o.out.find(part), o.out.npos) << part;
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
  expect_failure(o, 128 + signal,
                 {"saved", "cairn train image-classification --out " + run + " --resume"});
  EXPECT_EQ(cairn({"eval", run, "--json"}).status, 0);
}
TEST(Contract, SavesOnInterrupt) { expect_saved_on(SIGINT); }
TEST(Contract, SavesOnTermination) { expect_saved_on(SIGTERM); }

}  // namespace
}  // namespace cairn::cli_test
