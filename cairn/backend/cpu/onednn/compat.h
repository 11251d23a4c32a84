// All that depends on the version of oneDNN (2.6 and 3.x): making primitive descriptors and memory
// descriptors. Everything always asks for a user scratchpad.
#pragma once
#include <dnnl.hpp>
#include <vector>

#include "cairn/backend/cpu/onednn/trusted.h"
#include "cairn/tensor/layout.h"

namespace cairn::cpu::onednn {

using Dims = dnnl::memory::dims;
using MemoryDesc = dnnl::memory::desc;

struct ConvGeometry {
  Dims stride, dilation, pad_begin, pad_end;  // dilation: 0 is dense, as oneDNN counts
};

inline dnnl::primitive_attr user_scratchpad() {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attr;
}

inline bool has_isa(dnnl::cpu_isa wanted) {
  const int have = static_cast<int>(dnnl::get_effective_cpu_isa()), bits = static_cast<int>(wanted);
  return (have & bits) == bits;
}

#if DNNL_VERSION_MAJOR >= 3

inline auto conv_forward(const dnnl::engine& e, const MemoryDesc& x, const MemoryDesc& w,
                         const MemoryDesc& y, const ConvGeometry& g) {
  return trusted(dnnl::convolution_forward::primitive_desc(
      e, dnnl::prop_kind::forward_training, dnnl::algorithm::convolution_direct, x, w, y, g.stride,
      g.dilation, g.pad_begin, g.pad_end, user_scratchpad()));
}
inline auto conv_fused(const dnnl::engine& e, const MemoryDesc& x, const MemoryDesc& w,
                       const MemoryDesc& bias, const MemoryDesc& y, const ConvGeometry& g,
                       const dnnl::primitive_attr& attr) {
  return trusted(dnnl::convolution_forward::primitive_desc(
      e, dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct, x, w, bias, y,
      g.stride, g.dilation, g.pad_begin, g.pad_end, attr));
}
inline auto conv_backward_data(const dnnl::engine& e, const MemoryDesc& dx, const MemoryDesc& w,
                               const MemoryDesc& dy, const ConvGeometry& g,
                               const MemoryDesc& hint_x, const MemoryDesc& hint_w,
                               const MemoryDesc& hint_y) {
  return trusted(dnnl::convolution_backward_data::primitive_desc(
      e, dnnl::algorithm::convolution_direct, dx, w, dy, g.stride, g.dilation, g.pad_begin,
      g.pad_end, conv_forward(e, hint_x, hint_w, hint_y, g), user_scratchpad()));
}
inline auto conv_backward_weights(const dnnl::engine& e, const MemoryDesc& x, const MemoryDesc& dw,
                                  const MemoryDesc& dy, const ConvGeometry& g,
                                  const MemoryDesc& hint_x, const MemoryDesc& hint_w,
                                  const MemoryDesc& hint_y) {
  return trusted(dnnl::convolution_backward_weights::primitive_desc(
      e, dnnl::algorithm::convolution_direct, x, dw, dy, g.stride, g.dilation, g.pad_begin,
      g.pad_end, conv_forward(e, hint_x, hint_w, hint_y, g), user_scratchpad()));
}
inline auto matmul(const dnnl::engine& e, const MemoryDesc& a, const MemoryDesc& b,
                   const MemoryDesc& y) {
  return dnnl::matmul::primitive_desc(e, a, b, y, user_scratchpad());
}

#else

inline auto conv_forward(const dnnl::engine& e, const MemoryDesc& x, const MemoryDesc& w,
                         const MemoryDesc& y, const ConvGeometry& g) {
  const dnnl::convolution_forward::desc d(dnnl::prop_kind::forward_training,
                                          dnnl::algorithm::convolution_direct, x, w, y, g.stride,
                                          g.dilation, g.pad_begin, g.pad_end);
  return trusted(dnnl::convolution_forward::primitive_desc(d, user_scratchpad(), e));
}
inline auto conv_fused(const dnnl::engine& e, const MemoryDesc& x, const MemoryDesc& w,
                       const MemoryDesc& bias, const MemoryDesc& y, const ConvGeometry& g,
                       const dnnl::primitive_attr& attr) {
  const dnnl::convolution_forward::desc d(dnnl::prop_kind::forward_inference,
                                          dnnl::algorithm::convolution_direct, x, w, bias, y,
                                          g.stride, g.dilation, g.pad_begin, g.pad_end);
  return trusted(dnnl::convolution_forward::primitive_desc(d, attr, e));
}
inline auto conv_backward_data(const dnnl::engine& e, const MemoryDesc& dx, const MemoryDesc& w,
                               const MemoryDesc& dy, const ConvGeometry& g,
                               const MemoryDesc& hint_x, const MemoryDesc& hint_w,
                               const MemoryDesc& hint_y) {
  const dnnl::convolution_backward_data::desc d(dnnl::algorithm::convolution_direct, dx, w, dy,
                                                g.stride, g.dilation, g.pad_begin, g.pad_end);
  return trusted(dnnl::convolution_backward_data::primitive_desc(
      d, user_scratchpad(), e, conv_forward(e, hint_x, hint_w, hint_y, g)));
}
inline auto conv_backward_weights(const dnnl::engine& e, const MemoryDesc& x, const MemoryDesc& dw,
                                  const MemoryDesc& dy, const ConvGeometry& g,
                                  const MemoryDesc& hint_x, const MemoryDesc& hint_w,
                                  const MemoryDesc& hint_y) {
  const dnnl::convolution_backward_weights::desc d(dnnl::algorithm::convolution_direct, x, dw, dy,
                                                   g.stride, g.dilation, g.pad_begin, g.pad_end);
  return trusted(dnnl::convolution_backward_weights::primitive_desc(
      d, user_scratchpad(), e, conv_forward(e, hint_x, hint_w, hint_y, g)));
}
inline auto matmul(const dnnl::engine& e, const MemoryDesc& a, const MemoryDesc& b,
                   const MemoryDesc& y) {
  return dnnl::matmul::primitive_desc(dnnl::matmul::desc(a, b, y), user_scratchpad(), e);
}

#endif

}  // namespace cairn::cpu::onednn
