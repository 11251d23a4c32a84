#include "cairn/io/lines.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

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

bool LineReader::has_line() {
  looked_ = std::min(bytes_.find('\n', looked_), bytes_.size());
  return looked_ < bytes_.size() || ended_;
}

void LineReader::read_more() {
  constexpr size_t kPiece = 1 << 16;
  check_line(bytes_.size() - begin_, name_, number_ + 1);
  bytes_.erase(0, begin_), looked_ -= begin_, begin_ = 0;
  const size_t before = bytes_.size();
  bytes_.resize(before + kPiece);
  ssize_t count;
  do count = read(descriptor_, bytes_.data() + before, kPiece);
  while (count < 0 && errno == EINTR);
  const int reason = errno;
  bytes_.resize(before + static_cast<size_t>(std::max<ssize_t>(count, 0)));
  // One that is closed has no lines.
  check(count >= 0 || reason == EBADF, "{}: {}", name_, std::strerror(reason));
  ended_ = count <= 0;
}

bool LineReader::next(std::string& line) {
  while (!has_line()) read_more();
  if (ended_ && begin_ == bytes_.size()) return false;
  check_line(looked_ - begin_, name_, ++number_);
  line.assign(bytes_, begin_, looked_ - begin_);
  begin_ = looked_ = std::min(looked_ + 1, bytes_.size());
  return true;
}

bool LineReader::is_ready() {
  pollfd input{.fd = descriptor_, .events = POLLIN, .revents = 0};
  while (!has_line()) {
    if (bytes_.size() - begin_ > kLongestLine) return true;  // next() says so
    if (poll(&input, 1, 0) == 0) return false;
    read_more();
  }
  return true;
}

}  // namespace cairn::io
