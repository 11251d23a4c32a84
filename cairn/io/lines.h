// Lines of text that nobody vouches for: one without an end must not fill the memory, nor keep a
// tokenizer busy for ever.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cairn::io {

inline constexpr size_t kLongestLine = size_t{16} << 20;  // bytes

// Throws Error that says how long line `number` (from 1) of `name` is, when it is longer.
void check_line(size_t bytes, const std::string& name, int64_t number);

// Lines of a text file, also packed with gzip, without their ends. Throws Error with the line that
// is too long or not UTF-8.
std::vector<std::string> read_lines(const std::string& path);
// The same of what was read from `path`.
std::vector<std::string> lines_of(std::string_view text, const std::string& path);

// The lines of a file descriptor, standard input above all. It says whether another one waits: a
// writer who waits for answers has to get them, one who writes on does not.
class LineReader {
 public:
  LineReader(int descriptor, std::string name) : descriptor_(descriptor), name_(std::move(name)) {}
  // The next line, without its end; false where there is none. A byte order mark is no letter of
  // the first. Never holds more than the longest; throws Error as above, and where nothing can be
  // read.
  bool next(std::string& line);
  // Whether next() would not have to wait: a whole line is there, or the end.
  bool is_ready();
  int64_t number() const { return number_; }  // of the last line, from 1

 private:
  bool has_line();  // a whole one, or what nothing follows
  void read_more();

  int descriptor_;
  std::string name_, bytes_;
  size_t begin_ = 0, looked_ = 0;  // of the next line; how far there is no end of it
  bool ended_ = false;
  int64_t number_ = 0;
};

}  // namespace cairn::io
