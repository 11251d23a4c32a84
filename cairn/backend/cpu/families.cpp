#include "cairn/backend/cpu/families.h"

namespace cairn::cpu {

std::span<const Family> families() {
  static const Family rows[] = {
      elementwise_family(),
      matmul_family(),
  };
  return rows;
}

}  // namespace cairn::cpu
