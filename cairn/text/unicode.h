// Unicode as the tools that we equal see it. Properties and mappings are ICU's (72 in Debian 12:
// Unicode 15.0).
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cairn::text {

// What Python's str.split() and str.strip() take for white space (str.isspace).
bool is_python_space(char32_t point);
// Unicode's property White_Space.
bool is_white_space(char32_t point);
// One bit for the general category, ICU's U_GC_..._MASK: U_GC_N_MASK has those of all numbers.
uint32_t category_mask(char32_t point);
// Letters, marks, decimal digits, connectors and joiners: \w of a regular expression in Unicode.
bool is_word_character(char32_t point);
// Python's str.isalnum() of one character.
bool is_alphanumeric(char32_t point);

// The next code point of valid UTF-8 at `at`, which is moved past it.
inline char32_t next_point(std::string_view text, size_t& at) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[at + i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return ++at, lead;
  char32_t point;
  if (lead < 0xE0) point = (lead & 0x1Fu) << 6 | (byte(1) & 0x3Fu), at += 2;
  else if (lead < 0xF0)
    point = (lead & 0x0Fu) << 12 | (byte(1) & 0x3Fu) << 6 | (byte(2) & 0x3Fu), at += 3;
  else {
    point = (lead & 0x07u) << 18 | (byte(1) & 0x3Fu) << 12 | (byte(2) & 0x3Fu) << 6;
    point |= byte(3) & 0x3Fu, at += 4;
  }
  return point;
}

// Python's str.lower(): full mappings, a sigma at the end of a word becomes its final form. `text`
// is valid UTF-8.
std::string to_lower(std::string_view text);

// Python's str.split() and str.rstrip(), of valid UTF-8.
std::vector<std::string_view> split_at_spaces(std::string_view text);
std::string_view without_trailing_spaces(std::string_view text);

// Any bytes as UTF-8: what is none becomes U+FFFD, one for each longest beginning of a character
// that breaks off (Unicode 15, 3.9). `count`, where given, gets how many there were.
std::string with_replacements(std::string_view bytes, int64_t* count = nullptr);

}  // namespace cairn::text
