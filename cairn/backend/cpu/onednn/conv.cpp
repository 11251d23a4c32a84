// Convolution (perhaps with bias, residual and relu) and its two gradients: Winograd where it fits the kernel (3x3 of stride 1, 4x4 of stride 2) and pays, else the
// library's direct kernels. Operands that do not lie as the kernel wants pass through reorders inside the plan
// (eager code, plain tensors); in the layouts that `layouts` asks for there are none.
//
// CAIRN_CONV=direct|f2|f4|auto chooses; f4 is as exact as 1e-5 of the largest value.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "cairn/backend/cpu/families.h"
#include "cairn/backend/cpu/onednn/primitive.h"
#include "cairn/backend/cpu/owned_call.h"
#include "cairn/backend/cpu/widen.h"
#include "cairn/backend/cpu/winograd/winograd.h"
#include "cairn/base/error.h"
#include "cairn/base/parallel.h"

namespace cairn::cpu {
namespace {

using onednn::MemoryDesc;

enum class Direction { forward, input, weight };

// The three tensors of the forward convolution and where each is in the call: input 0 or 1, or output (-1).
struct Roles {
  Direction direction;
  TensorDesc *x, *w, *y;
  int x_at, w_at, y_at;
  // conv_fused only: y = relu(convolution + bias + residual), the last two where asked for.
  TensorDesc *bias = nullptr, *residual = nullptr;
  bool relu = false;
};
Roles roles_of(const OpCall& c) {
  if (is_op(c, "conv")) return {Direction::forward, c.inputs[0], c.inputs[1], c.outputs[0], 0, 1, -1};
  if (is_op(c, "conv_fused"))
    return {Direction::forward, c.inputs[0], c.inputs[1], c.outputs[0], 0, 1, -1, c.inputs[2],
            c.inputs.size() == 4 ? c.inputs[3] : nullptr, c.attrs->integer("relu") != 0};
  if (is_op(c, "conv_grad_input")) return {Direction::input, c.outputs[0], c.inputs[1], c.inputs[0], -1, 1, 0};
  return {Direction::weight, c.inputs[0], c.outputs[0], c.inputs[1], 0, -1, 1};
}

bool supports(const OpCall& call) {
  const bool fused = is_op(call, "conv_fused");
  if (fused && (numel(call.shape(0)) == 0 || numel(call.shape(1)) == 0)) return false;
  return (fused || is_op(call, "conv") || is_op(call, "conv_grad_input") || is_op(call, "conv_grad_weight")) &&
         is_f32_or_narrow(call.dtype());
}

onednn::ConvGeometry geometry_of(const Attrs& attrs) {
  onednn::ConvGeometry g;
  const Ints &stride = attrs.ints("stride"), &dilation = attrs.ints("dilation"), &pads = attrs.ints("pads");
  for (int d = 0; d < stride.ssize(); ++d) {
    g.stride.push_back(stride[d]), g.dilation.push_back(dilation[d] - 1);
    g.pad_begin.push_back(pads[2 * d]), g.pad_end.push_back(pads[2 * d + 1]);
  }
  return g;
}

struct Extras {  // conv_fused's further inputs
  const float* bias = nullptr;     // [O]
  const void* residual = nullptr;  // lies like y
};

// A kernel over operands in the layouts that it wants.
class ConvKernel {
 public:
  virtual ~ConvKernel() = default;
  virtual void run(const void* x, const void* w, const void* y, const Extras& extras, void* scratch) = 0;  // one of x, w, y is written
  MemoryDesc x, w, y;
  size_t scratch_bytes = 0;
};

// ---- the library's ----------------------------------------------------------------------------------

class DirectKernel : public ConvKernel {
 public:
  DirectKernel(const OpCall& call, const Roles& r, bool keep_blocked) {
    const int64_t groups = call.attrs->integer("groups");
    const auto g = geometry_of(*call.attrs);
    auto wanted = [&](const TensorDesc& d, int64_t in_groups) {
      return keep_blocked && d.layout.blocked() ? onednn::describe(d, in_groups) : onednn::any_layout(d, in_groups);
    };
    const MemoryDesc wx = wanted(*r.x, 1), ww = wanted(*r.w, groups), wy = wanted(*r.y, 1);
    const MemoryDesc hx = onednn::any_layout(*r.x), hw = onednn::any_layout(*r.w, groups), hy = onednn::any_layout(*r.y);
    const auto& e = onednn::engine();
    switch (r.direction) {
      case Direction::forward: {
        if (r.bias) {
          fuse(wx, ww, wy, g, r);
          break;
        }
        const auto pd = onednn::conv_forward(e, wx, ww, wy, g);
        x = pd.src_desc(), w = pd.weights_desc(), y = pd.dst_desc();
        take(pd, DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST);
        break;
      }
      case Direction::input: {
        const auto pd = onednn::conv_backward_data(e, wx, ww, wy, g, hx, hw, hy);
        x = pd.diff_src_desc(), w = pd.weights_desc(), y = pd.diff_dst_desc();
        take(pd, DNNL_ARG_DIFF_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DIFF_DST);
        break;
      }
      case Direction::weight: {
        const auto pd = onednn::conv_backward_weights(e, wx, ww, wy, g, hx, hw, hy);
        x = pd.src_desc(), w = pd.diff_weights_desc(), y = pd.diff_dst_desc();
        take(pd, DNNL_ARG_SRC, DNNL_ARG_DIFF_WEIGHTS, DNNL_ARG_DIFF_DST);
        break;
      }
    }
  }
  void run(const void* x_data, const void* w_data, const void* y_data, const Extras& extras, void* scratch) override {
    if (sums_) std::memcpy(const_cast<void*>(y_data), extras.residual, y.get_size());
    primitive_.bind(DNNL_ARG_BIAS, extras.bias), primitive_.bind(kResidualArg, extras.residual);
    primitive_.bind(arguments_[0], x_data), primitive_.bind(arguments_[1], w_data), primitive_.bind(arguments_[2], y_data);
    primitive_.bind(DNNL_ARG_SCRATCHPAD, scratch);
    primitive_.run();
  }

