#include "cairn/backend/cpu/families.h"

namespace cairn::cpu {

std::span<const Family> families() { return {}; }

}  // namespace cairn::cpu
