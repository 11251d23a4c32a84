#include "cairn/text/unicode.h"

#include <memory>

#include "cairn/base/error.h"
#include "cairn/io/utf8.h"
#include "cairn/text/icu.h"

namespace cairn::text {

const Icu& icu() {
  static const Icu library;
  return library;
}

bool is_python_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 ||
         c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
         c == 0x205F || c == 0x3000;
}

bool is_white_space(char32_t c) { return icu().u_isUWhiteSpace(static_cast<UChar32>(c)) != 0; }

uint32_t category_mask(char32_t c) { return U_MASK(icu().u_charType(static_cast<UChar32>(c))); }

bool is_word_character(char32_t point) {
  const auto c = static_cast<UChar32>(point);
  return icu().u_hasBinaryProperty(c, UCHAR_ALPHABETIC) ||
         (category_mask(point) & (U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK)) != 0 ||
         icu().u_hasBinaryProperty(c, UCHAR_JOIN_CONTROL);
}

bool is_alphanumeric(char32_t point) {
  const auto c = static_cast<UChar32>(point);
  return icu().u_isalpha(c) || icu().u_getIntPropertyValue(c, UCHAR_NUMERIC_TYPE) != U_NT_NONE;
}

std::string to_lower(std::string_view text) {
  using Map = std::unique_ptr<UCaseMap, void (*)(UCaseMap*)>;
  UErrorCode error = U_ZERO_ERROR;
  static const Map map(icu().ucasemap_open("", 0, &error),
                       icu().ucasemap_close);  // "": no language's rules
  check(map != nullptr, "Unicode: ICU has no case mappings");
  check(text.size() < (size_t{1} << 30), "lower case: a text of {} bytes is too long", text.size());
  std::string out(text.size() + text.size() / 2 + 16, '\0');
  for (;;) {
    error = U_ZERO_ERROR;
    const int32_t size =
        icu().ucasemap_utf8ToLower(map.get(), out.data(), static_cast<int32_t>(out.size()),
                                   text.data(), static_cast<int32_t>(text.size()), &error);
    const bool fits = error != U_BUFFER_OVERFLOW_ERROR;
    check(!fits || U_SUCCESS(error), "lower case: {}", icu().u_errorName(error));
    out.resize(static_cast<size_t>(size));
    if (fits) return out;
  }
}

std::vector<std::string_view> split_at_spaces(std::string_view text) {
  std::vector<std::string_view> words;
  size_t begin = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t here = at;
    if (!is_python_space(next_point(text, at))) continue;
    if (here > begin) words.push_back(text.substr(begin, here - begin));
    begin = at;
  }
  if (begin < text.size()) words.push_back(text.substr(begin));
  return words;
}

std::string_view without_trailing_spaces(std::string_view text) {
  size_t end = 0;
  for (size_t at = 0; at < text.size();)
    if (!is_python_space(next_point(text, at))) end = at;
  return text.substr(0, end);
}

std::string with_replacements(std::string_view bytes, int64_t* count) {
  std::string out;
  int64_t replaced = 0;
  for (size_t at = 0; at < bytes.size();) {
    const size_t bad = io::find_invalid_utf8(bytes.substr(at));
    out += bytes.substr(at, bad);
    if (bad == std::string_view::npos) break;
    at += bad;
    // How much of the character is right before it breaks off: at least its first byte goes.
    const auto byte = [&](size_t i) {
      return at + i < bytes.size() ? static_cast<unsigned char>(bytes[at + i]) : 0;
    };
    const unsigned lead = byte(0), second = byte(1);
    const size_t length = lead >= 0xF0 && lead < 0xF5 ? 4 : lead >= 0xE0 && lead < 0xF0 ? 3 : 1;
    const unsigned least = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    const unsigned most = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    size_t size = 1;
    if (length > 1 && second >= least && second <= most)
      for (size = 2; size + 1 < length && (byte(size) & 0xC0) == 0x80;) ++size;
    at += size, ++replaced;
    out += "\xEF\xBF\xBD";
  }
  if (count) *count = replaced;
  return out;
}

}  // namespace cairn::text
