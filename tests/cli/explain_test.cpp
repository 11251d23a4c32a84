// cairn explain: topics, and the decision of a run.
#include "tests/cli/program.h"

namespace cairn::cli_test {
namespace {

TEST(Explain, TheDecisionOfARunIsAPage) {
  const TemporaryFolder folder;
  const auto& trained = Trained::get();
  const Outcome o = cairn({"explain", trained.run(), "--input", trained.picture(), "--out",
                           folder / "page.html", "--threads", "1"});
  ASSERT_EQ(o.status, 0) << o.err;
  const std::string page = content_of(folder / "page.html");
  EXPECT_NE(page.find("looks like"), std::string::npos);
  EXPECT_NE(page.find("data:image/png"), std::string::npos);
}

TEST(Explain, TheColumnsOfATableAndTheLettersOfATextAreLeftOut) {
  const TemporaryFolder folder;
  const std::string out = folder / "page.html";
  write(folder / "table.csv", "size,width,kind\n1,2,x\n2,1,y\n1,3,x\n3,1,y\n");
  ASSERT_EQ(cairn({"train", "tabular", "--data", folder / "table.csv", "--steps", "2", "--quiet",
                   "--out", folder / "table"})
                .status,
            0);
  ASSERT_EQ(
      cairn({"explain", folder / "table", "--input", folder / "table.csv", "--out", out}).status,
      0);
  const std::string of_table = content_of(out);
  EXPECT_NE(of_table.find("<th>width</th>"), std::string::npos);
  EXPECT_NE(of_table.find("without it"), std::string::npos);
  ASSERT_EQ(cairn({"train", "language-model", "--model", "gru", "--width", "8", "--steps", "1",
                   "--context", "8", "--quiet", "--out", folder / "text"})
                .status,
            0);
  write(folder / "text.txt", "to be or");
  ASSERT_EQ(
      cairn({"explain", folder / "text", "--input", folder / "text.txt", "--out", out}).status, 0);
  EXPECT_NE(content_of(out).find("After"), std::string::npos);
  write(folder / "letter.txt", "t");
  expect_failure(
      cairn({"explain", folder / "text", "--input", folder / "letter.txt", "--out", out}), 1,
      {"letter.txt", "one token"});
}

TEST(Explain, WrongUsageIsExplained) {
  const TemporaryFolder folder;
  const auto& trained = Trained::get();
  const std::string out = folder / "page.html";
  expect_failure(cairn({"explain", "atention", "--out", out}), 2, {"atention", "attention"});
  expect_failure(cairn({"explain", trained.run(), "--out", out}), 2, {"--input"});
  expect_failure(cairn({"explain", "attention", "--input", "x.png", "--out", out}), 2,
                 {"--input", "no run folder"});
  expect_failure(cairn({"explain", trained.run(), "--input", folder / "none.png", "--out", out}), 1,
                 {"none.png", "--input"});
  expect_failure(
      cairn({"explain", trained.run(), "--input", trained.picture(), "--part", "2", "--out", out}),
      2, {"--part"});
  EXPECT_FALSE(std::filesystem::exists(out));
}

}  // namespace
}  // namespace cairn::cli_test
