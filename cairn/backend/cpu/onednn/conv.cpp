// Direct convolution, perhaps with bias, residual and relu, and its gradients: the library's
// kernels.
#include <cstring>

#include <optional>

#include "cairn/backend/cpu/conv/relu.h"
#include "cairn/backend/cpu/onednn/library.h"
#include "cairn/backend/cpu/onednn/primitive.h"
#include "cairn/backend/cpu/owned_call.h"
#include "cairn/base/parallel.h"

namespace cairn::cpu::onednn {
namespace {

// A blocked weight of several groups is the library's only where blocks do not straddle groups.
bool describable(const TensorDesc& w, int64_t groups) {
  if (!w.layout.blocked() || w.layout.packed() || groups == 1) return true;
  return (w.shape[0] / groups) % w.layout.block == 0 && w.shape[1] % w.layout.block == 0;
}

// The layout that is the library's `wanted`, if one of ours is.
std::optional<Layout> layout_of(const TensorDesc& desc, const MemoryDesc& wanted, int64_t groups,
                                std::initializer_list<LayoutKind> kinds) {
  for (LayoutKind kind : kinds)
    for (int block : {8, 16}) {
      TensorDesc candidate = desc;
      candidate.layout = Layout{kind, block, {}, 0};
      if (describable(candidate, groups) && describe(candidate, groups) == wanted)
        return candidate.layout;
    }
  return {};
}

// Some row of the kernel, in some dimension, lies on padding wherever it is put: a 3x3 kernel over
// 1x1 pixels. Version 2.6 leaves in its gradient of a bf16 weight there what was in memory before.
bool taps_miss(const OpCall& call, const ConvRoles& r) {
  const Ints &stride = call.attrs->ints("stride"), &dilation = call.attrs->ints("dilation"),
             &pads = call.attrs->ints("pads");
  for (int d = 0; d < stride.ssize(); ++d)
    for (int64_t tap = 0; tap < r.w->shape[d + 2]; ++tap) {
      bool meets = false;
      for (int64_t o = 0; o < r.y->shape[d + 2] && !meets; ++o) {
        const int64_t i = o * stride[d] + tap * dilation[d] - pads[2 * d];
        meets = i >= 0 && i < r.x->shape[d + 2];
      }
      if (!meets) return true;
    }
  return false;
}

ConvGeometry geometry_of(const Attrs& attrs) {
  ConvGeometry g;
  const Ints &stride = attrs.ints("stride"), &dilation = attrs.ints("dilation"),
             &pads = attrs.ints("pads");
  for (int d = 0; d < stride.ssize(); ++d) {
    g.stride.push_back(stride[d]), g.dilation.push_back(dilation[d] - 1);
    g.pad_begin.push_back(pads[2 * d]), g.pad_end.push_back(pads[2 * d + 1]);
  }
  return g;
}

class DirectKernel : public ConvKernel {
 public:
  DirectKernel(const OpCall& call, const ConvRoles& r, bool keep_blocked)
      : threads_(num_threads()) {
    const ThreadScope scope(threads_);
    const int64_t groups = call.attrs->integer("groups");
    const auto g = geometry_of(*call.attrs);
    auto wanted = [&](const TensorDesc& d, int64_t in_groups) {
      return keep_blocked && d.layout.blocked() && describable(d, in_groups)
                 ? describe(d, in_groups)
                 : any_layout(d, in_groups);
    };
    const MemoryDesc wx = wanted(*r.x, 1), ww = wanted(*r.w, groups), wy = wanted(*r.y, 1);
    const MemoryDesc hx = any_layout(*r.x), hw = any_layout(*r.w, groups), hy = any_layout(*r.y);
    const auto& e = engine();
    switch (r.direction) {
      case ConvDirection::forward: {
        if (r.bias) {
          fuse(wx, ww, wy, g, r);
          break;
        }
        const auto pd = conv_forward(e, wx, ww, wy, g);
        wanted_[0] = pd.src_desc(), wanted_[1] = pd.weights_desc(), wanted_[2] = pd.dst_desc();
        take(pd, DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST);
        break;
      }
      case ConvDirection::input: {
        const auto pd = conv_backward_data(e, wx, ww, wy, g, hx, hw, hy);
        wanted_[0] = pd.diff_src_desc(), wanted_[1] = pd.weights_desc(),
        wanted_[2] = pd.diff_dst_desc();
        take(pd, DNNL_ARG_DIFF_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DIFF_DST);
        break;
      }
      case ConvDirection::weight: {
        const auto pd = conv_backward_weights(e, wx, ww, wy, g, hx, hw, hy);
        wanted_[0] = pd.src_desc(), wanted_[1] = pd.diff_weights_desc(),
        wanted_[2] = pd.diff_dst_desc();
        take(pd, DNNL_ARG_SRC, DNNL_ARG_DIFF_WEIGHTS, DNNL_ARG_DIFF_DST);
        break;
      }
    }
    place(r, groups);
  }
  void run(const void* x_data, const void* w_data, const void* y_data, const ConvExtras& given,
           void* scratch) override {
    const ThreadScope scope(threads_);
    const void *data[3] = {x_data, w_data, y_data}, *outside[3] = {x_data, w_data, y_data};
    auto* bytes = static_cast<char*>(scratch);
    for (int i = 0; i < 3; ++i) {
      Foreign& f = foreign_[i];
      if (f.copy) data[i] = bytes + f.at;
      if (f.copy && i != written_) f.run(outside[i], data[i], bytes);
    }
    ConvExtras extras = given;
    if (foreign_[3].copy && given.residual)
      foreign_[3].run(given.residual, extras.residual = bytes + foreign_[3].at, bytes);
    if (sums_) std::memcpy(const_cast<void*>(data[2]), extras.residual, wanted_[2].get_size());
    primitive_.bind(DNNL_ARG_BIAS, extras.bias), primitive_.bind(kResidualArg, extras.residual);
    for (int i = 0; i < 3; ++i) primitive_.bind(arguments_[i], data[i]);
    primitive_.bind(DNNL_ARG_SCRATCHPAD, scratch);
    primitive_.run();
    // The library's own relu makes NaN 0: a network whose weights are lost would go on as if
    // nothing had happened.
    if (relu_) relu_in_place(dtype_, const_cast<void*>(data[2]), wanted_[2].get_size());
    if (foreign_[written_].copy) foreign_[written_].run(data[written_], outside[written_], bytes);
  }

