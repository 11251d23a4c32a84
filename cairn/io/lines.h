// Lines of text that nobody vouches for: one without an end must not fill the memory, nor keep a
// tokenizer busy for ever.
#pragma once
#include <cstdint>
#include <istream>
#include <string>

namespace cairn::io {

inline constexpr size_t kLongestLine = size_t{16} << 20;  // bytes

// Throws Error that says how long line `number` (from 1) of `name` is, when it is longer.
void check_line(size_t bytes, const std::string& name, int64_t number);

// The next line, without its end; false where there is none. Never holds more than the longest;
// throws Error as above.
bool next_line(std::istream& in, std::string& line, const std::string& name, int64_t number);

// The lines of a file descriptor, for whom it matters whether another one waits: a writer who waits
// for answers has to get them, one who writes on does not.
class LineReader {
 public:
  LineReader(int descriptor, std::string name) : descriptor_(descriptor), name_(std::move(name)) {}
  // As next_line(); counts the lines itself. Throws Error where nothing can be read, too.
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
