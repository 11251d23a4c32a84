// The families of ops: each has its rows in a file of its own. The op table (table.cpp) and the
// page of ops (doc.cpp) are made from op_families().
#pragma once
#include "cairn/ops/op.h"

namespace cairn {

std::span<const OpDef> elementwise_ops();
std::span<const OpDef> reduce_ops();
std::span<const OpDef> view_ops();
std::span<const OpDef> matmul_ops();
std::span<const OpDef> conv_ops();
std::span<const OpDef> pool_ops();
std::span<const OpDef> interpolate_ops();
std::span<const OpDef> index_ops();
std::span<const OpDef> sort_ops();
std::span<const OpDef> norm_ops();
std::span<const OpDef> attention_ops();
std::span<const OpDef> rnn_ops();
std::span<const OpDef> ctc_ops();
std::span<const OpDef> linear_cross_entropy_ops();
std::span<const OpDef> linalg_ops();
std::span<const OpDef> fourier_ops();
std::span<const OpDef> quantize_ops();
std::span<const OpDef> qlinear_ops();
std::span<const OpDef> random_ops();

struct OpFamily {
  const char* title;
  std::span<const OpDef> rows;
};
std::span<const OpFamily> op_families();  // in the order of the page

// The number as a tensor of the dtype holds it: an integer limits it and drops its fraction.
inline double as_held(DType dtype, double value) {
  char element[8];
  store_element(element, dtype, value);
  return load_element(element, dtype);
}

}  // namespace cairn
