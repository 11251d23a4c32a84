// The gradient of a weight over few channels as a kernel of the family.
#include "cairn/backend/cpu/conv/conv_kernel.h"
#include "cairn/backend/cpu/conv/few_channels.h"
#include "cairn/backend/cpu/onednn/library.h"
#include "cairn/base/parallel.h"

namespace cairn::cpu {
namespace {

constexpr int64_t kFewChannels = 4;

// Three channels are what the library has a quicker kernel for (bench_conv).
bool library_is_quicker(const ConvRoles& r) {
  return onednn::present() && conv_choice() == "auto" && r.x->shape[1] >= 3;
}

bool fits(const OpCall& call, const ConvRoles& r) {
  return !library_is_quicker(r) && r.direction == ConvDirection::weight &&
         conv_choice() != "direct" && call.attrs->integer("groups") == 1 &&
         r.x->dtype == DType::f32 && r.x->shape.ssize() <= 5 && r.x->shape[1] <= kFewChannels &&
         block_of(r) == FewChannelsGradient::block();
}

class FewChannelsKernel : public ConvKernel {
 public:
  FewChannelsKernel(const OpCall& call, const ConvRoles& r)
      : gradient_(geometry_of(call, r), num_threads()) {
    name = "few channels";
    x = Layout::contiguous(r.x->shape), w = Layout::contiguous(r.w->shape);
    y = Layout::channel_blocked(FewChannelsGradient::block());
    scratch_bytes = gradient_.workspace_bytes();
  }
  void run(const void* x_data, const void* w_data, const void* y_data, const ConvExtras&,
           void* scratch) override {
    gradient_.run(static_cast<const float*>(x_data), static_cast<const float*>(y_data),
                  static_cast<float*>(const_cast<void*>(w_data)), scratch);
  }

 private:
  FewChannelsGradient gradient_;
};

}  // namespace

std::unique_ptr<ConvKernel> few_channels_kernel(const OpCall& call, const ConvRoles& roles) {
  return fits(call, roles) ? std::make_unique<FewChannelsKernel>(call, roles) : nullptr;
}

}  // namespace cairn::cpu
