// Direct convolution, perhaps with bias, residual and relu, and its gradients: the library's
// kernels.
#include <cstring>

#include "cairn/backend/cpu/conv/conv_kernel.h"

namespace cairn::cpu {
namespace {

using onednn::MemoryDesc;

onednn::ConvGeometry geometry_of(const Attrs& attrs) {
  onednn::ConvGeometry g;
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
  DirectKernel(const OpCall& call, const ConvRoles& r, bool keep_blocked) {
    const int64_t groups = call.attrs->integer("groups");
    const auto g = geometry_of(*call.attrs);
    auto wanted = [&](const TensorDesc& d, int64_t in_groups) {
      return keep_blocked && d.layout.blocked() ? onednn::describe(d, in_groups)
                                                : onednn::any_layout(d, in_groups);
    };
    const MemoryDesc wx = wanted(*r.x, 1), ww = wanted(*r.w, groups), wy = wanted(*r.y, 1);
    const MemoryDesc hx = onednn::any_layout(*r.x), hw = onednn::any_layout(*r.w, groups),
                     hy = onednn::any_layout(*r.y);
    const auto& e = onednn::engine();
    switch (r.direction) {
      case ConvDirection::forward: {
        if (r.bias) {
          fuse(wx, ww, wy, g, r);
          break;
        }
        const auto pd = onednn::conv_forward(e, wx, ww, wy, g);
        x = pd.src_desc(), w = pd.weights_desc(), y = pd.dst_desc();
        take(pd, DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST);
        break;
      }
      case ConvDirection::input: {
        const auto pd = onednn::conv_backward_data(e, wx, ww, wy, g, hx, hw, hy);
        x = pd.diff_src_desc(), w = pd.weights_desc(), y = pd.diff_dst_desc();
        take(pd, DNNL_ARG_DIFF_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DIFF_DST);
        break;
      }
      case ConvDirection::weight: {
        const auto pd = onednn::conv_backward_weights(e, wx, ww, wy, g, hx, hw, hy);
        x = pd.src_desc(), w = pd.diff_weights_desc(), y = pd.diff_dst_desc();
        take(pd, DNNL_ARG_SRC, DNNL_ARG_DIFF_WEIGHTS, DNNL_ARG_DIFF_DST);
        break;
      }
    }
  }
  void run(const void* x_data, const void* w_data, const void* y_data, const ConvExtras& extras,
           void* scratch) override {
    if (sums_) std::memcpy(const_cast<void*>(y_data), extras.residual, y.get_size());
    primitive_.bind(DNNL_ARG_BIAS, extras.bias), primitive_.bind(kResidualArg, extras.residual);
    primitive_.bind(arguments_[0], x_data), primitive_.bind(arguments_[1], w_data),
        primitive_.bind(arguments_[2], y_data);
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
  // The residual is read by the kernel itself where its code generator can, else y starts as a copy
  // of it.
  void fuse(const MemoryDesc& wx, const MemoryDesc& ww, const MemoryDesc& wy,
            const onednn::ConvGeometry& g, const ConvRoles& r) {
    const MemoryDesc bias = onednn::describe(*r.bias);
    auto describe = [&](bool sums, const MemoryDesc& dx, const MemoryDesc& dw,
                        const MemoryDesc& dy) {
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

}  // namespace

std::unique_ptr<ConvKernel> direct_kernel(const OpCall& call, const ConvRoles& roles) {
  for (bool keep_blocked : {true, false}) try {
      return std::make_unique<DirectKernel>(call, roles, keep_blocked);
    } catch (const dnnl::error&) {  // no kernel for these layouts
    }
  return nullptr;
}

}  // namespace cairn::cpu
