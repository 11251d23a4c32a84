// A kernel as large as the image, without padding: the convolution, and each of its gradients, is
// one product of plain matrices, x [N][C taps] and w [O][C taps].
#include "cairn/backend/cpu/conv/conv_kernel.h"
#include "cairn/backend/cpu/conv/geometry.h"
#include "cairn/backend/cpu/gemm/product.h"

namespace cairn::cpu {
namespace {

bool fits(const OpCall& call, const ConvRoles& r) {
  const ConvGeometry g = geometry_of(call, r);
  return r.x->dtype == DType::f32 && !r.w->layout.packed() && !r.bias &&
         call.attrs->integer("groups") == 1 && g.in == g.kernel && g.pixels() == 1 &&
         g.pad == ConvGeometry::Sizes{} && g.taps() > 1;
}

class WholeImageKernel : public ConvKernel {
 public:
  explicit WholeImageKernel(const ConvRoles& r) : direction_(r.direction) {
    name = "product";
    x = Layout::contiguous(r.x->shape), w = Layout::contiguous(r.w->shape);
    y = Layout::contiguous(r.y->shape);
    const int64_t n = r.x->shape[0], out = r.w->shape[0], depth = numel(r.w->shape) / out;
    const GemmOperand images{nullptr, depth, 1}, sums{nullptr, out, 1}, weights{nullptr, depth, 1};
    const auto turned = [](const GemmOperand& m) { return GemmOperand{nullptr, m.column, m.row}; };
    switch (direction_) {
      case ConvDirection::forward:
        shape_ = {n, out, depth}, a_ = images, b_ = turned(weights);
        break;
      case ConvDirection::input: shape_ = {n, depth, out}, a_ = sums, b_ = weights; break;
      case ConvDirection::weight: shape_ = {out, depth, n}, a_ = turned(sums), b_ = images; break;
    }
    kernel_ = choose_product(shape_, a_, b_, false);
    scratch_bytes = product_workspace(kernel_, shape_, a_);
  }
  void run(const void* x_data, const void* w_data, const void* y_data, const ConvExtras&,
           void* scratch) override {
    const auto *px = static_cast<const float*>(x_data), *pw = static_cast<const float*>(w_data),
               *py = static_cast<const float*>(y_data);
    switch (direction_) {
      case ConvDirection::forward: return multiply(px, pw, py, scratch);
      case ConvDirection::input: return multiply(py, pw, px, scratch);
      case ConvDirection::weight: return multiply(py, px, pw, scratch);
    }
  }

 private:
  void multiply(const float* a, const float* b, const float* c, void* scratch) const {
    GemmOperand left = a_, right = b_;
    left.data = a, right.data = b;
    product(kernel_, shape_, left, right, {}, const_cast<float*>(c), shape_.n, scratch);
  }

  ConvDirection direction_;
  GemmShape shape_{};
  GemmOperand a_{}, b_{};
  ProductKernel kernel_;
};

}  // namespace

std::unique_ptr<ConvKernel> whole_image_kernel(const OpCall& call, const ConvRoles& roles) {
  return fits(call, roles) ? std::make_unique<WholeImageKernel>(roles) : nullptr;
}

}  // namespace cairn::cpu
