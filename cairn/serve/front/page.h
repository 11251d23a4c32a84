// The page at "/": one file, embedded, that asks nothing of any other place.
#pragma once
#include <string_view>

namespace cairn::serve {

std::string_view page_text();

}  // namespace cairn::serve
