// Winograd's convolution in bf16 as a kernel of the family: where it fits and pays. Weights are
// transformed in every run: they are what training changes.
#include <memory>

#include "cairn/backend/cpu/conv/conv_kernel.h"
#include "cairn/backend/cpu/winograd/winograd_bf16.h"
#include "cairn/base/parallel.h"

namespace cairn::cpu {
namespace {

WinogradBf16Shape shape_of(const OpCall& call, const ConvRoles& r) {
  const Ints& pads = call.attrs->ints("pads");
  return {r.x->shape[0], r.x->shape[1], r.y->shape[1], r.x->shape[2], r.x->shape[3],
          pads[0],       pads[1],       pads[2],       pads[3]};
}

// 3x3 of stride 1, plain or with blocks of 16 channels; conv_fused is inference, which keeps to
// f32.
bool fits(const OpCall& call, const ConvRoles& r) {
  const Ints &stride = call.attrs->ints("stride"), &dilation = call.attrs->ints("dilation"),
             &pads = call.attrs->ints("pads");
  if (stride.ssize() != 2 || call.attrs->integer("groups") != 1 || r.bias || r.w->layout.packed())
    return false;
  for (const TensorDesc* d : {r.x, r.w, r.y})
    if (d->dtype != DType::bf16 || (d->layout.blocked() && d->layout.block != 16)) return false;
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

class WinogradBf16Kernel : public ConvKernel {
 public:
  WinogradBf16Kernel(const ConvRoles& r, const WinogradBf16Shape& s) : direction_(r.direction) {
    x = y = Layout::channel_blocked(16);
    const bool backward = direction_ == ConvDirection::input;
    w = Layout{backward ? LayoutKind::weight_oi : LayoutKind::weight_io, 16, {}, 0};
    if (direction_ == ConvDirection::weight) {
      weights_ = std::make_unique<WinogradBf16Weights>(s, num_threads());
      scratch_bytes = weights_->workspace_bytes();
    } else {
      data_ = std::make_unique<WinogradBf16>(s, backward, num_threads());
      scratch_bytes = data_->workspace_bytes();
    }
  }
  void run(const void* x_data, const void* w_data, const void* y_data, const ConvExtras&,
           void* scratch) override {
    const auto *px = static_cast<const uint16_t*>(x_data),
               *pw = static_cast<const uint16_t*>(w_data),
               *py = static_cast<const uint16_t*>(y_data);
    switch (direction_) {
      case ConvDirection::forward: return data_->run(px, pw, const_cast<uint16_t*>(py), scratch);
      case ConvDirection::input: return data_->run(py, pw, const_cast<uint16_t*>(px), scratch);
      case ConvDirection::weight: return weights_->run(px, py, const_cast<uint16_t*>(pw), scratch);
    }
  }

 private:
  ConvDirection direction_;
  std::unique_ptr<WinogradBf16> data_;
  std::unique_ptr<WinogradBf16Weights> weights_;
};

}  // namespace

std::unique_ptr<ConvKernel> winograd_bf16_kernel(const OpCall& call, const ConvRoles& roles) {
  if (!fits(call, roles)) return nullptr;
  const WinogradBf16Shape shape = shape_of(call, roles);
  return pays(shape, roles) ? std::make_unique<WinogradBf16Kernel>(roles, shape) : nullptr;
}

}  // namespace cairn::cpu
