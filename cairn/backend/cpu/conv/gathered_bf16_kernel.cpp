// Products over gathered pixels in bf16 as a kernel of the family, for weights that change.
#include <memory>

#include "cairn/backend/cpu/conv/bf16_kernel.h"
#include "cairn/backend/cpu/conv/gathered_bf16.h"
#include "cairn/backend/cpu/onednn/library.h"
#include "cairn/backend/cpu/x86_extensions.h"

namespace cairn::cpu {
namespace {

// AVX-512 BF16 multiplies too slowly to pay for the copies, where the library has kernels for it;
// few channels would be mostly padding.
bool pays(const ConvRoles& r) {
  constexpr int64_t kWorthABlock = 12;
  const std::string_view choice = conv_choice();
  const bool quick =
      x86_extensions().amx && r.x->shape[1] >= kWorthABlock && r.y->shape[1] >= kWorthABlock;
  return choice == "gemm" || !onednn::present() || (choice == "auto" && quick);
}

}  // namespace

std::unique_ptr<ConvKernel> gathered_bf16_kernel(const OpCall& call, const ConvRoles& roles) {
  if (!bf16_operands_fit(call, roles) || !has_gathered_bf16() || !pays(roles)) return nullptr;
  auto kernel = std::make_unique<Bf16Kernel<GatheredBf16, GatheredBf16Weights>>(
      roles, geometry_of(call, roles));
  kernel->name = "product";
  return kernel;
}

}  // namespace cairn::cpu
