// All that Cairn asks of oneDNN, which it can be built without (-DCAIRN_ONEDNN=OFF: absent.cpp
// stands for the rest of this folder).
#pragma once
#include <memory>
#include <string>

#include "cairn/backend/cpu/conv/conv_kernel.h"

namespace cairn::cpu::onednn {

// Whether its kernels are to be asked for: Cairn was built with it, and what it computes on is the
// calling thread (num_threads() is 1) or Cairn's pool. A second team beside the pool is slower than
// Cairn's kernels alone (openmp.h).
bool present();
std::string version();    // "2.6.3, using AVX2"
bool has_wide_vectors();  // kernels for AVX-512, and the processor for them
bool multiplies_bf16();   // AVX-512 BF16 or AMX
// The library's kernel, for operands that are blocked in the layouts that they have where it can;
// nullptr: none.
std::unique_ptr<ConvKernel> conv_kernel(const OpCall& call, const ConvRoles& roles);
// A bf16 product that is tiny or one of a batch; nullptr: none.
std::unique_ptr<Plan> bf16_product(const OpCall& call);

}  // namespace cairn::cpu::onednn
