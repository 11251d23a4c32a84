#include "cairn/data/summaries.h"

#include <gtest/gtest.h>

#include <fstream>

#include "cairn/base/error.h"
#include "tests/io/temporary_folder.h"

namespace cairn::data {
namespace {

TEST(Summaries, AreFoundUnderTheirKeys) {
  const TemporaryFolder folder;
  std::ofstream(folder / "a.train.jsonl")
      << R"({"id": 7, "dialogue": "one\ntwo", "summary": "s"})"
      << "\n\n"
      << R"({"source": ["A b.", "C."], "target": ["t", "u"], "topic": "x"})"
      << "\n";
  std::ofstream(folder / "a.test.jsonl") << R"({"text": "x", "summary1": "p", "summary2": "q"})";
  std::ofstream(folder / "notes.jsonl") << "no part";
  const auto read = open_summaries(folder.path());
  ASSERT_EQ(read.train.size(), 2u);
  EXPECT_EQ(read.train[0].text, "one\ntwo");
  EXPECT_EQ(read.train[1].text, "A b.\nC.");
  EXPECT_EQ(read.train[1].summaries, (std::vector<std::string>{"t", "u"}));
  ASSERT_EQ(read.test.size(), 1u);
  EXPECT_EQ(read.test[0].summaries, (std::vector<std::string>{"p", "q"}));
  EXPECT_TRUE(read.validation.empty());
}

TEST(Summaries, DamageIsSaidWithItsPlace) {
  const TemporaryFolder folder;
  const auto expect_error = [&](const std::string& line, const std::string& part) {
    std::ofstream(folder / "f.jsonl") << R"({"text": "x", "summary": "p"})"
                                      << "\n"
                                      << line;
    try {
      open_summaries(folder / "f.jsonl");
      FAIL() << "accepted " << line;
    } catch (const Error& e) {
      EXPECT_NE(std::string(e.what()).find(part), std::string::npos) << e.what();
      EXPECT_NE(std::string(e.what()).find("line 2"), std::string::npos) << e.what();
    }
  };
  expect_error("text", "no JSON object");
  expect_error(R"({"summary": "p"})", "no text under");
  expect_error(R"({"text": "p"})", "no \"summary\"");
  expect_error(R"({"text": 7, "summary": "p"})", "\"text\" is neither");
  expect_error(R"({"text": "x", "summary": [7]})", "\"summary\" is neither");
  expect_error("{\"text\": \"\xff\", \"summary\": \"p\"}", "not UTF-8");
  EXPECT_THROW(open_summaries(folder / "none.jsonl"), Error);
}

TEST(Summaries, ATextToSummarizeNeedsNone) {
  EXPECT_EQ(parse_summarized(R"({"source": "a", "summary": 7})", "f", 3, false).text, "a");
  EXPECT_THROW(parse_summarized(R"({"summary": "a"})", "f", 3, false), Error);
}

TEST(Summaries, TheLeadIsThreeSentences) {
  EXPECT_EQ(lead_of("A b. C! D e? F."), "A b. C! D e?");
  EXPECT_EQ(lead_of("a\nb. b\nc\nd"), "a\nb. b\nc");
  EXPECT_EQ(lead_of("3.5 is less. Yes"), "3.5 is less. Yes");
}

}  // namespace
}  // namespace cairn::data
