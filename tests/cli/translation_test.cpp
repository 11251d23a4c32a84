// cairn predict RUN < text: one line for each.
#include <fcntl.h>
#include <unistd.h>

#include "tests/cli/program.h"

namespace cairn::cli_test {
namespace {

TEST(Translation, ReadsStandardInputWhereNoFileIsNamed) {
  const TemporaryFolder folder;
  const Outcome trained = cairn({"train", "machine-translation", "--steps", "2", "--width", "16",
                                 "--layers", "1", "--quiet", "--out", folder / "run"});
  ASSERT_EQ(trained.status, 0) << trained.err;
  const std::string text = folder / "text";
  write(text, "29 February 2024\n\nthe 1st of May 1886\n");
  const Outcome by_name = cairn({"predict", folder / "run", text});
  const Outcome piped = cairn({"predict", folder / "run"},
                              {.in_child = [&] { dup2(open(text.c_str(), O_RDONLY), 0); }});
  ASSERT_EQ(piped.status, 0) << piped.err;
  EXPECT_EQ(std::count(piped.out.begin(), piped.out.end(), '\n'), 3);
  EXPECT_EQ(piped.out, by_name.out);
}

}  // namespace
}  // namespace cairn::cli_test
