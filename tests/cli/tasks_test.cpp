// What the command line makes of every row of the table of tasks: a new task is tested by existing.
#include "cairn/tasks/task.h"
#include "tests/cli/program.h"

namespace cairn::cli_test {
namespace {

class EveryTask : public testing::TestWithParam<std::string> {
 protected:
  const tasks::Task& task() const { return tasks::task_named(GetParam()); }
  Outcome train(Arguments more) const {
    Arguments all{"train", GetParam()};
    all.insert(all.end(), more.begin(), more.end());
    return cairn(all);
  }
  std::string file(const Json& config) const {
    write(folder_ / "options.json", config.dump());
    return folder_ / "options.json";
  }
  TemporaryFolder folder_;
};

TEST_P(EveryTask, HelpShowsEveryOptionAndItsDefault) {
  const Outcome o = train({"--help"});
  ASSERT_EQ(o.status, 0);
  std::string text;  // lines are broken anywhere
  for (char c : o.out)
    if (!std::isspace(static_cast<unsigned char>(c))) text += c;
  const auto bare = [](std::string s) {
    std::erase_if(s, [](char c) { return std::isspace(static_cast<unsigned char>(c)); });
    return s;
  };
  const auto options = task().options();
  for (const train::AnyOption* option : std::as_const(*options).all()) {
    if (option->use() == train::Use::fact) continue;
    EXPECT_NE(text.find(option->flag()), text.npos) << option->flag();
    if (!option->is_switch() && !option->standard().empty()) {
      EXPECT_NE(text.find(bare(option->standard())), text.npos) << option->flag();
    }
  }
  EXPECT_NE(o.out.find("Usage: "), o.out.npos);
  EXPECT_NE(o.out.find("\n  cairn "), o.out.npos) << "no example";
  for (const tasks::Verb& verb : task().verbs)
    EXPECT_EQ(cairn({verb.name, "--help"}).status, 0) << verb.name;
}

TEST_P(EveryTask, WhatWasChosenIsPrintedAndReadAgain) {
  const std::string smallest = file(Json::parse(task().smallest));
  const Outcome o = train({"--config", smallest, "--seed", "7", "--print-config"});
  ASSERT_EQ(o.status, 0) << o.err;
  const Json config = Json::parse(o.out);
  EXPECT_EQ(config["task"], GetParam());
  EXPECT_EQ(config["seed"], 7);
  const Json chosen = Json::parse(task().smallest);
  for (const auto& [key, value] : chosen.items()) EXPECT_EQ(config[key], value) << key;
  const Outcome again = train({"--config", file(config), "--print-config"});
  EXPECT_EQ(again.out, o.out) << again.err;
}

TEST_P(EveryTask, WrongUsageIsExplained) {
  expect_failure(train({"--sede", "1"}), 2, {"--sede", "--seed"});
  expect_failure(train({"--seed", "-1"}), 2, {"--seed", "-1"});
  expect_failure(train({"--lr", "fast"}), 2, {"--lr", "fast"});
  expect_failure(train({"--steps", "5", "--epochs", "5"}), 2, {"--steps", "give one of them"});
  expect_failure(train({"--resume"}), 2, {"--resume", "say which run"});
  expect_failure(train({"--config", folder_ / "nowhere.json"}), 1, {"nowhere.json"});
  expect_failure(train({"--config", file({{"task", "another"}})}), 1, {"task", "another"});
  expect_failure(train({"--config", file({{"format", 99}})}), 1, {"format", "newer"});
  expect_failure(train({"--config", file({{"stranger", 1}})}), 1, {"stranger", "no such option"});
}

INSTANTIATE_TEST_SUITE_P(Tasks, EveryTask, testing::ValuesIn(tasks::task_names()),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace cairn::cli_test
