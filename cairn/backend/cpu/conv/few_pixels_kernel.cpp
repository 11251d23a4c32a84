// Many weights for few pixels, as in the middle of a U-Net that sees one picture: to bring the
// weights into blocks would take longer than to multiply by them. The pixels are gathered instead,
// a row [C taps] for each of the result's, and the convolution, like each of its gradients, is a
// product that reads or writes every weight once, as it lies.
#include <algorithm>

#include "cairn/backend/cpu/conv/conv_kernel.h"
#include "cairn/backend/cpu/conv/geometry.h"
#include "cairn/backend/cpu/gemm/product.h"
#include "cairn/base/parallel.h"
#include "cairn/base/round.h"

namespace cairn::cpu {
namespace {

constexpr int64_t kMostPixels = 64, kLeastWeights = 1 << 16;

bool fits(const OpCall& call, const ConvRoles& r) {
  if (r.x->dtype != DType::f32 || r.residual || call.attrs->integer("groups") != 1 ||
      numel(r.w->shape) < kLeastWeights)
    return false;
  const ConvGeometry g = geometry_of(call, r);
  return g.batch * g.pixels() <= kMostPixels && g.taps() > 1;
}

int64_t whole_line(int64_t floats) { return round_up(floats, 16); }

class FewPixelsKernel : public ConvKernel {
 public:
  FewPixelsKernel(const OpCall& call, const ConvRoles& r)
      : g_(geometry_of(call, r)),
        direction_(r.direction),
        relu_(r.relu),
        rows_(g_.batch * g_.pixels()),
        depth_(g_.in_channels * g_.taps()) {
    name = "product";
    x = Layout::contiguous(r.x->shape), w = Layout::contiguous(r.w->shape);
    y = Layout::contiguous(r.y->shape);
    const int64_t out = g_.out_channels;
    const GemmOperand gathered{nullptr, depth_, 1}, sums{nullptr, out, 1};
    switch (direction_) {
      case ConvDirection::forward:
        shape_ = {rows_, out, depth_}, a_ = gathered, b_ = {nullptr, 1, depth_};
        break;
      case ConvDirection::input: shape_ = {rows_, depth_, out}, a_ = sums, b_ = gathered; break;
      case ConvDirection::weight:
        shape_ = {out, depth_, rows_}, a_ = {nullptr, 1, out}, b_ = gathered;
        break;
    }
    kernel_ = choose_product(shape_, a_, b_, r.bias != nullptr);
    // No cache holds the weights: packing reads them once, in long rows.
    if (kernel_ == ProductKernel::unpacked && rows_ > 2) kernel_ = ProductKernel::packed;
    gathered_floats_ = whole_line(rows_ * depth_);
    sums_floats_ = whole_line(rows_ * out);
    scratch_bytes = sizeof(float) * static_cast<size_t>(gathered_floats_ + sums_floats_) +
                    product_workspace(kernel_, shape_, a_);
  }

  void run(const void* x_data, const void* w_data, const void* y_data, const ConvExtras& extras,
           void* scratch) override {
    auto *px = static_cast<float*>(const_cast<void*>(x_data)),
         *pw = static_cast<float*>(const_cast<void*>(w_data)),
         *py = static_cast<float*>(const_cast<void*>(y_data));
    auto* gathered = static_cast<float*>(scratch);
    float *sums = gathered + gathered_floats_, *workspace = sums + sums_floats_;
    switch (direction_) {
      case ConvDirection::forward:
        gather(px, gathered);
        multiply(gathered, pw, sums, extras.bias, workspace);
        return each_sum(
            [&](int64_t place, int64_t at) { py[place] = relu_ && sums[at] < 0 ? 0 : sums[at]; });
      case ConvDirection::input:
        each_sum([&](int64_t place, int64_t at) { sums[at] = py[place]; });
        multiply(sums, pw, gathered, nullptr, workspace);
        return scatter(gathered, px);
      case ConvDirection::weight:
        gather(px, gathered);
        each_sum([&](int64_t place, int64_t at) { sums[at] = py[place]; });
        return multiply(sums, gathered, pw, nullptr, workspace);
    }
  }

