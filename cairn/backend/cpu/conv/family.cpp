// Convolution (perhaps with bias, residual and relu) and its two gradients: Winograd where it fits
// the kernel (3x3 of stride 1, 4x4 of stride 2) and pays; over few channels kernels of their own;
// else a product over pixels where the weight is fixed, and in bf16 where AMX multiplies it; else
// the library's direct kernels. Operands that do not lie as the kernel wants pass through reorders
// inside the plan (eager code, plain tensors); in the layouts that `layouts` asks for there are
// none.
//
// CAIRN_CONV=direct|gemm|lines|f2|f4|auto chooses, CAIRN_TUNE=1 measures in place of auto; f4 is as
// exact as 1e-5 of the largest value.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "cairn/backend/cpu/conv/conv_kernel.h"
#include "cairn/backend/cpu/conv/implicit_gemm.h"
#include "cairn/backend/cpu/families.h"
#include "cairn/backend/cpu/machine.h"
#include "cairn/backend/cpu/onednn/library.h"
#include "cairn/backend/cpu/owned_call.h"
#include "cairn/backend/cpu/reorder.h"
#include "cairn/backend/cpu/tuning.h"
#include "cairn/backend/cpu/widen.h"
#include "cairn/backend/cpu/x86_extensions.h"
#include "cairn/base/error.h"
#include "cairn/base/parallel.h"
#include "cairn/base/round.h"

namespace cairn::cpu {
namespace {

ConvRoles roles_of(const OpCall& c) {
  if (is_op(c, "conv"))
    return {ConvDirection::forward, c.inputs[0], c.inputs[1], c.outputs[0], 0, 1, -1};
  if (is_op(c, "conv_fused"))
    return {ConvDirection::forward,
            c.inputs[0],
            c.inputs[1],
            c.outputs[0],
            0,
            1,
            -1,
            c.inputs[2],
            c.inputs.size() == 4 ? c.inputs[3] : nullptr,
            c.attrs->integer("relu") != 0};
  if (is_op(c, "conv_grad_input"))
    return {ConvDirection::input, c.outputs[0], c.inputs[1], c.inputs[0], -1, 1, 0};
  return {ConvDirection::weight, c.inputs[0], c.outputs[0], c.inputs[1], 0, -1, 1};
}

// Whether every convolution has a kernel here, be it the last one of the list; else (on vectors
// that none is written for) the plain loops take it, and they know no fused one.
bool has_kernels() { return onednn::present() || ImplicitGemm::block() != 0; }

bool supports(const OpCall& call) {
  const bool fused = is_op(call, "conv_fused");
  if (fused && !has_kernels()) return false;
  if (fused && (numel(call.shape(0)) == 0 || numel(call.shape(1)) == 0)) return false;
  return (fused || is_op(call, "conv") || is_op(call, "conv_grad_input") ||
          is_op(call, "conv_grad_weight")) &&
         is_f32_or_narrow(call.dtype());
}

class ConvPlan : public Plan {
 public:
  ConvPlan(const ConvRoles& r, std::unique_ptr<ConvKernel> kernel) : kernel_(std::move(kernel)) {
    workspace_bytes = whole_lines(kernel_->scratch_bytes);
    place(0, r.x_at, *r.x, kernel_->x);
    place(1, r.w_at, *r.w, kernel_->w);
    place(2, r.y_at, *r.y, kernel_->y);
    fused_ = r.bias != nullptr;
    if (r.residual) place(3, kResidualAt, *r.residual, kernel_->y), operand_count_ = 4;
  }

  void launch(const Launch& args) const override {
    const void* data[4] = {};
    for (int i = 0; i < operand_count_; ++i) {
      const Operand& o = operands_[i];
      const void* given = o.at < 0 ? args.outputs[0] : args.inputs[o.at];
      data[i] = o.reorder ? at(args, o.offset) : given;
      if (o.reorder && o.at >= 0) o.reorder->run(given, at(args, o.offset));
    }
    const ConvExtras extras{fused_ ? static_cast<const float*>(args.inputs[kBiasAt]) : nullptr,
                            data[3]};
    kernel_->run(data[0], data[1], data[2], extras, args.workspace);
    for (int i = 0; i < 3; ++i)
      if (operands_[i].at < 0 && operands_[i].reorder)
        operands_[i].reorder->run(data[i], args.outputs[0]);
  }

