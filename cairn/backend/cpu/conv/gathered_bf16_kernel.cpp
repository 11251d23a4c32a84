// Products over gathered pixels in bf16 as a kernel of the family, for weights that change.
#include <memory>

#include "cairn/backend/cpu/conv/conv_kernel.h"
#include "cairn/backend/cpu/conv/gathered_bf16.h"
#include "cairn/backend/cpu/onednn/library.h"
#include "cairn/backend/cpu/x86_extensions.h"
#include "cairn/base/parallel.h"

namespace cairn::cpu {
namespace {

// Operands are plain or in blocks of 16 channels; conv_fused is inference, which keeps to f32.
bool fits(const OpCall& call, const ConvRoles& r) {
  if (call.attrs->integer("groups") != 1 || r.bias || r.w->layout.packed()) return false;
  for (const TensorDesc* d : {r.x, r.w, r.y})
    if (d->dtype != DType::bf16 || (d->layout.blocked() && d->layout.block != 16)) return false;
  return has_gathered_bf16();
}

// AVX-512 BF16 multiplies too slowly to pay for the copies, where the library has kernels for it;
// few channels would be mostly padding.
bool pays(const ConvRoles& r) {
  constexpr int64_t kWorthABlock = 12;
  const std::string_view choice = conv_choice();
  const bool quick =
      x86_extensions().amx && r.x->shape[1] >= kWorthABlock && r.y->shape[1] >= kWorthABlock;
  return choice == "gemm" || !onednn::present() || (choice == "auto" && quick);
}

class GatheredBf16Kernel : public ConvKernel {
 public:
  GatheredBf16Kernel(const ConvRoles& r, const ConvGeometry& g) : direction_(r.direction) {
    name = "product";
    x = y = Layout::channel_blocked(16);
    const bool backward = direction_ == ConvDirection::input;
    w = Layout{backward ? LayoutKind::weight_oi : LayoutKind::weight_io, 16, {}, 0};
    if (direction_ == ConvDirection::weight) {
      weights_ = std::make_unique<GatheredBf16Weights>(g, num_threads());
      scratch_bytes = weights_->workspace_bytes();
    } else {
      data_ = std::make_unique<GatheredBf16>(g, backward, num_threads());
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
  std::unique_ptr<GatheredBf16> data_;
  std::unique_ptr<GatheredBf16Weights> weights_;
};

}  // namespace

std::unique_ptr<ConvKernel> gathered_bf16_kernel(const OpCall& call, const ConvRoles& roles) {
  if (!fits(call, roles) || !pays(roles)) return nullptr;
  return std::make_unique<GatheredBf16Kernel>(roles, geometry_of(call, roles));
}

}  // namespace cairn::cpu
