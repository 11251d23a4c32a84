// Cairn without oneDNN: its own kernels do everything.
#include <hwy/highway.h>

#include "cairn/backend/cpu/gemm/gemm_bf16.h"
#include "cairn/backend/cpu/onednn/library.h"

namespace cairn::cpu::onednn {

bool present() { return false; }
std::string version() { return "none: built without it"; }
bool has_wide_vectors() {
#if HWY_ARCH_X86
  return (hwy::SupportedTargets() & (HWY_AVX3 | HWY_AVX3_DL)) != 0;
#else
  return false;
#endif
}
bool multiplies_bf16() { return has_gemm_bf16(); }
std::unique_ptr<ConvKernel> conv_kernel(const OpCall&, const ConvRoles&) { return nullptr; }
std::unique_ptr<Plan> bf16_product(const OpCall&) { return nullptr; }

}  // namespace cairn::cpu::onednn
