// A text that is always at hand for language models: the first 160 KB of "Tiny Shakespeare" (plays
// by William Shakespeare, in the public domain; collected by A. Karpathy for char-rnn).
#pragma once
#include <string_view>

namespace cairn::data {

std::string_view embedded_text();  // ASCII, lines end in \n

}  // namespace cairn::data
