// cairn runs: what lies in a folder of runs.
#include "tests/cli/program.h"

namespace cairn::cli_test {
namespace {

class Runs : public testing::Test {
 protected:
  static void train(const std::string& out, const Arguments& more) {
    Arguments all = {"train", "tabular", "--out", out, "--threads", "1", "--quiet"};
    all.insert(all.end(), more.begin(), more.end());
    const Outcome o = cairn(all);
    ASSERT_EQ(o.status, 0) << o.err;
  }
  std::map<std::string, Json> rows(const Arguments& more = {}) {
    Arguments all = {"runs", folder_.path(), "--json"};
    all.insert(all.end(), more.begin(), more.end());
    const Outcome o = cairn(all);
    EXPECT_EQ(o.status, 0) << o.err;
    std::map<std::string, Json> found;
    std::istringstream lines(o.out);
    for (std::string line; std::getline(lines, line);) {
      const Json row = Json::parse(line);
      found[std::filesystem::path(row["run"].get<std::string>()).filename()] = row;
    }
    return found;
  }
  const TemporaryFolder folder_;
};

TEST_F(Runs, AreListedWithWhatCameOfThemAndInWhatTheyDiffer) {
  train(folder_ / "a", {"--steps", "10", "--eval-every", "5"});
  train(folder_ / "deep/b", {"--steps", "10", "--eval-every", "5", "--lr", "0.004"});
  write(folder_ / "notes.txt", "no run");
  const auto found = rows();
  ASSERT_EQ(found.size(), 2u);
  for (const auto& [name, row] : found) {
    EXPECT_EQ(row["task"], "tabular");
    EXPECT_EQ(row["state"], "finished");
    EXPECT_EQ(row["step"], 10);
    EXPECT_EQ(row["metric"], "accuracy");
    EXPECT_GT(row["value"].get<double>(), 0);
    EXPECT_NE(row["differs"].get<std::string>().find("lr="), std::string::npos) << row;
  }
  const Outcome table = cairn({"runs", folder_.path(), "--page", folder_ / "runs.html"});
  EXPECT_EQ(table.status, 0) << table.err;
  EXPECT_NE(table.out.find("deep/b"), std::string::npos) << table.out;
  EXPECT_NE(content_of(folder_ / "runs.html").find("validation accuracy"), std::string::npos);
  EXPECT_TRUE(rows({"--task", "forecast"}).empty());
}

TEST_F(Runs, ADamagedOneIsNamedAndTheOthersAreListed) {
  train(folder_ / "a", {"--steps", "4"});
  train(folder_ / "b", {"--steps", "4"});
  write(folder_ / "b/config.json", "{\"task\": ");
  const auto found = rows();
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found.at("a")["state"], "finished");
  EXPECT_EQ(found.at("b")["state"], "damaged");
  EXPECT_NE(found.at("b")["why"].get<std::string>().find("config.json"), std::string::npos);
}

// A disk that is full ends a training behind the last line of its log.
TEST_F(Runs, WhatHasNoWeightsFailed) {
  train(folder_ / "a", {"--steps", "4"});
  for (const char* file : {"model.safetensors", "checkpoint.safetensors"})
    std::filesystem::remove(folder_ / ("a/" + std::string(file)));
  std::filesystem::remove(folder_ / "a/checkpoint.safetensors.previous");
  const Json row = rows().at("a");
  EXPECT_EQ(row["state"], "failed");
  EXPECT_EQ(row["step"], 4);
  EXPECT_NE(row["why"].get<std::string>().find("no weights"), std::string::npos) << row;
  EXPECT_FALSE(row.contains("value")) << row;
}

// Its last step is in the log and in the checkpoint, and yet it did not finish.
TEST_F(Runs, WhatDivergedAtItsLastStepIsSaidToHave) {
  const std::string run = folder_ / "a";
  expect_failure(cairn({"train", "tabular", "--out", run, "--threads", "1", "--quiet", "--steps",
                        "1", "--lr", "1e30"}),
                 1, {"has diverged"});
  const Json row = rows().at("a");
  EXPECT_EQ(row["state"], "diverged");
  EXPECT_EQ(row["step"], 1);
  const std::string table = cairn({"runs", folder_.path()}).out;
  EXPECT_NE(table.find("diverged"), std::string::npos) << table;
  EXPECT_EQ(table.find("finished"), std::string::npos) << table;
}

TEST_F(Runs, OneInEightBitsSaysWhatItWasMadeOf) {
  train(folder_ / "a", {"--steps", "4"});
  Json config = Json::parse(content_of(folder_ / "a/config.json"));
  config["quantization"] = {{"from", "runs/of-before"}};
  std::filesystem::create_directory(folder_ / "b");
  write(folder_ / "b/config.json", config.dump());  // it has no log
  write(folder_ / "b/model.safetensors", "");
  const Json row = rows().at("b");
  EXPECT_EQ(row["state"], "8 bits");
  EXPECT_EQ(row["from"], "runs/of-before");
  EXPECT_FALSE(row.contains("why")) << row;
  const std::string table = cairn({"runs", folder_.path()}).out;
  EXPECT_NE(table.find("made of runs/of-before"), std::string::npos) << table;
}

// What other programs wrote into a log or a configuration is said in our words, and stays UTF-8.
TEST_F(Runs, AStrangeLogIsDamagedAndLongTextsEndBetweenLetters) {
  train(folder_ / "a", {"--steps", "4"});
  const auto copy = [&](const std::string& name) {
    std::filesystem::copy(folder_ / "a", folder_ / name, std::filesystem::copy_options::recursive);
    return folder_ / name;
  };
  write(copy("text") + "/metrics.jsonl", R"({"step": "five", "seconds": 1})"
                                         "\n");
  write(copy("huge") + "/metrics.jsonl", R"({"step": 1e300, "seconds": 1})"
                                         "\n");
  const std::string other = copy("other") + "/config.json";
  Json config = Json::parse(content_of(other));
  std::string data;
  for (int i = 0; i < 20; ++i) data += "\u00e4";
  config["data"] = data;
  write(other, config.dump());
  const auto found = rows();
  for (const char* name : {"text", "huge"}) {
    EXPECT_EQ(found.at(name)["state"], "damaged");
    const std::string why = found.at(name)["why"];
    EXPECT_NE(why.find("metrics.jsonl': \"step\""), std::string::npos) << why;
  }
  const std::string differs = found.at("other")["differs"];
  EXPECT_EQ(differs.find("\\x"), std::string::npos) << differs;
  EXPECT_NE(differs.find("\u00e4..."), std::string::npos) << differs;
}

TEST_F(Runs, WrongUsageIsExplained) {
  EXPECT_NE(cairn({"runs", folder_.path()}).out.find("no runs in"), std::string::npos);
  expect_failure(cairn({"runs", folder_ / "none"}), 1, {"no such folder", "none"});
  expect_failure(cairn({"runs", folder_.path(), "--task", "tabularr"}), 2, {"tabularr", "tabular"});
  expect_failure(cairn({"runs", folder_.path(), "--page", folder_ / "no/page.html"}), 1,
                 {"page.html"});
}

}  // namespace
}  // namespace cairn::cli_test
