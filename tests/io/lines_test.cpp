#include "cairn/io/lines.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "tests/io/temporary_folder.h"

namespace cairn::io {
namespace {

struct Pipe {
  Pipe() { EXPECT_EQ(pipe(ends), 0); }
  ~Pipe() {
    close(ends[0]);
    end();
  }
  void put(const std::string& text) {
    EXPECT_EQ(write(ends[1], text.data(), text.size()), std::ssize(text));
  }
  void end() {
    if (open) close(ends[1]);
    open = false;
  }
  int ends[2];
  bool open = true;
};

TEST(Lines, AreTheOnesOfGetline) {
  for (const char* text : {"", "\n", "a", "a\n", "a\nb", "\n\na\r\n", "a\n\n"}) {
    std::istringstream theirs(text);
    Pipe pipe;
    pipe.put(text), pipe.end();
    LineReader ours(pipe.ends[0], "input");
    for (std::string a, b;;) {
      const bool more = static_cast<bool>(std::getline(theirs, b));
      ASSERT_EQ(ours.next(a), more) << text;
      if (!more) break;
      EXPECT_EQ(a, b);
    }
  }
}

// Before the first line, whatever is read; elsewhere it is a letter.
TEST(Lines, AByteOrderMarkIsNoLetter) {
  const std::string mark = "\xef\xbb\xbf";
  const TemporaryFolder folder;
  for (const std::string& text : {mark + "a\n" + mark + "b\n", mark}) {
    std::ofstream(folder / "text") << text;
    Pipe pipe;
    pipe.put(text), pipe.end();
    LineReader reader(pipe.ends[0], "input");
    std::vector<std::string> lines;
    for (std::string line; reader.next(line);) lines.push_back(line);
    EXPECT_EQ(lines, read_lines(folder / "text"));
    if (text == mark) EXPECT_TRUE(lines.empty());
    else EXPECT_EQ(lines, (std::vector<std::string>{"a", mark + "b"}));
  }
}

// What was read with another line counts as there, half a line does not.
TEST(Lines, AReaderKnowsWhetherAnotherOneWaits) {
  Pipe pipe;
  LineReader reader(pipe.ends[0], "input");
  EXPECT_FALSE(reader.is_ready());
  pipe.put("one\ntwo\nthr");
  std::string line;
  EXPECT_TRUE(reader.is_ready());
  EXPECT_TRUE(reader.next(line));
  EXPECT_TRUE(reader.is_ready()) << "two was read with one";
  EXPECT_TRUE(reader.next(line));
  EXPECT_EQ(line, "two");
  EXPECT_FALSE(reader.is_ready()) << "three has no end";
  pipe.put("ee\n");
  EXPECT_TRUE(reader.is_ready());
  EXPECT_TRUE(reader.next(line));
  EXPECT_EQ(line, "three");
  EXPECT_EQ(reader.number(), 3);
  EXPECT_FALSE(reader.is_ready());
  pipe.end();
  EXPECT_TRUE(reader.is_ready()) << "the end";
  EXPECT_FALSE(reader.next(line));
}

TEST(Lines, OfADescriptorWithoutAnEndAreRefused) {
  const TemporaryFolder folder;
  std::ofstream(folder / "long") << "short\n" << std::string(kLongestLine + 1, 'x');
  const int file = open((folder / "long").c_str(), O_RDONLY);
  LineReader reader(file, "input");
  std::string line;
  EXPECT_TRUE(reader.next(line));
  EXPECT_TRUE(reader.is_ready());
  EXPECT_ERROR(reader.next(line), "input, line 2: more than 16 MiB");
  close(file);
  LineReader folder_as_file(open(folder.path().c_str(), O_RDONLY), "input");
  EXPECT_ERROR(folder_as_file.next(line), "input: ");
  LineReader closed(-1, "input");
  EXPECT_FALSE(closed.next(line));
}

TEST(Lines, OfAFileWithoutAnEndAreRefusedByTheirNumber) {
  const TemporaryFolder folder;
  const std::string path = folder / "text";
  std::ofstream(path) << "short\n" << std::string(kLongestLine + 1, 'x') << "\n";
  EXPECT_ERROR(read_lines(path), "line 2: more than 16 MiB without a line end");
}

}  // namespace
}  // namespace cairn::io
