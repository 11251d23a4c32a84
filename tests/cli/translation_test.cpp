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

TEST(Translation, OneLanguageIsNotTranslatedIntoItself) {
  const TemporaryFolder folder;
  expect_failure(cairn({"train", "machine-translation", "--source", "en", "--target", "en",
                        "--quiet", "--out", folder / "run"}),
                 2, {"--target", "is 'en', as the source is"});
  EXPECT_EQ(folder.entries(), 0);
}

// Who waits for a translation before the next line gets it, whatever --batch is.
TEST(Translation, ALineIsAnsweredBeforeTheNextIsThere) {
  const TemporaryFolder folder;
  const Outcome trained = cairn({"train", "machine-translation", "--steps", "2", "--width", "16",
                                 "--layers", "1", "--quiet", "--out", folder / "run"});
  ASSERT_EQ(trained.status, 0) << trained.err;
  int ends[2] = {-1, -1};
  ASSERT_EQ(pipe(ends), 0);
  const std::string out = folder / "out";
  Running program({"predict", folder / "run"}, {.in_child =
                                                    [&] {
                                                      dup2(ends[0], 0);
                                                      close(ends[1]);
                                                    },
                                                .stdout_path = out});
  close(ends[0]);
  for (int64_t line = 1; line <= 2; ++line) {
    ASSERT_EQ(::write(ends[1], "May 2024\n", 9), 9);
    EXPECT_TRUE(program.wait_for([&] {
      const std::string said = content_of(out);
      return std::count(said.begin(), said.end(), '\n') == line;
    })) << line;
  }
  close(ends[1]);
  EXPECT_EQ(program.wait().status, 0);
}

}  // namespace
}  // namespace cairn::cli_test