 private:
  template <class PrimitiveDesc>
  void take(const PrimitiveDesc& pd, int arg_x, int arg_w, int arg_y) {
    primitive_ = onednn::Primitive(pd);
    primitive_.add(arg_x, x), primitive_.add(arg_w, w), primitive_.add(arg_y, y);
    arguments_[0] = arg_x, arguments_[1] = arg_w, arguments_[2] = arg_y;
    scratch_bytes = primitive_.scratch_bytes();
  }
  // The residual is read by the kernel itself where its code generator can, else y starts as a copy of it.
  void fuse(const MemoryDesc& wx, const MemoryDesc& ww, const MemoryDesc& wy, const onednn::ConvGeometry& g, const Roles& r) {
    const MemoryDesc bias = onednn::describe(*r.bias);
    auto describe = [&](bool sums, const MemoryDesc& dx, const MemoryDesc& dw, const MemoryDesc& dy) {
      dnnl::post_ops ops;
      if (r.residual && sums) ops.append_sum(1);
      if (r.residual && !sums) ops.append_binary(dnnl::algorithm::binary_add, dy);
      if (r.relu) onednn::append_relu(ops);
      dnnl::primitive_attr attr = onednn::user_scratchpad();
      attr.set_post_ops(ops);
      return onednn::conv_fused(onednn::engine(), dx, dw, bias, dy, g, attr);
    };
    auto pd = describe(true, wx, ww, wy);
    sums_ = r.residual != nullptr;
    if (sums_) try {
        auto reads = describe(false, pd.src_desc(), pd.weights_desc(), pd.dst_desc());
        if (std::strcmp(reads.impl_info_str(), pd.impl_info_str()) == 0) pd = reads, sums_ = false;
      } catch (const dnnl::error&) {  // no such kernel
      }
    x = pd.src_desc(), w = pd.weights_desc(), y = pd.dst_desc();
    take(pd, DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST);
    primitive_.add(DNNL_ARG_BIAS, bias);
    if (r.residual && !sums_) primitive_.add(kResidualArg, y);
  }

