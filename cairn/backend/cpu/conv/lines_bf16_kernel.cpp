// Products over padded lines in bf16 as a kernel of the family, for weights that change.
#include <algorithm>
#include <memory>

#include "cairn/backend/cpu/conv/bf16_kernel.h"
#include "cairn/backend/cpu/conv/lines_bf16.h"
#include "cairn/backend/cpu/conv/lines_bf16_weights.h"

namespace cairn::cpu {
namespace {

// Few channels would be mostly padding, and so would lines of few pixels (8 x 8 pixels by 3 x 3
// taps: a use of 0.8, as quick as Winograd's; 4 x 4: 0.5, a third as quick). Volumes have so many
// taps that it pays all the same.
bool pays(const ConvRoles& r, const ConvGeometry& g) {
  constexpr int64_t kWorthABlock = 12;
  constexpr double kWorthLines = 0.75;
  const bool channels = std::min(r.x->shape[1], r.y->shape[1]) >= kWorthABlock;
  return (channels || r.x->shape.ssize() == 5) && lines_bf16_use(g) >= kWorthLines;
}

}  // namespace

std::unique_ptr<ConvKernel> lines_bf16_kernel(const OpCall& call, const ConvRoles& roles) {
  if (!bf16_operands_fit(call, roles) || !has_lines_bf16()) return nullptr;
  const ConvGeometry g = geometry_of(call, roles);
  const std::string_view choice = conv_choice();
  if (choice != "lines" && (choice != "auto" || !pays(roles, g))) return nullptr;
  auto kernel = std::make_unique<Bf16Kernel<LinesBf16, LinesBf16Weights>>(roles, g);
  kernel->name = "lines";
  return kernel;
}

}  // namespace cairn::cpu
