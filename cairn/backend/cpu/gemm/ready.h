// Right sides of products that stay as they are, packed for gemm() (matmul_family.cpp).
#pragma once
#include "cairn/backend/cpu/families.h"

namespace cairn::cpu {

// The copy of a matrix [k, n], however it lies, into the packed layout of `call`'s output, and the
// first number of that layout's form (conv/conv_kernel.h, int8/family.h and rnn/family.h have
// others).
std::unique_ptr<Plan> make_product_pack(const OpCall& call);
constexpr int64_t kProductForm = 32;
inline bool packed_for_product(const Layout& layout) {
  return layout.packed() && layout.strides[1] == kProductForm;
}

}  // namespace cairn::cpu
