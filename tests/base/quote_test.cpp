#include "cairn/base/quote.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdio>

namespace cairn {
namespace {

// What a shell makes of it.
std::string said_by_a_shell(const std::string& word) {
  FILE* shell = popen(("printf %s " + shell_quoted(word)).c_str(), "r");
  std::array<char, 256> text{};
  const size_t size = fread(text.data(), 1, text.size(), shell);
  pclose(shell);
  return {text.data(), size};
}

TEST(Quote, AShellReadsTheWordAgain) {
  for (const char* word : {"runs/first", "my run", "it's", "a\"b", "$(date)", "a;b", "*", "~", "\\",
                           "a\nb", "\xff", "", "#x", "ü"})
    EXPECT_EQ(said_by_a_shell(word), word);
  EXPECT_EQ(said_by_a_shell("-run"), "./-run") << "no option";
}

TEST(Quote, PlainWordsStayAsTheyAre) {
  EXPECT_EQ(shell_quoted("runs/image-classification-1"), "runs/image-classification-1");
  EXPECT_EQ(shell_quoted("my run"), "'my run'");
}

}  // namespace
}  // namespace cairn
