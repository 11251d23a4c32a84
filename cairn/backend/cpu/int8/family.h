// The families of 8-bit inference (ops/qlinear.h).
#pragma once
#include "cairn/backend/cpu/families.h"

namespace cairn::cpu {

Family qlinear_conv_family();  // conv_family.cpp
Family qlinear_family();       // moves_family.cpp: between floats and 8 bits, sums, pooling

// The copy of a plain weight into the packed layout of `call`'s output, and the first number of
// that layout's form (2 and 4 are Winograd's).
std::unique_ptr<Plan> make_int8_pack(const OpCall& call);
constexpr int64_t kInt8Form = 8;
inline bool packed_for_int8(const Layout& layout) {
  return layout.packed() && layout.strides[1] == kInt8Form;
}

}  // namespace cairn::cpu
