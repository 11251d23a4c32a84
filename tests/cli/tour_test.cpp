// `cairn tour`: a short one, stopped and gone on with.
#include "tests/cli/program.h"

namespace cairn::cli_test {
namespace {

TEST(Tour, WritesOnePageAboutItsStops) {
  const TemporaryFolder folder;
  const std::string out = folder / "tour";
  const Outcome o = cairn({"tour", "--only", "rnn", "transformer", "--part", "0.0025", "--out", out,
                           "--threads", "1", "--json"});
  ASSERT_EQ(o.status, 0) << o.err;
  const Json result = o.json();
  EXPECT_EQ(result["rnn"]["task"], "language-model");
  EXPECT_EQ(result["report"], out + "/report.html");
  const std::string html = content_of(out + "/report.html");
  for (const char* part : {"Recurrence", "Attention", "Where its heads look", "perplexity"})
    EXPECT_NE(html.find(part), html.npos) << part;

  const Outcome again = cairn({"tour", "--only", "rnn", "--out", out});
  EXPECT_EQ(again.status, 2);
  EXPECT_TRUE(again.says("resume")) << again.err;
}

TEST(Tour, UnknownStopsAreNamed) {
  const Outcome o = cairn({"tour", "--only", "transformr", "--out", "nowhere"});
  EXPECT_EQ(o.status, 2);
  EXPECT_TRUE(o.says("did you mean transformer")) << o.err;
}

}  // namespace
}  // namespace cairn::cli_test
