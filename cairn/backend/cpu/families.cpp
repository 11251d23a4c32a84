#include "cairn/backend/cpu/int8/family.h"
#include "cairn/backend/cpu/families.h"

namespace cairn::cpu {

// Tried from top to bottom: what is special stands above what takes anything. A convolution, say,
// has its own kernels inside conv_family (conv/family.cpp says how one is chosen).
std::span<const Family> families() {
  static const Family rows[] = {
      reorder_family(),  // between layouts
      region_family(),   // what the pass `fuse` made
      // Parts of tensors, in blocked layouts and at places that are tensors.
      blocked_slice_family(),
      pieces_family(),
      dynamic_slice_family(),
      // 8 bits.
      linear_int8_family(),
      qlinear_conv_family(),
      qlinear_family(),
      // f32 and the low types: one op as a region of its own, then oneDNN and kernels of our own.
      elementwise_family(),
      matmul_family(),
      conv_family(),
      pool_family(),
      attention_family(),
      step_attention_family(),
      ctc_family(),
      embedding_family(),
      rnn_family(),
      rows_family(),
      linear_xent_family(),
      // Any type, plain loops: what nothing above took.
      moves_family(),
      whole_family(),
      fold_family(),
      gather_family(),
      along_family(),
      argsort_family(),
      fft_family(),
      linalg_family(),
      resample_family(),
      random_family(),
  };
  return rows;
}

}  // namespace cairn::cpu
