// Anomalies, from training to marked rows.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <sstream>

#include "cairn/base/parallel.h"
#include "cairn/io/csv.h"
#include "cairn/io/file.h"
#include "cairn/tasks/anomaly_detection/task.h"
#include "tests/io/temporary_folder.h"

namespace cairn::tasks {
namespace {

class AnomalyTask : public testing::Test {
 protected:
  Json train(const std::string& run, const Json& chosen) const {
    set_num_threads(1);
    const Task& task = task_named("anomaly-detection");
    const auto options = task.options();
    options->read_file(chosen, "chosen");
    options->out = folder_ / run, options->quiet = true;
    return task.train(*options);
  }
  io::Csv predicted(const std::string& run, const std::string& file) const {
    const auto model = open_model(folder_ / run);
    const Verb* verb = find_verb(task_named("anomaly-detection"), "predict");
    const auto options = verb->options();
    options->find("files")->parse(file);
    options->find("out")->parse(folder_ / "scores.csv");
    EXPECT_EQ(verb->run(*model, *options), 0);
    return io::read_csv(folder_ / "scores.csv");
  }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
    return folder_ / name;
  }
  TemporaryFolder folder_;
};

TEST_F(AnomalyTask, FindsWhatWasPlanted) {
  const Json r = train("run", {{"steps", 40}});
  EXPECT_EQ(r["anomalies"], 10);
  EXPECT_GE(r["found"].get<int>(), 9);
  EXPECT_GT(r["precision"].get<double>(), 0.7);
  EXPECT_GT(r["recall"].get<double>(), 0.7);
  EXPECT_GT(r["f1"].get<double>(), 0.7);
  EXPECT_TRUE(r["threshold"].is_number());
  // The same in another drawing; the first rows cannot be judged.
  const std::string file = task_named("anomaly-detection").write_inputs(folder_.path())[0];
  const io::Csv scores = predicted("run", file), truth = io::read_csv(file);
  ASSERT_EQ(scores.names, (std::vector<std::string>{"time", "score", "anomaly"}));
  ASSERT_EQ(scores.rows.size(), truth.rows.size());
  EXPECT_EQ(scores.rows[0][1], "");
  EXPECT_EQ(scores.rows[0][2], "") << "it was not judged";
  int right = 0, wrong = 0, faults = 0;
  for (size_t r = 0; r < truth.rows.size(); ++r) {
    const bool fault = truth.rows[r].back() == "1", marked = scores.rows[r][2] == "1";
    faults += fault, right += fault && marked, wrong += !fault && marked;
  }
  EXPECT_GT(right, faults / 2);
  EXPECT_LT(wrong, 60);
}

TEST_F(AnomalyTask, NothingIsSaidOfTooFewRows) {
  train("run", {{"horizon", 4}, {"context", 24}, {"steps", 2}});
  const std::string file = task_named("anomaly-detection").write_inputs(folder_.path())[0];
  std::istringstream all(io::read_text_file(file));
  std::string text, line;
  for (int i = 0; i < 25 && std::getline(all, line); ++i) text += line + "\n";
  EXPECT_ERROR(predicted("run", write("short.csv", text)),
               "short.csv' has 24 rows; the network looks back over 24");
  std::getline(all, line);
  const io::Csv scores = predicted("run", write("enough.csv", text + line + "\n"));
  EXPECT_EQ(scores.rows[23][2], "");
  EXPECT_NE(scores.rows[24][2], "");
}

// Rows that are known to be anomalies neither teach nor move the threshold.
TEST_F(AnomalyTask, KnownAnomaliesTeachNothing) {
  std::string clean = "x,label\n", spoilt = clean;
  for (int i = 0; i < 500; ++i) {
    const double v = std::sin(i * 0.7) + 0.1 * (i * 7919 % 13);
    const bool bad = i == 100 || i == 380;
    clean += fmt::format("{},{}\n", bad ? "NA" : fmt::format("{}", v), 0);
    spoilt += fmt::format("{},{}\n", bad ? 1e6 : v, bad ? 1 : 0);
  }
  const Json chosen = {{"horizon", 4}, {"context", 16}, {"steps", 5}};
  Json a = chosen, b = chosen;
  a["data"] = write("clean.csv", clean), b["data"] = write("spoilt.csv", spoilt);
  EXPECT_NEAR(train("a", a)["threshold"].get<double>(), train("b", b)["threshold"].get<double>(),
              1e-6);
}

TEST_F(AnomalyTask, WithoutLabelsNothingIsSaidOfPrecision) {
  std::string text = "x\n";
  for (int i = 0; i < 300; ++i) text += fmt::format("{}\n", i * 37 % 11);
  const Json chosen = {{"data", write("s.csv", text)}, {"horizon", 3}, {"steps", 2}};
  const Json r = train("run", chosen);
  EXPECT_TRUE(r["precision"].is_null() && r["f1"].is_null());
  EXPECT_TRUE(r["marked_rows"].is_number());
  Json labelled = chosen;
  labelled["label"] = "y";
  EXPECT_ERROR(train("never", labelled), "no column of numbers 'y'");
  EXPECT_ERROR(train("never", Json({{"data", write("l.csv", "label\n1\n0\n")}})),
               "has labels and no series");
}

}  // namespace
}  // namespace cairn::tasks
