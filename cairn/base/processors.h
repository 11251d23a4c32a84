// What the processors are called.
#pragma once
#include <string>

namespace cairn {

std::string processor_name();  // as the system has it: "AMD EPYC 7713"; or "unknown"

}  // namespace cairn
