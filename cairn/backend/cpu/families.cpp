#include "cairn/backend/cpu/int8/family.h"
#include "cairn/backend/cpu/more_families.h"

namespace cairn::cpu {

std::span<const Family> families() {
  static const Family rows[] = {
      reorder_family(),       region_family(),      blocked_slice_family(), pieces_family(),
      dynamic_slice_family(), linear_int8_family(), qlinear_conv_family(),  qlinear_family(),
      elementwise_family(),   matmul_family(),      conv_family(),          pool_family(),
      attention_family(),     ctc_family(),         embedding_family(),     rnn_family(),
      linear_xent_family(),   moves_family(),       whole_family(),         fold_family(),
      along_family(),         argsort_family(),     resample_family(),      random_family(),
  };
  return rows;
}

}  // namespace cairn::cpu
