// Which of the library's convolution kernels Cairn runs, in one place: those that its tests reach,
// for every version and instruction set.
//
// Left out are what the library calls brgconv, brgconv_1x1 and brdgmm_dw (on AVX-512 and newer;
// versions 2.6 to 3.13 have them):
// - Of 2.6.3, brgconv with post-operations over channels-last data ends in a segmentation fault for
// some
//   kernels of one row, with any number of threads (seen on AMD's AVX-512).
// - They want channels-last data, so each stood between two reorders: Cairn's networks stay in
// blocks of channels. What is left serves every shape: jit and jit_1x1 in blocks, jit_dw
// (depthwise), gemm.
#pragma once
#include <dnnl.hpp>
#include <string_view>

namespace cairn::cpu::onednn {

// `name`: what the library calls the kernel (impl_info_str).
inline bool is_trusted(std::string_view name) {
  return !name.starts_with("brg") && !name.starts_with("brd");
}

// Moves `pd` on to the first kernel that is trusted; an error as the library's own where there is
// none. In 2.6 the description that `pd` was made of must still live: the library keeps a pointer
// to it.
template <class PrimitiveDesc>
PrimitiveDesc trusted(PrimitiveDesc pd) {
  while (!is_trusted(pd.impl_info_str()))
    if (!pd.next_impl())
      throw dnnl::error(dnnl_unimplemented, "no kernel of the library's that Cairn runs");
  return pd;
}

}  // namespace cairn::cpu::onednn