  static constexpr int kResidualArg = DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1;
  onednn::Primitive primitive_;
  int arguments_[3];
  bool sums_ = false;
};

std::unique_ptr<ConvKernel> direct_kernel(const OpCall& call, const Roles& roles) {
  for (bool keep_blocked : {true, false}) try {
      return std::make_unique<DirectKernel>(call, roles, keep_blocked);
    } catch (const dnnl::error&) {  // no kernel for these layouts
    }
  return nullptr;
}

// ---- Winograd ---------------------------------------------------------------------------------------

int preferred_block() { return onednn::has_isa(dnnl::cpu_isa::avx512_core) ? 16 : 8; }

// 3x3 (and 3x3x3) of stride 1; 4x4 of stride 2 over even sizes.
bool winograd_fits(const OpCall& call, const Roles& r) {
  const Ints &stride = call.attrs->ints("stride"), &dilation = call.attrs->ints("dilation"), &pads = call.attrs->ints("pads");
  const int spatial = stride.ssize();
  if (spatial < 2 || call.attrs->integer("groups") != 1 || r.x->dtype != DType::f32) return false;
  const bool halves = stride[0] == 2 && spatial == 2;
  for (int d = 0; d < spatial; ++d) {
    if (stride[d] != (halves ? 2 : 1) || dilation[d] != 1 || r.w->shape[d + 2] != (halves ? 4 : 3)) return false;
    if (pads[2 * d] > 2 || pads[2 * d + 1] > 2) return false;
    if (halves && (r.x->shape[d + 2] % 2 || (pads[2 * d] + pads[2 * d + 1]) % 2)) return false;
  }
  return true;
}

WinogradShape winograd_shape(const OpCall& call, const Roles& r) {
  const Ints& pads = call.attrs->ints("pads");
  const int rank = r.x->shape.ssize(), last = pads.ssize() - 4;
  WinogradShape s;
  s.block = r.x->layout.blocked() ? r.x->layout.block : r.y->layout.blocked() ? r.y->layout.block : preferred_block();
  s.batch = r.x->shape[0], s.in_channels = r.x->shape[1], s.out_channels = r.y->shape[1];
  s.height = r.x->shape[rank - 2], s.width = r.x->shape[rank - 1];
  s.pad_top = pads[last], s.pad_bottom = pads[last + 1], s.pad_left = pads[last + 2], s.pad_right = pads[last + 3];
  if (rank == 5) s.depth = r.x->shape[2], s.taps = 3, s.pad_front = pads[0], s.pad_back = pads[1];
  s.stride = static_cast<int>(call.attrs->ints("stride").back());
  return s;
}

// Which tile to use; none: direct convolution.
std::optional<WinogradTile> winograd_tile(const OpCall& call, const Roles& r) {
  if (!winograd_fits(call, r)) return {};
  const char* setting = std::getenv("CAIRN_CONV");
  const std::string_view choice = setting ? setting : "auto";
  check(choice == "auto" || choice == "direct" || choice == "f2" || choice == "f4",
        "CAIRN_CONV is '{}'; it can be auto, direct, f2 or f4", choice);
  if (choice == "direct") return {};
  if (choice == "f2") return WinogradTile::f2;
  if (choice == "f4") return WinogradTile::f4;
  if (r.x->shape[1] < 16 || r.y->shape[1] < 16) return {};
  const WinogradShape shape = winograd_shape(call, r);
  const double f2 = winograd_gain(shape, {.tile = WinogradTile::f2}), f4 = winograd_gain(shape, {.tile = WinogradTile::f4});
  constexpr double kWorthIt = 1.1;
  if (std::max(f2, f4) < kWorthIt) return {};
  return f4 >= f2 ? WinogradTile::f4 : WinogradTile::f2;
}

class WinogradKernel : public ConvKernel {
 public:
  WinogradKernel(const OpCall& call, const Roles& r, WinogradTile tile) : direction_(r.direction), relu_(r.relu) {
    const WinogradShape s = winograd_shape(call, r);
    const bool blocked = r.w->layout.kind == LayoutKind::weight_io && r.w->layout.block == s.block;
    const WinogradOptions options{tile, blocked ? FilterLayout::blocked : FilterLayout::plain, num_threads()};
    auto wanted = [&](TensorDesc d, const Layout& layout) {
      d.layout = layout;
      return onednn::describe(d);
    };
    x = wanted(*r.x, Layout::channel_blocked(s.block)), y = wanted(*r.y, Layout::channel_blocked(s.block));
    w = wanted(*r.w, blocked ? r.w->layout : Layout::contiguous(r.w->shape));
    switch (direction_) {
      case Direction::forward: scratch_bytes = (forward_ = std::make_unique<WinogradForward>(s, options))->workspace_bytes(); break;
      case Direction::input: scratch_bytes = (data_ = std::make_unique<WinogradBackwardData>(s, options))->workspace_bytes(); break;
      case Direction::weight: scratch_bytes = (weights_ = std::make_unique<WinogradBackwardWeights>(s, options))->workspace_bytes(); break;
    }
    if (!r.bias || s.out_channels % s.block == 0) return;
    channels_ = s.out_channels, bias_offset_ = scratch_bytes = whole_lines(scratch_bytes);
    padded_ = (channels_ + s.block - 1) / s.block * s.block;
    scratch_bytes += whole_lines(sizeof(float) * static_cast<size_t>(padded_));
  }
  void run(const void* x_data, const void* w_data, const void* y_data, const Extras& extras, void* scratch) override {
    const ConvEpilogue epilogue{whole_bias(extras.bias, scratch), static_cast<const float*>(extras.residual), relu_};
    const auto* px = static_cast<const float*>(x_data);
    const auto* pw = static_cast<const float*>(w_data);
    const auto* py = static_cast<const float*>(y_data);
    switch (direction_) {
      case Direction::forward: return forward_->run(px, pw, nullptr, const_cast<float*>(py), epilogue, scratch);
      case Direction::input: return data_->run(py, pw, nullptr, const_cast<float*>(px), scratch);
      case Direction::weight: return weights_->run(px, py, const_cast<float*>(pw), scratch);
    }
  }

