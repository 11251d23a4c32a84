#include "cairn/text/charsmap.h"

#include <cstring>

#include "cairn/base/error.h"
#include "cairn/io/utf8.h"

namespace cairn::text {
namespace {

// A unit of the double array: what it is reached by, where its children are, and whether a key
// ends there, whose value is then in its child 0.
bool is_end(uint32_t unit) { return (unit >> 8 & 1) != 0; }
uint32_t label(uint32_t unit) { return unit & (1u << 31 | 0xFF); }
uint32_t children(uint32_t unit) { return (unit >> 10) << ((unit & 1u << 9) >> 6); }
uint32_t value(uint32_t unit) { return unit & ((1u << 31) - 1); }

bool is_inside_character(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

}  // namespace

Charsmap::Charsmap(std::string_view bytes, const std::string& where) {
  uint32_t size = 0;
  check(bytes.size() >= sizeof(size), "{}: the table of characters is cut off", where);
  std::memcpy(&size, bytes.data(), sizeof(size));
  bytes.remove_prefix(sizeof(size));
  check(size > 0 && size % sizeof(uint32_t) == 0 && size < bytes.size(),
        "{}: a table of characters of {} bytes cannot begin with an index of {}", where,
        bytes.size(), size);
  units_.resize(size / sizeof(uint32_t));
  std::memcpy(units_.data(), bytes.data(), size);
  replacements_ = bytes.substr(size);
  check(replacements_.back() == '\0', "{}: the table of characters is cut off", where);
  check(io::find_invalid_utf8(replacements_) == std::string_view::npos,
        "{}: the table of characters has texts that are not UTF-8", where);
}

Charsmap::Rule Charsmap::longest(std::string_view text) const {
  Rule found;
  size_t at = children(units_[0]);
  for (size_t i = 0; i < text.size(); ++i) {
    at ^= static_cast<unsigned char>(text[i]);
    if (at >= units_.size() || label(units_[at]) != static_cast<unsigned char>(text[i])) break;
    const uint32_t unit = units_[at];
    at ^= children(unit);
    if (at >= units_.size()) break;
    if (!is_end(unit) || (i + 1 < text.size() && is_inside_character(text[i + 1]))) continue;
    const uint32_t begin = value(units_[at]);
    if (begin < replacements_.size() && !is_inside_character(replacements_[begin]))
      found = {i + 1, replacements_.c_str() + begin};
  }
  return found;
}

}  // namespace cairn::text
