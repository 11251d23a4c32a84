// Bytes as letters (RFC 4648): pictures in a page, files in JSON.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "cairn/io/bytes.h"

namespace cairn::io {

std::string to_base64(Bytes bytes);
std::string to_base64(std::string_view bytes);
// With or without the signs that fill up the end, also of the alphabet for addresses; line ends are
// left out. Nothing where it is no base64 or ends early.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace cairn::io
