// cairn compare: the same task, budget and seeds for several architectures.
#include "tests/cli/program.h"

namespace cairn::cli_test {
namespace {

std::vector<Json> rows_of(const Outcome& o) {
  std::vector<Json> rows;
  std::istringstream lines(o.out);
  for (std::string line; std::getline(lines, line);) rows.push_back(Json::parse(line));
  return rows;
}

TEST(Compare, EveryModelGetsALineAndThePageIsWritten) {
  const TemporaryFolder folder;
  write(folder / "short.json", R"({"steps": 6, "eval_every": 3, "width": 8, "context": 48})");
  const Outcome o =
      cairn({"compare", "forecast", "--models", "linear,gru", "--seeds", "2", "--config",
             folder / "short.json", "--out", folder / "out", "--json", "--threads", "1"});
  ASSERT_EQ(o.status, 0) << o.err;
  const auto rows = rows_of(o);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0]["model"], "linear");
  EXPECT_EQ(rows[1]["model"], "gru");
  for (const Json& row : rows) {
    EXPECT_EQ(row["metric"], "mse");
    EXPECT_GT(row["value"].get<double>(), 0);
    EXPECT_LE(row["low"].get<double>(), row["value"].get<double>());
    EXPECT_GE(row["high"].get<double>(), row["value"].get<double>());
    EXPECT_GT(row["parameters"].get<int64_t>(), 0);
    EXPECT_GT(row["seconds"].get<double>(), 0);
    EXPECT_FALSE(row.contains("why")) << row;
    // What a line says is what anyone measures again.
    const Json again = cairn({"eval", row["run"], "--json", "--threads", "1"}).json();
    const Json other = cairn({"eval", folder / ("out/" + row["model"].get<std::string>() + "-1"),
                              "--json", "--threads", "1"})
                           .json();
    EXPECT_NEAR(row["value"].get<double>(),
                (again["mse"].get<double>() + other["mse"].get<double>()) / 2, 1e-9);
  }
  const std::string page = content_of(folder / "out/compare.html");
  EXPECT_NE(page.find("Choose "), std::string::npos);
}

TEST(Compare, OneThatCannotLearnLeavesTheOthers) {
  const TemporaryFolder folder;
  write(folder / "wild.json",
        R"({"steps": 8, "eval_every": 4, "width": 8, "context": 48, "lr": 1e30, "clip": 0})");
  const Outcome o = cairn({"compare", "forecast", "--models", "gru,linear", "--config",
                           folder / "wild.json", "--out", folder / "out", "--threads", "1"});
  ASSERT_EQ(o.status, 0) << o.err;
  EXPECT_NE(o.out.find("gives infinity"), std::string::npos) << o.out;
  EXPECT_NE(o.out.find("Choose linear"), std::string::npos) << o.out;
}

TEST(Compare, ABudgetChoosesTheSteps) {
  const TemporaryFolder folder;
  const Outcome o = cairn({"compare", "forecast", "--models", "linear", "--minutes", "0.15",
                           "--out", folder / "out", "--json", "--threads", "1"});
  ASSERT_EQ(o.status, 0) << o.err;
  EXPECT_GT(rows_of(o)[0]["steps"].get<int64_t>(), 0);
  EXPECT_FALSE(std::filesystem::exists(folder / "out/linear-trial"));
}

// Stopped by its minutes or not, it says what it came to.
TEST(Compare, WhatIsMeasuredHasStepsAndParameters) {
  const TemporaryFolder folder;
  const Outcome o = cairn({"compare", "forecast", "--models", "gru", "--minutes", "0.005", "--out",
                           folder / "out", "--json", "--threads", "1"});
  const Json row = rows_of(o).at(0);
  const std::string why = row.value("why", "");
  EXPECT_EQ(why.find("loss"), std::string::npos) << why;
  if (row["value"].is_null()) GTEST_SKIP() << "it had no time for one step: " << why;
  EXPECT_GT(row["steps"].get<int64_t>(), 0) << row;
  EXPECT_GT(row["parameters"].get<int64_t>(), 0) << row;
}

TEST(Compare, InterruptedBeforeAnythingWasSavedItLeavesNoFolder) {
  const TemporaryFolder folder;
  Running running({"compare", "forecast", "--models", "gru", "--minutes", "1", "--out",
                   folder / "out", "--threads", "1"});
  ASSERT_TRUE(running.wait_for([&] { return std::filesystem::exists(folder / "out/gru-trial"); }));
  running.send(SIGINT);
  const Outcome o = running.wait();
  expect_failure(o, 128 + SIGINT, {"stopped; nothing was trained"});
  EXPECT_FALSE(std::filesystem::exists(folder / "out"));
}

TEST(Compare, WrongUsageIsExplained) {
  const TemporaryFolder folder;
  std::filesystem::create_directories(folder / "full");
  write(folder / "full/file", "x");
  const auto refused = [&](const Arguments& more, std::initializer_list<std::string> words) {
    Arguments all = {"compare"};
    all.insert(all.end(), more.begin(), more.end());
    expect_failure(cairn(all), 2, words);
  };
  refused({"forecasts"}, {"forecasts", "forecast"});
  refused({"tabular"}, {"one architecture"});
  refused({"forecast", "--models", "gru,gruu"}, {"--models", "gruu"});
  refused({"forecast", "--models", "gru,gru"}, {"--models", "twice"});
  refused({"forecast", "--minutes", "0"}, {"--minutes"});
  refused({"forecast", "--models", "gru", "--split", "tets"}, {"--split", "tets", "test"});
  refused({"forecast", "--models", "gru", "--out", folder / "full"}, {"--out", "not empty"});
  const Outcome none = cairn({"compare", "forecast", "--models", "gru", "--data",
                              folder / "none.csv", "--out", folder / "out"});
  EXPECT_EQ(none.status, 1);
  EXPECT_NE(none.out.find("none.csv"), std::string::npos) << none.out;
  // A slip in --data does not take the folder from the next try.
  EXPECT_FALSE(std::filesystem::exists(folder / "out"));
  write(folder / "file", "");
  refused({"forecast", "--models", "gru", "--out", folder / "file"}, {"--out", "no folder"});
  refused({"forecast", "--models", "gru", "--out", ""}, {"--out", "name"});
  expect_failure(cairn({"compare", "forecast", "--models", "gru", "--out", folder / "file/x"}), 1,
                 {"--out", "file/x", "cannot be made"});
}

TEST(Compare, ATimeTooShortForAStepSaysSo) {
  const TemporaryFolder folder;
  const Outcome o = cairn({"compare", "image-classification", "--models", "lenet", "--minutes",
                           "1e-7", "--out", folder / "out", "--json", "--threads", "1"});
  EXPECT_EQ(o.status, 1);
  const Json row = rows_of(o).at(0);
  EXPECT_NE(row["why"].get<std::string>().find("--minutes"), std::string::npos) << row;
}

}  // namespace
}  // namespace cairn::cli_test
