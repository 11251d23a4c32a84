// Translation: what its evaluation ends with, and a line for each line.
#include "cairn/tasks/machine_translation/task.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "cairn/base/parallel.h"
#include "tests/io/temporary_folder.h"
#include "tests/tasks/runs.h"

namespace cairn::tasks::machine_translation {
namespace {

TEST(MachineTranslation, JudgesAndTranslatesLineByLine) {
  set_num_threads(1);
  const TemporaryFolder folder;
  const auto model = open_model(Runs::get().of(kTask));
  std::ofstream(folder / "pairs.tsv") << "1 May 1999\t1999-05-01\n\t\n2 June 2001\t2001-06-02\n";
  const Verb& eval = *find_verb(kRow, "eval");
  const auto options = eval.options();
  options->find("data")->parse(folder / "pairs.tsv");
  options->find("json")->parse("true");
  testing::internal::CaptureStdout();
  EXPECT_EQ(eval.run(*model, *options), 0);
  std::fflush(stdout);
  const Json result = Json::parse(testing::internal::GetCapturedStdout());
  EXPECT_EQ(result["examples"], 3);  // an empty pair teaches nothing, and is judged
  EXPECT_EQ(result["split"], "all");
  std::vector<std::string> keys;
  for (const auto& [key, value] : result.items()) keys.push_back(key);
  ASSERT_GE(keys.size(), 3u);
  EXPECT_EQ(std::vector<std::string>(keys.end() - 3, keys.end()),
            (std::vector<std::string>{"bleu", "chrf", "signature"}));
  EXPECT_EQ(result["signature"], "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:2.6.0");

  std::ofstream(folder / "lines") << "1 May 1999\n\n2 June 2001\n";
  const Verb& predict = *find_verb(kRow, "predict");
  const auto how = predict.options();
  how->find("files")->parse(folder / "lines");
  testing::internal::CaptureStdout();
  EXPECT_EQ(predict.run(*model, *how), 0);
  std::fflush(stdout);
  const std::string said = testing::internal::GetCapturedStdout();
  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 3);
}

// Parts are those of a folder; what is not there is not replaced by something else.
TEST(MachineTranslation, PartsThatAreNotThereAreNamed) {
  set_num_threads(1);
  const TemporaryFolder folder;
  Options o;
  o.read_file(Json::parse(kRow.smallest), "smallest");
  o.source = "en", o.target = "de", o.out = folder / "run", o.quiet = true;
  train(o);
  const auto model = open_model(folder / "run");
  std::filesystem::create_directories(folder / "data");
  const std::string pairs = "1 May 1999\t1999-05-01\n2 June 2001\t2001-06-02\n";
  for (const char* name : {"data/train.tsv", "pairs.tsv"}) std::ofstream(folder / name) << pairs;
  const Verb& eval = *find_verb(kRow, "eval");
  const auto measured = [&](std::initializer_list<std::pair<const char*, std::string>> given) {
    const auto options = eval.options();
    options->find("json")->parse("true");
    for (const auto& [name, value] : given) options->find(name)->parse(value);
    testing::internal::CaptureStdout();
    std::string said;
    try {
      eval.run(*model, *options);
    } catch (...) {
      testing::internal::GetCapturedStdout();
      throw;
    }
    std::fflush(stdout);
    return Json::parse(testing::internal::GetCapturedStdout());
  };
  EXPECT_ERROR(measured({{"data", folder / "data"}}), "has no validation part");
  EXPECT_ERROR(measured({{"data", folder / "data"}, {"split", "test"}}), "has no test part");
  const Json whole = measured({{"data", folder / "data"}, {"split", "train"}});
  EXPECT_EQ(whole["split"], "train");
  EXPECT_EQ(whole["examples"], 2);
  EXPECT_EQ(measured({{"data", folder / "pairs.tsv"}})["split"], "all");
  EXPECT_EQ(measured({{"split", "test"}})["split"], "test");  // of the run's own
  EXPECT_ERROR(measured({{"data", folder / "pairs.tsv"}, {"split", "test"}}),
               "split: '" + (folder / "pairs.tsv") + "' is a file, which has no parts");
  EXPECT_ERROR(measured({{"out", folder / "none/said"}}), "there is no folder");
}

// Weights go on with the tokens and in the sizes that they were learned with, whatever the new data
// are; sizes that are asked for otherwise are refused.
TEST(MachineTranslation, BeginsWithARunAndItsTokens) {
  set_num_threads(1);
  const TemporaryFolder folder;
  Options first;
  first.read_file(Json::parse(kRow.smallest), "smallest");
  first.width = 24, first.heads = 2, first.out = folder / "first", first.quiet = true;
  train(first);
  std::ofstream pairs(folder / "pairs.tsv");
  for (int i = 0; i < 40; ++i) pairs << "ein Hund " << i << "\ta dog " << i << '\n';
  pairs.close();
  Options second;
  second.data = folder / "pairs.tsv", second.steps = 1, second.batch = 4, second.quiet = true;
  second.init = folder / "first", second.out = folder / "second";
  train(second);
  const auto config = [&](const char* run) {
    std::ifstream file((folder / run) + "/config.json");
    return Json::parse(file);
  };
  const Json before = config("first"), after = config("second");
  for (const char* name : {"tokenizer", "width", "heads", "layers", "feed_forward", "model"})
    EXPECT_EQ(after[name], before[name]) << name;
  Options wider = second;
  wider.init = folder / "first/model.safetensors", wider.out = folder / "wider", wider.width = 48;
  try {
    train(wider);
    FAIL() << "a width of 48 was accepted";
  } catch (const InvalidOption& e) {
    EXPECT_NE(std::string(e.what()).find("24"), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace cairn::tasks::machine_translation