 private:
  template <class PrimitiveDesc>
  void take(const PrimitiveDesc& pd, int arg_x, int arg_w, int arg_y) {
    primitive_ = Primitive(pd);
    primitive_.add(arg_x, wanted_[0]), primitive_.add(arg_w, wanted_[1]);
    primitive_.add(arg_y, wanted_[2]);
    arguments_[0] = arg_x, arguments_[1] = arg_w, arguments_[2] = arg_y;
    scratch_bytes = primitive_.scratch_bytes();
  }
  // The residual is read by the kernel itself where its code generator can, else y starts as a copy
  // of it.
  void fuse(const MemoryDesc& wx, const MemoryDesc& ww, const MemoryDesc& wy, const ConvGeometry& g,
            const ConvRoles& r) {
    const MemoryDesc bias = describe(*r.bias);
    relu_ = r.relu, dtype_ = r.y->dtype;
    auto describe = [&](bool sums, const MemoryDesc& dx, const MemoryDesc& dw,
                        const MemoryDesc& dy) {
      dnnl::post_ops ops;
      if (r.residual && sums) ops.append_sum(1);
      if (r.residual && !sums) ops.append_binary(dnnl::algorithm::binary_add, dy);
      dnnl::primitive_attr attr = user_scratchpad();
      attr.set_post_ops(ops);
      return conv_fused(engine(), dx, dw, bias, dy, g, attr);
    };
    auto pd = describe(true, wx, ww, wy);
    sums_ = r.residual != nullptr;
    if (sums_) try {
        auto reads = describe(false, pd.src_desc(), pd.weights_desc(), pd.dst_desc());
        if (std::strcmp(reads.impl_info_str(), pd.impl_info_str()) == 0) pd = reads, sums_ = false;
      } catch (const dnnl::error&) {  // no such kernel
      }
    wanted_[0] = pd.src_desc(), wanted_[1] = pd.weights_desc(), wanted_[2] = pd.dst_desc();
    take(pd, DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST);
    primitive_.add(DNNL_ARG_BIAS, bias);
    if (r.residual && !sums_) primitive_.add(kResidualArg, wanted_[2]);
  }

