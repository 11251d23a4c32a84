// `cairn report` for runs of each task.
#include "tests/cli/program.h"

namespace cairn::cli_test {
namespace {

std::string small_text() {
  std::string text;
  for (int i = 0; i < 60; ++i) text += "a line of text, number " + std::to_string(i) + "\n";
  return text;
}

std::string page_of(const TemporaryFolder& folder, const std::string& model) {
  write(folder / "text.txt", small_text());
  const std::string run = folder / model;
  const Outcome trained = cairn({"train",        "language-model",
                                 "--model",      model,
                                 "--data",       folder / "text.txt",
                                 "--layers",     "1",
                                 "--width",      "16",
                                 "--context",    "16",
                                 "--batch",      "4",
                                 "--steps",      "6",
                                 "--eval-every", "2",
                                 "--out",        run,
                                 "--threads",    "1"});
  EXPECT_EQ(trained.status, 0) << trained.err;
  EXPECT_TRUE(std::filesystem::exists(run + "/samples/step-000006.txt"));
  expect_failure(cairn({"report", run, "--out", folder / "page.pdf"}), 2, {"--out", "page.pdf"});
  const Outcome o = cairn({"report", run, "--threads", "1"});
  EXPECT_EQ(o.status, 0) << o.err;
  return content_of(run + "/report.html");
}

void expect_parts(const std::string& html, const std::vector<std::string>& parts) {
  for (const std::string& part : parts) EXPECT_NE(html.find(part), html.npos) << part;
}

TEST(Report, OfARecurrentLanguageModel) {
  const TemporaryFolder folder;
  expect_parts(page_of(folder, "lstm"), {"validation loss", "after 2 steps", "after 6 steps",
                                         "What surprises it", "What one of its cells remembers"});
}

TEST(Report, OfATransformer) {
  const TemporaryFolder folder;
  expect_parts(page_of(folder, "gpt"),
               {"What surprises it", "Where its heads look", "class=\"heat"});
}

}  // namespace
}  // namespace cairn::cli_test
