#include "cairn/io/lines.h"

#include <poll.h>
#include <unistd.h>

#include "cairn/base/error.h"

namespace cairn::io {

void check_line(size_t bytes, const std::string& name, int64_t number) {
  check(bytes <= kLongestLine,
        "{}, line {}: more than {} MiB without a line end; is it text? Break it into lines", name,
        number, kLongestLine >> 20);
}

bool next_line(std::istream& in, std::string& line, const std::string& name, int64_t number) {
  line.clear();
  std::streambuf& bytes = *in.rdbuf();
  using Traits = std::istream::traits_type;
  for (auto c = bytes.sbumpc();; c = bytes.sbumpc()) {
    if (Traits::eq_int_type(c, Traits::eof())) {
      in.setstate(std::ios::eofbit);
      return !line.empty();
    }
    if (Traits::to_char_type(c) == '\n') return true;
    line += Traits::to_char_type(c);
    check_line(line.size(), name, number);
  }
}

bool more_is_there() {
  pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
  return poll(&input, 1, 0) != 0;
}

}  // namespace cairn::io
