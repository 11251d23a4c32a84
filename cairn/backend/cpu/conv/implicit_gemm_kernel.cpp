// The product over gathered pixels as a kernel of the family: where it fits, and weights packed
// once.
#include <algorithm>
#include <optional>

#include "cairn/backend/cpu/conv/conv_kernel.h"
#include "cairn/backend/cpu/conv/geometry.h"
#include "cairn/backend/cpu/conv/implicit_gemm.h"
#include "cairn/backend/cpu/onednn/library.h"
#include "cairn/backend/cpu/owned_call.h"
#include "cairn/base/parallel.h"

namespace cairn::cpu {
namespace {

bool fits(const OpCall& call, const ConvRoles& r) {
  const int spatial = r.x->shape.ssize() - 2, block = block_of(r);
  // Few input channels would be mostly padding.
  return r.direction == ConvDirection::forward && takes_packed(call, r) &&
         call.attrs->integer("groups") == 1 && r.x->dtype == DType::f32 && spatial <= 3 &&
         block == ImplicitGemm::block() && 2 * r.x->shape[1] >= block;
}

// With AVX-512 for 1x1 kernels. With AVX2 where the library's are slower (bench_conv): where a
// kernel steps over pixels, where rows are shorter than their tiles, and 1x1 kernels over small
// images.
bool pays(const OpCall& call, const ConvRoles& r) {
  if (!onednn::present()) return true;
  constexpr int64_t kShortRow = 7, kSmallImage = 64;
  const Ints& stride = call.attrs->ints("stride");
  const bool steps = std::any_of(stride.begin(), stride.end(), [](int64_t s) { return s > 1; });
  const int64_t taps = numel(r.w->shape) / (r.w->shape[0] * r.w->shape[1]);
  if (ImplicitGemm::block() >= 16) return taps == 1;
  const int64_t image = numel(r.y->shape) / (r.y->shape[0] * r.y->shape[1]);
  return steps || (taps == 1 ? image <= kSmallImage : r.y->shape.back() <= kShortRow);
}

class ImplicitGemmKernel : public ConvKernel {
 public:
  ImplicitGemmKernel(const OpCall& call, const ConvRoles& r)
      : relu_(r.relu), gemm_(geometry_of(call, r), num_threads()) {
    name = "gemm";
    const int block = block_of(r);
    x = y = Layout::channel_blocked(block);
    w = Layout::packed_in(gemm_.weight_bytes(), {kImplicitGemmForm, block});
    scratch_bytes = gemm_.workspace_bytes();
    bias_.emplace(r, block, scratch_bytes);
  }
  void run(const void* x_data, const void* w_data, const void* y_data, const ConvExtras& extras,
           void* scratch) override {
    const ConvEpilogue epilogue{(*bias_)(extras.bias, scratch),
                                static_cast<const float*>(extras.residual), relu_};
    gemm_.run(static_cast<const float*>(x_data), static_cast<const float*>(w_data),
              static_cast<float*>(const_cast<void*>(y_data)), epilogue, scratch);
  }

 private:
  bool relu_;
  ImplicitGemm gemm_;
  std::optional<WholeBias> bias_;
};

class ImplicitGemmPack : public Plan {
 public:
  explicit ImplicitGemmPack(const OpCall& call) : gemm_(weight_geometry(call.shape()), 1) {}
  void launch(const Launch& args) const override {
    gemm_.pack_weights(static_cast<const float*>(args.inputs[0]),
                       static_cast<float*>(args.outputs[0]));
  }

 private:
  ImplicitGemm gemm_;
};

}  // namespace

std::unique_ptr<ConvKernel> implicit_gemm_kernel(const OpCall& call, const ConvRoles& roles) {
  const std::string_view choice = conv_choice();
  const bool use = roles.w->layout.packed() ? packed_form(roles.w->layout) == kImplicitGemmForm
                                            : choice != "direct" && fits(call, roles) &&
                                                  (choice == "gemm" || pays(call, roles));
  return use ? std::make_unique<ImplicitGemmKernel>(call, roles) : nullptr;
}

std::unique_ptr<Plan> make_implicit_gemm_pack(const OpCall& call) {
  return std::make_unique<ImplicitGemmPack>(call);
}

}  // namespace cairn::cpu
