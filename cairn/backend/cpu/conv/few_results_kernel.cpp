// Convolution with few channels of the result as a kernel of the family: the gradient of an input
// of few channels, and a forward convolution of step 1 to few.
#include "cairn/backend/cpu/conv/conv_kernel.h"
#include "cairn/backend/cpu/conv/few_results.h"
#include "cairn/base/parallel.h"

namespace cairn::cpu {
namespace {

constexpr int64_t kFewChannels = 4, kLeastChannels = 16, kMostTaps = 16;

bool fits(const OpCall& call, const ConvRoles& r) {
  const bool forward = r.direction == ConvDirection::forward;
  if (r.direction == ConvDirection::weight || conv_choice() == "direct" || r.residual ||
      call.attrs->integer("groups") != 1 || r.x->dtype != DType::f32 || r.x->shape.ssize() > 4 ||
      r.w->layout.packed() || block_of(r) != FewResults::block())
    return false;
  const int64_t results = r.w->shape[forward ? 0 : 1], channels = r.w->shape[forward ? 1 : 0];
  if (results > kFewChannels || channels < kLeastChannels) return false;
  const ConvGeometry g = geometry_of(call, r);
  if (!FewResults::fits(g) || g.kernel[1] > kMostTaps || g.taps() == 1) return false;
  if (!forward) return true;
  return g.stride[1] == 1 && g.stride[2] == 1 && g.pad[1] <= (g.kernel[1] - 1) * g.dilation[1] &&
         g.pad[2] < g.kernel[2];
}

class FewResultsKernel : public ConvKernel {
 public:
  FewResultsKernel(const OpCall& call, const ConvRoles& r)
      : forward_(r.direction == ConvDirection::forward),
        relu_(r.relu),
        product_(forward_ ? FewResultsShape::forward(geometry_of(call, r))
                          : FewResultsShape::input_gradient(geometry_of(call, r)),
                 num_threads()) {
    name = "few channels";
    const Layout blocked = Layout::channel_blocked(FewResults::block());
    x = forward_ ? blocked : Layout::contiguous(r.x->shape);
    y = forward_ ? Layout::contiguous(r.y->shape) : blocked;
    w = Layout::contiguous(r.w->shape);
    scratch_bytes = product_.workspace_bytes();
  }
  void run(const void* x_data, const void* w_data, const void* y_data, const ConvExtras& extras,
           void* scratch) override {
    const void *from = forward_ ? x_data : y_data, *to = forward_ ? y_data : x_data;
    product_.run(static_cast<const float*>(from), static_cast<const float*>(w_data),
                 static_cast<float*>(const_cast<void*>(to)), extras.bias, relu_, scratch);
  }

 private:
  bool forward_, relu_;
  FewResults product_;
};

}  // namespace

std::unique_ptr<ConvKernel> few_results_kernel(const OpCall& call, const ConvRoles& roles) {
  return fits(call, roles) ? std::make_unique<FewResultsKernel>(call, roles) : nullptr;
}

}  // namespace cairn::cpu
