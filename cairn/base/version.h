// Which Cairn this is; CMakeLists.txt reads it here.
#pragma once

namespace cairn {

inline constexpr const char* kVersion = "0.1.0";

}  // namespace cairn
