// Forecasts, from training to prediction.
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "cairn/base/parallel.h"
#include "cairn/data/series.h"
#include "cairn/io/csv.h"
#include "cairn/io/file.h"
#include "cairn/tasks/forecast/task.h"
#include "tests/io/temporary_folder.h"

namespace cairn::tasks {
namespace {

class ForecastTask : public testing::Test {
 protected:
  Json train(const std::string& run, const Json& chosen) const {
    set_num_threads(1);
    const Task& task = task_named("forecast");
    const auto options = task.options();
    options->read_file(chosen, "chosen");
    options->out = folder_ / run, options->quiet = true;
    return task.train(*options);
  }
  std::string refused(const Json& chosen) const {
    const std::string message = error_of([&] { train("never", chosen); });
    EXPECT_FALSE(std::filesystem::exists(folder_ / "never")) << chosen.dump();
    return message.empty() ? "trained" : message;
  }
  io::Csv predicted(const std::string& run, const std::string& file) const {
    const auto model = open_model(folder_ / run);
    const Verb* verb = find_verb(task_named("forecast"), "predict");
    const auto options = verb->options();
    options->find("files")->parse(file);
    options->find("out")->parse(folder_ / "next.csv");
    EXPECT_EQ(verb->run(*model, *options), 0);
    return io::read_csv(folder_ / "next.csv");
  }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
    return folder_ / name;
  }
  TemporaryFolder folder_;
};

TEST_F(ForecastTask, KnowsTheSeasonsOfWaves) {
  const Json r = train("run", {{"horizon", 24}, {"context", 192}});
  EXPECT_EQ(r["split"], "test");
  EXPECT_LT(r["mse"].get<double>(), 0.6 * r["naive_mse"].get<double>());
  EXPECT_LT(r["mse"].get<double>(), r["seasonal_naive_mse"].get<double>());
  EXPECT_LE(r["mse"].get<double>(), 1.001 * r["linear_mse"].get<double>());
  EXPECT_NEAR(r["coverage80"].get<double>(), 0.8, 0.06);
  for (const char* of : {"", "naive_", "seasonal_naive_", "linear_", "smoothing_"})
    for (const char* name : {"mse", "mae", "mase", "smape", "wql", "coverage80"})
      EXPECT_TRUE(r[std::string(of) + name].is_number()) << of << name;
  const std::string file = task_named("forecast").write_inputs(folder_.path())[0];
  const io::Csv next = predicted("run", file);
  ASSERT_EQ(next.rows.size(), 24u);
  EXPECT_EQ(next.names.size(), 1 + 3 * 10u);
  EXPECT_EQ(next.rows[0][0], "2024-01-22 00:00:00");
  for (const auto& row : next.rows) EXPECT_LT(std::stod(row[2]), std::stod(row[10]));
}

// Every row after the forecast is made may be anything: nothing of it is read.
TEST_F(ForecastTask, ForecastsReadNothingThatComesLater) {
  train("run", {{"horizon", 12},
                {"context", 48},
                {"model", "patch"},
                {"steps", 4},
                {"width", 8},
                {"patch", 8},
                {"heads", 2}});
  const auto model = open_model(folder_ / "run");
  auto& p = static_cast<forecast::Predictor&>(*model);
  data::Series series = p.own_series();
  const auto before = p.forecast(p.encoding.encode(series), 1000);
  for (size_t i = static_cast<size_t>(1000 * series.columns()); i < series.values.size(); ++i)
    series.values[i] = 1e6;
  EXPECT_EQ(p.forecast(p.encoding.encode(series), 1000).point, before.point);
}

TEST_F(ForecastTask, ScalesAndTrainingIgnoreTestRows) {
  data::Series series = data::open_series("waves");
  const Json chosen = {{"horizon", 6},   {"context", 24}, {"split_rows", "400,200,100"},
                       {"steps", 3},     {"seed", 1u},    {"data", write("a.csv", to_csv(series))},
                       {"model", "gru"}, {"width", 8}};
  train("a", chosen);
  for (size_t i = static_cast<size_t>(600 * series.columns()); i < series.values.size(); ++i)
    series.values[i] = -5;
  Json other = chosen;
  other["data"] = write("b.csv", to_csv(series));
  train("b", other);
  EXPECT_TRUE(io::read_file(folder_ / "a/model.safetensors").size() > 0);
  const auto a = open_model(folder_ / "a"), b = open_model(folder_ / "b");
  const auto left = a->network().state_dict(), right = b->network().state_dict();
  for (size_t i = 0; i < left.size(); ++i)
    EXPECT_EQ(left[i].second.to_vector<float>(), right[i].second.to_vector<float>())
        << left[i].first;
}

TEST_F(ForecastTask, EveryModelCorrectsTheLinearMap) {
  for (const char* model : {"rnn", "lstm", "gru", "patch"}) {
    const Json r = train(model, {{"horizon", 6},
                                 {"context", 48},
                                 {"model", model},
                                 {"steps", 20},
                                 {"width", 16},
                                 {"patch", 8},
                                 {"layers", 1},
                                 {"split_rows", "600,300,200"}});
    EXPECT_LE(r["mse"].get<double>(), 1.2 * r["linear_mse"].get<double>()) << model;
    EXPECT_EQ(r["examples"], 195);
  }
}

TEST_F(ForecastTask, MissingValuesAndCovariatesAreTaken) {
  std::string csv = "day,sales,price\n";
  for (int i = 0; i < 300; ++i)
    csv += fmt::format("{},{},{}\n", data::TimeStamps().write(i * data::kDay).substr(0, 10),
                       i % 11 == 3 ? "" : std::to_string(10 + i % 7), 1 + i % 3);
  const std::string words =
      "s.csv': 27 cells are missing ('sales' 27; the first in line 5, column "
      "'sales'); each is filled with the value before it";
  testing::internal::CaptureStderr();
  const Json r = train("run", {{"data", write("s.csv", csv)},
                               {"target", {"sales"}},
                               {"horizon", 7},
                               {"model", "gru"},
                               {"steps", 5},
                               {"width", 8}});
  std::string said = testing::internal::GetCapturedStderr();
  EXPECT_NE(said.find(words), said.npos) << said;
  EXPECT_EQ(r["season"], 7);
  EXPECT_EQ(r["series"], 1);
  EXPECT_LT(r["seasonal_naive_mse"].get<double>(), r["naive_mse"].get<double>() / 4);
  testing::internal::CaptureStderr();
  EXPECT_EQ(predicted("run", folder_ / "s.csv").names[1], "sales");
  said = testing::internal::GetCapturedStderr();
  EXPECT_NE(said.find(words), said.npos) << said;
  const auto model = open_model(folder_ / "run");
  const Verb* eval = find_verb(task_named("forecast"), "eval");
  testing::internal::CaptureStderr(), testing::internal::CaptureStdout();
  EXPECT_EQ(eval->run(*model, *eval->options()), 0);
  std::fflush(stdout), testing::internal::GetCapturedStdout();
  said = testing::internal::GetCapturedStderr();
  EXPECT_NE(said.find(words), said.npos) << said;
  // Nothing known in all that the network looks back over.
  for (int i = 300; i < 900; ++i)
    csv += fmt::format("{},,{}\n", data::TimeStamps().write(i * data::kDay).substr(0, 10), i % 3);
  EXPECT_ERROR(predicted("run", write("open.csv", csv)),
               "open.csv': column 'sales' has no value in the");
}

TEST_F(ForecastTask, AConstantColumnIsLeftOutAndCounted) {
  std::string csv = "a,b\n";
  for (int i = 0; i < 200; ++i) csv += fmt::format("{},5\n", i * 37 % 50);
  const Json r = train("run", {{"data", write("c.csv", csv)}, {"horizon", 3}, {"steps", 2}});
  EXPECT_EQ(r["series"], 1);
  EXPECT_EQ(r["series_left_out"], Json({"b"}));
}

TEST_F(ForecastTask, BadInputIsRefused) {
  const auto expect = [&](const Json& chosen, const std::string& part) {
    const std::string message = refused(chosen);
    EXPECT_NE(message.find(part), message.npos) << message;
  };
  std::string rows = "x,y\n";
  for (int i = 0; i < 60; ++i) rows += fmt::format("{},1\n", i % 5);
  const auto with = [&](const std::string& text) {
    return Json{{"data", write("s.csv", text)}, {"horizon", 2}};
  };
  expect(with("x,y\n1,2\n3\n"), "line 3: 1 cells, but there are 2 columns");
  expect(with("x,y\n1,2\n3,four\n"), "line 3, column 'y': 'four' is no number");
  expect(with("t,x\n2020-01-01,1\n2020-01-01,2\n"), "is that of line 2");
  expect(with("t,x\n2020-01-02,1\n2020-01-01,2\n"), "is before that of line 2");
  expect(with("x\nNA\nNA\n"), "column 'x' has no number at all");
  std::string constant = "x\n";
  for (int i = 0; i < 60; ++i) constant += "5\n";
  expect(with(constant), "never changes in the 42 training rows");
  Json given = with(rows);
  given["horizon"] = 100;
  expect(given, "horizon: 100 rows are more than");
  given["horizon"] = 2, given["context"] = 50;
  expect(given, "context: 50 rows and a horizon of 2 are more than the 42 rows of training");
  given = with(rows), given["target"] = {"z"};
  expect(given, "no column of numbers 'z'");
  given = with(rows), given["split_rows"] = "50,20,20";
  expect(given, "split_rows: 90 rows together, but '");
  given = with(rows), given["horizon"] = 0;
  expect(given, "horizon");
}

}  // namespace
}  // namespace cairn::tasks
