// Convolution over few channels, forward, as a kernel of the family: a fixed weight is packed once,
// another one in each run.
#include <algorithm>
#include <optional>

#include "cairn/backend/cpu/conv/conv_kernel.h"
#include "cairn/backend/cpu/conv/few_channels_forward.h"
#include "cairn/backend/cpu/onednn/library.h"
#include "cairn/backend/cpu/owned_call.h"
#include "cairn/base/parallel.h"

namespace cairn::cpu {
namespace {

constexpr int64_t kFewChannels = 4;

bool fits(const OpCall& call, const ConvRoles& r) {
  return r.direction == ConvDirection::forward && call.attrs->integer("groups") == 1 &&
         r.x->dtype == DType::f32 && r.x->shape.ssize() <= 5 && r.x->shape[1] <= kFewChannels &&
         block_of(r) == FewChannelsForward::block() &&
         FewChannelsForward::fits(geometry_of(call, r));
}

class FewChannelsForwardKernel : public ConvKernel {
 public:
  FewChannelsForwardKernel(const OpCall& call, const ConvRoles& r)
      : relu_(r.relu),
        packed_(takes_packed(call, r)),
        forward_(geometry_of(call, r), num_threads()) {
    name = "few channels";
    const int block = FewChannelsForward::block();
    x = Layout::contiguous(r.x->shape), y = Layout::channel_blocked(block);
    w = packed_ ? Layout::packed_in(forward_.weight_bytes(), {kFewChannelsForm, block})
                : Layout::contiguous(r.w->shape);
    weight_at_ = whole_lines(forward_.workspace_bytes());
    scratch_bytes = weight_at_ + (packed_ ? 0 : whole_lines(forward_.weight_bytes()));
    bias_.emplace(r, block, scratch_bytes);
  }
  void run(const void* x_data, const void* w_data, const void* y_data, const ConvExtras& extras,
           void* scratch) override {
    const ConvEpilogue epilogue{(*bias_)(extras.bias, scratch),
                                static_cast<const float*>(extras.residual), relu_};
    const auto* weight = static_cast<const float*>(w_data);
    if (!packed_) {
      auto* to = reinterpret_cast<float*>(static_cast<char*>(scratch) + weight_at_);
      forward_.pack_weights(weight, to);
      weight = to;
    }
    forward_.run(static_cast<const float*>(x_data), weight,
                 static_cast<float*>(const_cast<void*>(y_data)), epilogue, scratch);
  }

 private:
  bool relu_, packed_;
  FewChannelsForward forward_;
  size_t weight_at_ = 0;  // of the scratch memory
  std::optional<WholeBias> bias_;
};

class FewChannelsPack : public Plan {
 public:
  explicit FewChannelsPack(const OpCall& call) : forward_(weight_geometry(call.shape()), 1) {}
  void launch(const Launch& args) const override {
    forward_.pack_weights(static_cast<const float*>(args.inputs[0]),
                          static_cast<float*>(args.outputs[0]));
  }

 private:
  FewChannelsForward forward_;
};

}  // namespace

std::unique_ptr<ConvKernel> few_channels_forward_kernel(const OpCall& call,
                                                        const ConvRoles& roles) {
  const std::string_view choice = conv_choice();
  // Not beside the library's kernel, which is quicker (bench_conv).
  const bool use = roles.w->layout.packed()
                       ? packed_form(roles.w->layout) == kFewChannelsForm
                       : (choice == "gemm" || !onednn::present()) && fits(call, roles);
  return use ? std::make_unique<FewChannelsForwardKernel>(call, roles) : nullptr;
}

std::unique_ptr<Plan> make_few_channels_pack(const OpCall& call) {
  return std::make_unique<FewChannelsPack>(call);
}

}  // namespace cairn::cpu