 private:
  struct Operand {
    int at = 0;
    std::optional<Reorder> reorder;  // where the kernel wants another layout
    size_t offset = 0;
  };
  void place(int i, int where, const TensorDesc& own, const Layout& layout) {
    Operand& o = operands_[i];
    o.at = where;
    if (own.layout == layout || (!layout.blocked() && own.contiguous())) return;
    TensorDesc wanted = own;
    wanted.layout = layout;
    o.reorder.emplace(where < 0 ? wanted : own, where < 0 ? own : wanted);
    o.offset = workspace_bytes;
    workspace_bytes += whole_lines(wanted.bytes());
  }

  std::unique_ptr<ConvKernel> kernel_;
  static constexpr int kBiasAt = 2, kResidualAt = 3;
  bool fused_ = false;
  int operand_count_ = 3;
  Operand operands_[4];  // x, w, y, residual
};

class ZeroPlan : public Plan {  // a sum over nothing
 public:
  explicit ZeroPlan(const OpCall& call)
      : bytes_(numel(call.out().shape) == 0 ? 0 : call.out().bytes()) {}
  void launch(const Launch& args) const override { std::memset(args.outputs[0], 0, bytes_); }

 private:
  size_t bytes_;
};

std::unique_ptr<ConvKernel> kernel_by_choice(const OpCall& call, const ConvRoles& roles) {
  if (conv_choice() != "direct" && !takes_packed(call, roles)) {
    if (auto kernel = whole_image_kernel(call, roles)) return kernel;
    if (auto kernel = few_pixels_kernel(call, roles)) return kernel;
  }
  if (auto kernel = few_results_kernel(call, roles)) return kernel;
  if (auto kernel = winograd_kernel(call, roles)) return kernel;
  if (auto kernel = few_channels_forward_kernel(call, roles)) return kernel;
  if (auto kernel = lines_bf16_kernel(call, roles)) return kernel;
  if (auto kernel = winograd_bf16_kernel(call, roles)) return kernel;
  if (auto kernel = gathered_bf16_kernel(call, roles)) return kernel;
  if (auto kernel = implicit_gemm_kernel(call, roles)) return kernel;
  if (auto kernel = few_channels_kernel(call, roles)) return kernel;
  if (conv_choice() != "gemm")
    if (auto kernel = onednn::conv_kernel(call, roles)) return kernel;
  return direct_kernel(call, roles);
}

// By measurement where that is asked for; a packed weight says by itself which kernel it is for.
std::unique_ptr<ConvKernel> kernel_for(const OpCall& call, const ConvRoles& roles) {
  const auto make = [&] { return kernel_by_choice(call, roles); };
  if (!tuning() || conv_choice() != "auto" || roles.w->layout.packed()) return make();
  const TunedConv tuned(choose_conv_by_time(call, roles, make));
  return make();
}

// The operands can be copied into the layouts that the kernel wants.
bool reachable(const ConvRoles& r, const ConvKernel& kernel) {
  const auto works = [](const TensorDesc& own, const Layout& layout) {
    TensorDesc wanted = own;
    wanted.layout = layout;
    return own.layout == layout || Reorder::works(own, wanted);
  };
  return works(*r.x, kernel.x) && works(*r.w, kernel.w) && works(*r.y, kernel.y) &&
         (!r.residual || works(*r.residual, kernel.y));
}

bool is_volume(const ConvRoles& r) { return r.x->shape.ssize() == 5; }

// Where f32's kernels win although AMX multiplies bf16 (measured there): pictures of few channels,
// whose blocks are mostly padding, and volumes, for which bf16 has no Winograd, but for what is
// multiplied over padded lines.
bool quicker_in_f32(const ConvRoles& r) {
  constexpr int64_t kFewChannels = 4;
  if (!x86_extensions().amx || conv_choice() != "auto") return false;
  return is_volume(r) || std::min(r.x->shape[1], r.y->shape[1]) <= kFewChannels;
}

// The kernel for the call's own type; nullptr: none, or it has to be widened.
std::unique_ptr<ConvKernel> own_kernel(const OpCall& call, const ConvRoles& r) {
  if (call.dtype() == DType::f32) return kernel_for(call, r);
  if (call.dtype() != DType::bf16 || !multiplies_bf16()) return nullptr;
  if (!quicker_in_f32(r)) return kernel_for(call, r);
  return is_volume(r) ? lines_bf16_kernel(call, r) : nullptr;
}

std::unique_ptr<Plan> prepare(const OpCall& call) {
  if (!supports(call)) return nullptr;
  const ConvRoles roles = roles_of(call);
  for (const TensorDesc* d : {roles.x, roles.w, roles.y})
    if (numel(d->shape) == 0) return std::make_unique<ZeroPlan>(call);
  for (const TensorDesc* d : {roles.x, roles.w, roles.y, roles.bias, roles.residual})
    if (d && !d->layout.blocked() && !d->contiguous()) return nullptr;
  auto kernel = own_kernel(call, roles);
  if (!kernel && is_narrow(call.dtype())) return widened(call, prepare);
  if (!kernel || !reachable(roles, *kernel)) return nullptr;
  return std::make_unique<ConvPlan>(roles, std::move(kernel));
}

bool layouts(OpCall& call) {
  const ConvRoles r = roles_of(call);
  for (TensorDesc* d : {r.x, r.w, r.y}) {
    if (numel(d->shape) == 0) return false;
    d->layout = Layout::contiguous(d->shape);
  }
  SmallVector<DType, 3> types;
  for (TensorDesc* d : {r.x, r.w, r.y}) types.push_back(d->dtype);
  auto kernel = own_kernel(call, r);
  if (!kernel && is_narrow(call.dtype())) {
    for (TensorDesc* d : {r.x, r.w, r.y}) d->dtype = DType::f32;
    call.fixed = 0;  // weights are widened in every run, so they cannot be packed
    kernel = kernel_for(call, r);
  }
  if (kernel) {
    r.x->layout = kernel->x, r.w->layout = kernel->w, r.y->layout = kernel->y;
    if (r.residual) r.residual->layout = r.y->layout;
  }
  r.x->dtype = types[0], r.w->dtype = types[1], r.y->dtype = types[2];
  return kernel != nullptr;
}

}  // namespace

std::unique_ptr<Plan> make_conv_pack(const OpCall& call) {
  switch (packed_form(call.out().layout)) {
    case kImplicitGemmForm: return make_implicit_gemm_pack(call);
    case kFewChannelsForm: return make_few_channels_pack(call);
    default: return make_winograd_pack(call);
  }
}

std::string_view conv_kernel_name(const OpCall& call) {
  const auto kernel = supports(call) ? kernel_for(call, roles_of(call)) : nullptr;
  return kernel ? kernel->name : "none";
}

std::string_view conv_choice() {
  if (const std::string_view tuned = tuned_conv_choice(); !tuned.empty()) return tuned;
  const char* setting = std::getenv("CAIRN_CONV");
  const std::string_view choice = setting ? setting : "auto";
  for (const char* known : {"auto", "direct", "gemm", "lines", "f2", "f4"})
    if (choice == known) return choice;
  fail("CAIRN_CONV is '{}'; it can be auto, direct, gemm, lines, f2 or f4", choice);
}

int block_of(const ConvRoles& r) {
  return r.x->layout.blocked()   ? r.x->layout.block
         : r.y->layout.blocked() ? r.y->layout.block
                                 : preferred_block();
}

int preferred_block() { return has_wide_vectors() ? 16 : 8; }

WholeBias::WholeBias(const ConvRoles& r, int block, size_t& scratch_bytes) {
  if (!r.bias || r.bias->shape[0] % block == 0) return;
  channels_ = r.bias->shape[0], padded_ = round_up(channels_, block);
  offset_ = whole_lines(scratch_bytes);
  scratch_bytes = offset_ + whole_lines(sizeof(float) * static_cast<size_t>(padded_));
}

const float* WholeBias::operator()(const float* bias, void* scratch) const {
  if (padded_ == 0 || !bias) return bias;
  auto* whole = reinterpret_cast<float*>(static_cast<char*>(scratch) + offset_);
  std::fill(std::copy(bias, bias + channels_, whole), whole + padded_, 0.0f);
  return whole;
}

Family conv_family() { return {"conv", supports, prepare, nullptr, layouts}; }

}  // namespace cairn::cpu
