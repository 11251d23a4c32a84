#include "cairn/io/lines.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "cairn/base/error.h"
#include "cairn/io/gzip.h"
#include "cairn/io/utf8.h"

namespace cairn::io {

void check_line(size_t bytes, const std::string& name, int64_t number) {
  check(bytes <= kLongestLine,
        "{}, line {}: more than {} MiB without a line end; is it text? Break it into lines", name,
        number, kLongestLine >> 20);
}

std::vector<std::string> read_lines(const std::string& path) {
  constexpr uint64_t kMostBytes = uint64_t{4} << 30;  // unpacked
  const auto bytes = read_maybe_gzip(path, kMostBytes);
  return lines_of(text_of(bytes), path);
}

std::vector<std::string> lines_of(std::string_view text, const std::string& path) {
  text = without_mark(text);
  std::vector<std::string> lines;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    check_line(end - begin, path, std::ssize(lines) + 1);
    std::string_view line = text.substr(begin, end - begin);
    if (line.ends_with('\r')) line.remove_suffix(1);
    const size_t bad = find_invalid_utf8(line);
    check(bad == std::string_view::npos,
          "'{}', line {}, byte {}: not UTF-8; convert the file (iconv -t UTF-8)", path,
          lines.size() + 1, bad);
    lines.emplace_back(line);
    begin = end + 1;
  }
  return lines;
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
  if (number_ == 0) begin_ = bytes_.size() - without_mark(bytes_).size();
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
