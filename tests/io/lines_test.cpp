#include "cairn/io/lines.h"

#include <gtest/gtest.h>

#include <sstream>

#include "tests/io/temporary_folder.h"

namespace cairn::io {
namespace {

TEST(Lines, AreTheOnesOfGetline) {
  for (const char* text : {"", "\n", "a", "a\n", "a\nb", "\n\na\r\n", "a\n\n"}) {
    std::istringstream ours(text), theirs(text);
    int64_t number = 0;
    for (std::string a, b;;) {
      const bool more = static_cast<bool>(std::getline(theirs, b));
      ASSERT_EQ(next_line(ours, a, "input", ++number), more) << text;
      if (!more) break;
      EXPECT_EQ(a, b);
    }
  }
}

TEST(Lines, OneWithoutAnEndIsRefusedBeforeItFillsTheMemory) {
  std::istringstream in("short\n" + std::string(kLongestLine + 1, 'x'));
  std::string line;
  EXPECT_TRUE(next_line(in, line, "input", 1));
  EXPECT_ERROR(next_line(in, line, "input", 2), "input, line 2: more than 16 MiB");
  EXPECT_LE(line.size(), kLongestLine + 1);
}

}  // namespace
}  // namespace cairn::io
