#include "cairn/io/utf8.h"

#include "cairn/base/error.h"

namespace cairn::io {
namespace {

constexpr char32_t kInvalid = ~char32_t{0};

int length_of(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead < 0xE0) return 2;
  if (lead >= 0xE0 && lead < 0xF0) return 3;
  if (lead >= 0xF0 && lead < 0xF5) return 4;
  return 0;
}

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

// The code point at `at`, which then is moved past it; kInvalid leaves it there.
char32_t next_point(std::string_view text, size_t& at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  const int length = length_of(lead);
  if (length == 0 || text.size() - at < static_cast<size_t>(length)) return kInvalid;
  char32_t point = length == 1 ? lead : lead & (0x7F >> length);
  for (int i = 1; i < length; ++i) {
    if (!is_continuation(text[at + i])) return kInvalid;
    point = point << 6 | (static_cast<unsigned char>(text[at + i]) & 0x3F);
  }
  constexpr char32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};
  if (point < kSmallest[length] || point > 0x10FFFF || (point >= 0xD800 && point < 0xE000))
    return kInvalid;
  at += length;
  return point;
}

}  // namespace

size_t find_invalid_utf8(std::string_view text) {
  for (size_t at = 0; at < text.size();)
    if (next_point(text, at) == kInvalid) return at;
  return std::string_view::npos;
}

std::u32string decode_utf8(std::string_view text, const std::string& name) {
  std::u32string points;
  points.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const char32_t point = next_point(text, at);
    if (point == kInvalid)
      fail(
          "'{}', byte {}: not UTF-8 (byte {:#04x}); "
          "convert the text (iconv -t UTF-8) or use byte tokens",
          name, at, static_cast<unsigned char>(text[at]));
    points.push_back(point);
  }
  return points;
}

void append_utf8(std::string& out, char32_t point) {
  const auto put = [&](char32_t value) { out += static_cast<char>(value); };
  if (point < 0x80) return put(point);
  if (point < 0x800) return put(0xC0 | point >> 6), put(0x80 | (point & 0x3F));
  if (point < 0x10000)
    return put(0xE0 | point >> 12), put(0x80 | (point >> 6 & 0x3F)), put(0x80 | (point & 0x3F));
  put(0xF0 | point >> 18), put(0x80 | (point >> 12 & 0x3F));
  put(0x80 | (point >> 6 & 0x3F)), put(0x80 | (point & 0x3F));
}

std::string encode_utf8(std::u32string_view points) {
  std::string out;
  for (char32_t point : points) append_utf8(out, point);
  return out;
}

std::string_view without_mark(std::string_view text) {
  constexpr std::string_view kMark = "\xef\xbb\xbf";
  return text.substr(text.starts_with(kMark) ? kMark.size() : 0);
}

size_t complete_utf8_prefix(std::string_view text) {
  for (size_t back = 1; back <= 3 && back <= text.size(); ++back) {
    const char c = text[text.size() - back];
    if (is_continuation(c)) continue;
    const int length = length_of(static_cast<unsigned char>(c));
    return length > static_cast<int>(back) ? text.size() - back : text.size();
  }
  return text.size();
}

namespace {

bool is_control(char32_t point) { return point < 0x20 || (point >= 0x7F && point < 0xA0); }

// Point by point; `show` writes what is valid.
template <class Show>
std::string rewritten(std::string_view text, const Show& show) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    const char32_t point = next_point(text, at);
    if (point == kInvalid) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[begin]));
      at = begin + 1;
    } else {
      show(out, point);
    }
  }
  return out;
}

}  // namespace

std::string valid_utf8(std::string_view text) {
  if (find_invalid_utf8(text) == text.npos) return std::string(text);
  return rewritten(text, append_utf8);
}

std::string printable(std::string_view text) {
  return rewritten(text, [](std::string& out, char32_t point) {
    if (point == '\n') out += "\\n";
    else if (point == '\t') out += "\\t";
    else if (is_control(point)) out += fmt::format("\\x{:02x}", static_cast<unsigned>(point));
    else append_utf8(out, point);
  });
}

std::string with_control_pictures(std::string_view text) {
  return rewritten(text, [](std::string& out, char32_t point) {
    if (point == 0x7F) append_utf8(out, 0x2421);
    else if (point >= 0x80 && is_control(point)) append_utf8(out, 0xFFFD);
    else if (is_control(point) && point != '\n' && point != '\t' && point != '\r')
      append_utf8(out, 0x2400 + point);
    else append_utf8(out, point);
  });
}

}  // namespace cairn::io
