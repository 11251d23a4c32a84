#include "cairn/backend/cpu/families.h"

namespace cairn::cpu {

std::span<const Family> families() {
  static const Family rows[] = {
      region_family(),
      elementwise_family(),
      matmul_family(),
  };
  return rows;
}

}  // namespace cairn::cpu
