// Winograd's convolution in bf16 as a kernel of the family: where it fits and pays. Weights are
// transformed in every run: they are what training changes.
#include <memory>

#include "cairn/backend/cpu/conv/bf16_kernel.h"
#include "cairn/backend/cpu/winograd/winograd_bf16.h"

namespace cairn::cpu {
namespace {

WinogradBf16Shape shape_of(const OpCall& call, const ConvRoles& r) {
  const Ints& pads = call.attrs->ints("pads");
  return {r.x->shape[0], r.x->shape[1], r.y->shape[1], r.x->shape[2], r.x->shape[3],
          pads[0],       pads[1],       pads[2],       pads[3]};
}

// 3x3 of stride 1.
bool fits(const OpCall& call, const ConvRoles& r) {
  const Ints &stride = call.attrs->ints("stride"), &dilation = call.attrs->ints("dilation"),
             &pads = call.attrs->ints("pads");
  if (stride.ssize() != 2 || !bf16_operands_fit(call, r)) return false;
  for (int d = 0; d < 2; ++d)
    if (stride[d] != 1 || dilation[d] != 1 || r.w->shape[d + 2] != 3) return false;
  for (int64_t pad : pads)
    if (pad < 0 || pad > 2) return false;
  return has_winograd_bf16();
}

bool pays(const WinogradBf16Shape& shape, const ConvRoles& r) {
  const std::string_view choice = conv_choice();
  if (choice == "f4") return true;
  constexpr double kWorthIt = 1.1;
  return choice == "auto" && shape.in_channels >= 16 && shape.out_channels >= 16 &&
         winograd_bf16_gain(shape, r.direction == ConvDirection::weight) >= kWorthIt;
}

}  // namespace

std::unique_ptr<ConvKernel> winograd_bf16_kernel(const OpCall& call, const ConvRoles& roles) {
  if (!fits(call, roles)) return nullptr;
  const WinogradBf16Shape shape = shape_of(call, roles);
  if (!pays(shape, roles)) return nullptr;
  return std::make_unique<Bf16Kernel<WinogradBf16, WinogradBf16Weights>>(roles, shape);
}

}  // namespace cairn::cpu
