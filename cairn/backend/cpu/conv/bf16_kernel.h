// What the convolutions in bf16 share as kernels of the family: operands in blocks of 16 channels,
// weights that change.
#pragma once
#include <memory>

#include "cairn/backend/cpu/conv/conv_kernel.h"
#include "cairn/base/parallel.h"

namespace cairn::cpu {

// Operands are plain or in blocks of 16 channels; conv_fused is inference, which keeps to f32.
inline bool bf16_operands_fit(const OpCall& call, const ConvRoles& r) {
  if (call.attrs->integer("groups") != 1 || r.bias || r.w->layout.packed()) return false;
  for (const TensorDesc* d : {r.x, r.w, r.y})
    if (d->dtype != DType::bf16 || (d->layout.blocked() && d->layout.block != 16)) return false;
  return true;
}

// Data(shape, backward, threads) makes y or dx, Weights(shape, threads) dw.
template <class Data, class Weights>
class Bf16Kernel : public ConvKernel {
 public:
  template <class Shape>
  Bf16Kernel(const ConvRoles& r, const Shape& shape) : direction_(r.direction) {
    x = y = Layout::channel_blocked(16);
    const bool backward = direction_ == ConvDirection::input;
    w = Layout{backward ? LayoutKind::weight_oi : LayoutKind::weight_io, 16, {}, 0};
    if (direction_ == ConvDirection::weight) {
      weights_ = std::make_unique<Weights>(shape, num_threads());
      scratch_bytes = weights_->workspace_bytes();
    } else {
      data_ = std::make_unique<Data>(shape, backward, num_threads());
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
  std::unique_ptr<Data> data_;
  std::unique_ptr<Weights> weights_;
};

}  // namespace cairn::cpu
