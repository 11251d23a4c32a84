#include "cairn/tasks/explain/topics.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "cairn/base/parallel.h"
#include "cairn/io/file.h"
#include "tests/io/temporary_folder.h"

namespace cairn::tasks::explain {
namespace {

class EveryTopic : public testing::TestWithParam<std::string> {};

TEST_P(EveryTopic, IsAPageWithItsFormulaAndTheSourceThatComputesIt) {
  set_num_threads(1);
  const TemporaryFolder folder;
  const Topic& topic = topic_named(GetParam());
  const std::string path = folder / "page.html";
  write_topic(topic, path, 0.01);
  const std::string page = io::read_text_file(path);
  EXPECT_NE(page.find("<svg"), std::string::npos);
  EXPECT_NE(page.find(topic.file), std::string::npos);
  EXPECT_EQ(page.find("nan"), std::string::npos);
  const std::string source = io::read_text_file(std::string(CAIRN_SOURCE_DIR) + "/" + topic.file);
  EXPECT_NE(source.find(std::string(topic.function) + "("), std::string::npos) << topic.file;
}

std::vector<std::string> names() {
  std::vector<std::string> all;
  for (const Topic& t : topics()) all.emplace_back(t.name);
  return all;
}
INSTANTIATE_TEST_SUITE_P(Explain, EveryTopic, testing::ValuesIn(names()), [](const auto& info) {
  std::string name = info.param;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

TEST(Explain, AnUnknownTopicIsNamedWithTheNearest) {
  EXPECT_ERROR(topic_named("atention"), "did you mean attention");
}

TEST(Explain, APageThatCannotBeWrittenIsSaidBeforeTheExperiment) {
  EXPECT_ERROR(write_topic(topic_named("attention"), "/no/such/folder/page.html", 1), "page.html");
}

}  // namespace
}  // namespace cairn::tasks::explain