 private:
  // The bias in whole blocks of channels.
  const float* whole_bias(const float* bias, void* scratch) const {
    if (padded_ == 0 || !bias) return bias;
    auto* whole = reinterpret_cast<float*>(static_cast<char*>(scratch) + bias_offset_);
    std::fill(std::copy(bias, bias + channels_, whole), whole + padded_, 0.0f);
    return whole;
  }

  Direction direction_;
  bool relu_;
  int64_t channels_ = 0, padded_ = 0;  // set where the last block of channels is not full
  size_t bias_offset_ = 0;
  std::unique_ptr<WinogradForward> forward_;
  std::unique_ptr<WinogradBackwardData> data_;
  std::unique_ptr<WinogradBackwardWeights> weights_;
};

// ---- the plan ---------------------------------------------------------------------------------------

class ConvPlan : public Plan {
 public:
  ConvPlan(const OpCall& call, const Roles& r, std::unique_ptr<ConvKernel> kernel)
      : threads_(num_threads()), kernel_(std::move(kernel)) {
    const int64_t groups = call.attrs->integer("groups");
    workspace_bytes = whole_lines(kernel_->scratch_bytes);
    place(0, r.x_at, onednn::describe(*r.x), kernel_->x);
    place(1, r.w_at, onednn::describe(*r.w, groups), kernel_->w);
    place(2, r.y_at, onednn::describe(*r.y), kernel_->y);
    fused_ = r.bias != nullptr;
    if (r.residual) place(3, kResidualAt, onednn::describe(*r.residual), kernel_->y), operand_count_ = 4;
  }

  void launch(const Launch& args) const override {
    onednn::ThreadScope scope(threads_);
    const void* data[4] = {};
    for (int i = 0; i < operand_count_; ++i) {
      Operand& o = operands_[i];
      const void* given = o.at < 0 ? args.outputs[0] : args.inputs[o.at];
      data[i] = o.reorder ? at(args, o.offset) : given;
      if (o.reorder && o.at >= 0) o.copy(given, data[i], at(args, o.scratch));
    }
    const Extras extras{fused_ ? static_cast<const float*>(args.inputs[kBiasAt]) : nullptr, data[3]};
    kernel_->run(data[0], data[1], data[2], extras, args.workspace);
    for (int i = 0; i < 3; ++i)
      if (operands_[i].at < 0 && operands_[i].reorder) operands_[i].copy(data[i], args.outputs[0], at(args, operands_[i].scratch));
  }

 private:
  struct Operand {
    int at = 0;
    onednn::Primitive reorder;  // where the kernel wants another layout
    size_t offset = 0, scratch = 0;
    void copy(const void* from, const void* to, void* scratch_data) {
      reorder.bind(DNNL_ARG_FROM, from), reorder.bind(DNNL_ARG_TO, to);
      reorder.bind(DNNL_ARG_SCRATCHPAD, scratch_data);
      reorder.run();
    }
  };
  void place(int i, int where, const MemoryDesc& own, const MemoryDesc& wanted) {
    Operand& o = operands_[i];
    o.at = where;
    if (own == wanted) return;
    o.reorder = where < 0 ? onednn::make_reorder(wanted, own) : onednn::make_reorder(own, wanted);
    o.offset = workspace_bytes;
    o.scratch = o.offset + whole_lines(wanted.get_size());
    workspace_bytes = o.scratch + whole_lines(o.reorder.scratch_bytes());
  }

