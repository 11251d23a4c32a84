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
  write(folder / "table.csv", "a,b,kind\n1,2,x\n2,1,y\n1,3,x\n3,1,y\n");
  ASSERT_EQ(
      cairn({"train", "tabular", "--steps", "2", "--quiet", "--out", folder / "table"}).status, 0);
  expect_failure(
      cairn({"explain", folder / "table", "--input", folder / "table.csv", "--out", out}), 1,
      {"table.csv"});
}

}  // namespace
}  // namespace cairn::cli_test
