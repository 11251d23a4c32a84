// UTF-8 (RFC 3629), strict: no overlong forms, no surrogates, nothing beyond U+10FFFF.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace cairn::io {

// The offset of the first byte that is not valid UTF-8, or npos.
size_t find_invalid_utf8(std::string_view text);

// Code points. Throws Error naming `name` and the byte offset of what is not valid.
std::u32string decode_utf8(std::string_view text, const std::string& name);

std::string encode_utf8(std::u32string_view points);
void append_utf8(std::string& out, char32_t point);

// Without the mark (U+FEFF) that some editors put before a text: it is no letter of it.
std::string_view without_mark(std::string_view text);

// The length of `text` without a code point cut off at its end: what may be shown of text that
// still comes.
size_t complete_utf8_prefix(std::string_view text);

// `text` with bytes that are no UTF-8 as \xHH, which is.
std::string valid_utf8(std::string_view text);
// The same for a terminal or a page: control characters as \n, \t or \xHH, too.
std::string printable(std::string_view text);
// Many lines for a terminal or a page: control characters but tabs and line ends as their
// pictures (U+2400 ...).
std::string with_control_pictures(std::string_view text);

}  // namespace cairn::io