  int threads_;
  std::unique_ptr<ConvKernel> kernel_;
  static constexpr int kBiasAt = 2, kResidualAt = 3;
  bool fused_ = false;
  int operand_count_ = 3;
  mutable Operand operands_[4];  // x, w, y, residual
};

class ZeroPlan : public Plan {  // a sum over nothing
 public:
  explicit ZeroPlan(const OpCall& call) : bytes_(numel(call.out().shape) == 0 ? 0 : call.out().bytes()) {}
  void launch(const Launch& args) const override { std::memset(args.outputs[0], 0, bytes_); }

 private:
  size_t bytes_;
};

std::unique_ptr<ConvKernel> kernel_for(const OpCall& call, const Roles& roles) {
  if (const auto tile = winograd_tile(call, roles)) return std::make_unique<WinogradKernel>(call, roles, *tile);
  return direct_kernel(call, roles);
}

// A blocked weight of several groups is the library's only where blocks do not straddle groups.
bool describable(const TensorDesc& w, int64_t groups) {
  if (!w.layout.blocked() || groups == 1) return true;
  return (w.shape[0] / groups) % w.layout.block == 0 && w.shape[1] % w.layout.block == 0;
}

std::unique_ptr<Plan> prepare(const OpCall& call) {
  if (!supports(call)) return nullptr;
  const Roles roles = roles_of(call);
  for (const TensorDesc* d : {roles.x, roles.w, roles.y})
    if (numel(d->shape) == 0) return std::make_unique<ZeroPlan>(call);
  for (const TensorDesc* d : {roles.x, roles.w, roles.y, roles.bias, roles.residual})
    if (d && !d->layout.blocked() && !d->contiguous()) return nullptr;
  if (!describable(*roles.w, call.attrs->integer("groups"))) return nullptr;
  const bool native = call.dtype() == DType::f32 || (call.dtype() == DType::bf16 && onednn::has_bf16_products());
  if (!native) return widened(call, prepare);
  onednn::ThreadScope scope(num_threads());
  try {
    auto kernel = kernel_for(call, roles);
    if (!kernel) return nullptr;
    return std::make_unique<ConvPlan>(call, roles, std::move(kernel));
  } catch (const dnnl::error&) {  // no reorder between these layouts
    return nullptr;
  }
}

// Gives `desc` the layout kind that is the library's `wanted`, if one of ours is.
void adopt(TensorDesc& desc, const MemoryDesc& wanted, int64_t groups, std::initializer_list<LayoutKind> kinds) {
  for (LayoutKind kind : kinds)
    for (int block : {8, 16}) {
      TensorDesc candidate = desc;
      candidate.layout = Layout{kind, block, {}, 0};
      if (describable(candidate, groups) && onednn::describe(candidate, groups) == wanted) {
        desc.layout = candidate.layout;
        return;
      }
    }
  desc.layout = Layout::contiguous(desc.shape);
}

bool layouts(OpCall& call) {
  const Roles r = roles_of(call);
  for (TensorDesc* d : {r.x, r.w, r.y}) {
    if (numel(d->shape) == 0) return false;
    d->layout = Layout::contiguous(d->shape);
  }
  const int64_t groups = call.attrs->integer("groups");
  SmallVector<DType, 3> types;
  for (TensorDesc* d : {r.x, r.w, r.y}) types.push_back(d->dtype);
  if (is_narrow(call.dtype()) && !onednn::has_bf16_products())
    for (TensorDesc* d : {r.x, r.w, r.y}) d->dtype = DType::f32;
  bool found = false;
  try {
    if (const auto kernel = kernel_for(call, r)) {
      adopt(*r.x, kernel->x, 1, {LayoutKind::channel_block});
      adopt(*r.y, kernel->y, 1, {LayoutKind::channel_block});
      if (r.residual) r.residual->layout = r.y->layout;
      adopt(*r.w, kernel->w, groups, {LayoutKind::weight_io, LayoutKind::weight_oi});
      found = true;
    }
  } catch (const dnnl::error&) {
  }
  r.x->dtype = types[0], r.w->dtype = types[1], r.y->dtype = types[2];
  return found;
}

}  // namespace

Family conv_family() { return {"conv", supports, prepare, nullptr, layouts}; }

}  // namespace cairn::cpu