 private:
  void multiply(const float* a, const float* b, float* c, const float* bias,
                float* workspace) const {
    GemmOperand left = a_, right = b_;
    left.data = a, right.data = b;
    product(kernel_, shape_, left, right, {.bias = bias}, c, shape_.n, workspace);
  }

  // body(place in y [N][O][pixels], place in sums [N pixels][O]).
  template <class F>
  void each_sum(const F& body) const {
    const int64_t pixels = g_.pixels(), out = g_.out_channels;
    for (int64_t n = 0; n < g_.batch; ++n)
      for (int64_t o = 0; o < out; ++o)
        for (int64_t p = 0; p < pixels; ++p)
          body((n * out + o) * pixels + p, (n * pixels + p) * out + o);
  }

  // body(number of the tap, place in a plane of x) for those taps of an output pixel that meet one.
  template <class F>
  void each_tap(int64_t pixel, const F& body) const {
    const int64_t place[3] = {pixel / (g_.out[1] * g_.out[2]), pixel / g_.out[2] % g_.out[1],
                              pixel % g_.out[2]};
    const auto at = [&](size_t d, int64_t tap) {
      return place[d] * g_.stride[d] - g_.pad[d] + tap * g_.dilation[d];
    };
    for (int64_t i = 0; i < g_.kernel[0]; ++i)
      for (int64_t j = 0; j < g_.kernel[1]; ++j)
        for (int64_t k = 0; k < g_.kernel[2]; ++k) {
          const int64_t z = at(0, i), y = at(1, j), x = at(2, k);
          if (z < 0 || y < 0 || x < 0 || z >= g_.in[0] || y >= g_.in[1] || x >= g_.in[2]) continue;
          body((i * g_.kernel[1] + j) * g_.kernel[2] + k, (z * g_.in[1] + y) * g_.in[2] + x);
        }
  }

  void gather(const float* x, float* gathered) const {
    parallel_for(rows_, 1, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) {
        float* to = gathered + row * depth_;
        const float* from = x + row / g_.pixels() * g_.in_channels * g_.plane();
        std::fill_n(to, depth_, 0.0f);
        each_tap(row % g_.pixels(), [&](int64_t tap, int64_t at) {
          for (int64_t c = 0; c < g_.in_channels; ++c)
            to[c * g_.taps() + tap] = from[c * g_.plane() + at];
        });
      }
    });
  }

  // Adds what was gathered to the pixels that it came from; a thread has some images' channels.
  void scatter(const float* gathered, float* x) const {
    parallel_for(g_.batch * g_.in_channels, 16, [&](int64_t begin, int64_t end) {
      std::fill_n(x + begin * g_.plane(), (end - begin) * g_.plane(), 0.0f);
      for (int64_t image = begin / g_.in_channels; image * g_.in_channels < end; ++image) {
        const int64_t first = std::max<int64_t>(0, begin - image * g_.in_channels),
                      last = std::min(g_.in_channels, end - image * g_.in_channels);
        float* planes = x + image * g_.in_channels * g_.plane();
        for (int64_t p = 0; p < g_.pixels(); ++p) {
          const float* from = gathered + (image * g_.pixels() + p) * depth_;
          each_tap(p, [&](int64_t tap, int64_t at) {
            for (int64_t c = first; c < last; ++c)
              planes[c * g_.plane() + at] += from[c * g_.taps() + tap];
          });
        }
      }
    });
  }

  ConvGeometry g_;
  ConvDirection direction_;
  bool relu_;
  int64_t rows_, depth_;  // pixels of the result, of all images; numbers that each is a sum over
  GemmShape shape_{};
  GemmOperand a_{}, b_{};
  ProductKernel kernel_;
  int64_t gathered_floats_, sums_floats_;
};

}  // namespace

std::unique_ptr<ConvKernel> few_pixels_kernel(const OpCall& call, const ConvRoles& roles) {
  return fits(call, roles) ? std::make_unique<FewPixelsKernel>(call, roles) : nullptr;
}

}  // namespace cairn::cpu
