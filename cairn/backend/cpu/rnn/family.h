// Weights of recurrent layers that stay as they are, packed for their kernels (rnn_family.cpp).
#pragma once
#include "cairn/backend/cpu/families.h"

namespace cairn::cpu {

// The copy of a plain weight into the packed layout of `call`'s output, and the first number of
// that layout's form (conv/conv_kernel.h and int8/family.h have others).
std::unique_ptr<Plan> make_rnn_pack(const OpCall& call);
constexpr int64_t kRnnForm = 16;
inline bool packed_for_rnn(const Layout& layout) {
  return layout.packed() && layout.strides[1] == kRnnForm;
}

}  // namespace cairn::cpu
