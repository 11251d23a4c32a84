// Tables, from training to prediction, for classes and for numbers.
#include <gtest/gtest.h>

#include <fstream>

#include "cairn/base/parallel.h"
#include "cairn/io/csv.h"
#include "cairn/io/file.h"
#include "cairn/tasks/task.h"
#include "tests/io/temporary_folder.h"

namespace cairn::tasks {
namespace {

class Tabular : public testing::Test {
 protected:
  Json train(const std::string& run, Json chosen) const {
    set_num_threads(1);
    const Task& task = task_named("tabular");
    const auto options = task.options();
    options->read_file(chosen, "chosen");
    options->out = folder_ / run, options->quiet = true;
    return task.train(*options);
  }
  std::string predicted(const std::string& run, const std::string& csv) const {
    const auto model = open_model(folder_ / run);
    const Verb* verb = find_verb(task_named("tabular"), "predict");
    const auto options = verb->options();
    options->find("files")->parse(csv);
    options->find("out")->parse(folder_ / "said.csv");
    EXPECT_EQ(verb->run(*model, *options), 0);
    return io::read_text_file(folder_ / "said.csv");
  }
  TemporaryFolder folder_;
};

TEST_F(Tabular, TellsFruitsApart) {
  const Json result = train("run", {{"epochs", 20}});
  EXPECT_GT(result["accuracy"].get<double>(), 0.95);
  const std::string file = task_named("tabular").write_inputs(folder_.path())[0];
  const io::Csv said = io::parse_csv(predicted("run", file), "said");
  ASSERT_EQ(said.names.back(), "predicted_kind");
  int right = 0;
  for (const auto& row : said.rows) right += row.back() == row[row.size() - 2];
  EXPECT_GE(right, 9);
}

TEST_F(Tabular, LearnsNumbers) {
  std::string csv = "a,b,sum\n";
  for (int i = 0; i < 400; ++i) {
    const double a = i * 7 % 40, b = i * 13 % 60;
    csv += fmt::format("{},{},{}\n", a, b, 3 * a + b + 0.5);
  }
  std::ofstream(folder_ / "sums.csv") << csv;
  const Json result = train("run", {{"data", folder_ / "sums.csv"}, {"epochs", 60}});
  EXPECT_GT(result["r2"].get<double>(), 0.99);
  EXPECT_LT(result["mae"].get<double>(), 3);
  std::ofstream(folder_ / "new.csv") << "b,a\n10,20\n";  // no target, another order
  const io::Csv said = io::parse_csv(predicted("run", folder_ / "new.csv"), "said");
  EXPECT_NEAR(std::stod(said.rows[0].back()), 70.5, 8);
}

TEST_F(Tabular, SaysWhatIsWrong) {
  const auto refused = [&](Json chosen) -> std::string {
    try {
      train("never", std::move(chosen));
    } catch (const Error& e) { return e.what(); }
    return "trained";
  };
  EXPECT_NE(refused({{"target", "kin"}}).find("did you mean 'kind'?"), std::string::npos);
  EXPECT_NE(refused({{"val_split", 0}}).find("leaves none to validate by"), std::string::npos);
  EXPECT_NE(refused({{"hidden", {0}}}).find("hidden"), std::string::npos);
}

}  // namespace
}  // namespace cairn::tasks