  // An operand that the library wants in a layout that is none of Cairn's: it is given plain and
  // copied.
  struct Foreign {
    Primitive copy;
    size_t at = 0, scratch = 0;
    void run(const void* from, const void* to, char* bytes) {
      copy.bind(DNNL_ARG_FROM, from), copy.bind(DNNL_ARG_TO, to);
      copy.bind(DNNL_ARG_SCRATCHPAD, bytes + scratch);
      copy.run();
    }
  };
  void place(const ConvRoles& r, int64_t groups) {
    written_ = r.direction == ConvDirection::forward ? 2
               : r.direction == ConvDirection::input ? 0
                                                     : 1;
    x = place(0, *r.x, 1, {LayoutKind::channel_block});
    w = place(1, *r.w, groups, {LayoutKind::weight_io, LayoutKind::weight_oi});
    y = place(2, *r.y, 1, {LayoutKind::channel_block});
    if (r.residual && foreign_[2].copy) copy_in(3, plain(*r.y), wanted_[2]);
  }
  static TensorDesc plain(const TensorDesc& d) { return TensorDesc(d.dtype, d.shape); }
  Layout place(int i, const TensorDesc& d, int64_t groups,
               std::initializer_list<LayoutKind> kinds) {
    if (const auto layout = layout_of(d, wanted_[i], groups, kinds)) return *layout;
    const TensorDesc given = plain(d);
    const MemoryDesc outside = describe(given, groups);
    if (outside == wanted_[i]) return given.layout;
    if (i == written_) keep(i, make_reorder(wanted_[i], outside));
    else keep(i, make_reorder(outside, wanted_[i]));
    return given.layout;
  }
  void copy_in(int i, const TensorDesc& given, const MemoryDesc& wanted) {
    keep(i, make_reorder(describe(given), wanted));
  }
  void keep(int i, Primitive copy) {
    Foreign& f = foreign_[i];
    f.at = whole_lines(scratch_bytes);
    f.scratch = f.at + whole_lines(wanted_[std::min(i, 2)].get_size());
    scratch_bytes = f.scratch + copy.scratch_bytes();
    f.copy = std::move(copy);
  }

  int threads_, written_ = 2;
  bool relu_ = false;
  DType dtype_ = DType::f32;  // of y
  MemoryDesc wanted_[3];
  Foreign foreign_[4];  // x, w, y, residual
  static constexpr int kResidualArg = DNNL_ARG_ATTR_MULTIPLE_POST_OP(0) | DNNL_ARG_SRC_1;
  Primitive primitive_;
  int arguments_[3];
  bool sums_ = false;
};

}  // namespace

std::unique_ptr<ConvKernel> conv_kernel(const OpCall& call, const ConvRoles& r) {
  if (r.w->layout.packed() || !present()) return nullptr;
  if (call.dtype() == DType::bf16 && r.direction == ConvDirection::weight && taps_miss(call, r))
    return nullptr;
  for (bool keep_blocked : {true, false}) try {
      return std::make_unique<DirectKernel>(call, r, keep_blocked);
    } catch (const dnnl::error&) {  // no kernel for these layouts
    }
  return nullptr;
}

}  // namespace cairn::cpu::onednn
