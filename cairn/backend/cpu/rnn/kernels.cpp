#include "cairn/backend/cpu/rnn/kernels.h"

#include "cairn/backend/cpu/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cairn/backend/cpu/rnn/kernels.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "cairn/backend/cpu/rnn/gates-inl.h"

HWY_BEFORE_NAMESPACE();
namespace cairn::cpu::rnn::HWY_NAMESPACE {

using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;
constexpr int64_t kLanes = HWY_LANES(float);

void lstm_forward(const ForwardRow& row) {
  const D d;
  for (int64_t j = 0; j < row.count; j += kLanes) {
    float* gate = row.gates + j;
    const int64_t s = row.gate_stride;
    const V i = sigmoid(d, hn::LoadU(d, gate)), f = sigmoid(d, hn::LoadU(d, gate + s));
    const V g = hyperbolic_tangent(d, hn::LoadU(d, gate + 2 * s));
    const V o = sigmoid(d, hn::LoadU(d, gate + 3 * s));
    const V c = hn::MulAdd(f, hn::LoadU(d, row.c + j), hn::Mul(i, g));
    hn::StoreU(i, d, gate);
    hn::StoreU(f, d, gate + s);
    hn::StoreU(g, d, gate + 2 * s);
    hn::StoreU(o, d, gate + 3 * s);
    hn::StoreU(c, d, row.c + j);
    if (row.c_saved) hn::StoreU(c, d, row.c_saved + j);
    hn::StoreU(hn::Mul(o, hyperbolic_tangent(d, c)), d, row.h + j);
  }
}

void gru_forward(const ForwardRow& row) {
  const D d;
  for (int64_t j = 0; j < row.count; j += kLanes) {
    float* gate = row.gates + j;
    const int64_t s = row.gate_stride;
    const V r = sigmoid(d, hn::LoadU(d, gate)), z = sigmoid(d, hn::LoadU(d, gate + s));
    const V q = hn::LoadU(d, gate + 3 * s);
    const V n = hyperbolic_tangent(d, hn::MulAdd(r, q, hn::LoadU(d, gate + 2 * s)));
    hn::StoreU(r, d, gate);
    hn::StoreU(z, d, gate + s);
    hn::StoreU(n, d, gate + 2 * s);
    const V h_previous = hn::LoadU(d, row.h_previous + j);
    hn::StoreU(hn::MulAdd(z, hn::Sub(h_previous, n), n), d, row.h + j);
  }
}

template <bool kRelu>
void vanilla_forward(const ForwardRow& row) {
  const D d;
  for (int64_t j = 0; j < row.count; j += kLanes) {
    const V x = hn::LoadU(d, row.gates + j);
    hn::StoreU(kRelu ? hn::IfThenZeroElse(hn::Le(x, hn::Zero(d)), x) : hyperbolic_tangent(d, x), d,
               row.h + j);
  }
}

// y (1 - y) and 1 - y^2: derivatives of sigmoid and tanh by their values.
HWY_INLINE V sigmoid_slope(V y) { return hn::NegMulAdd(y, y, y); }
HWY_INLINE V tanh_slope(V y) { return hn::NegMulAdd(y, y, hn::Set(D(), 1.0f)); }

void lstm_backward(const BackwardRow& row) {
  const D d;
  for (int64_t j = 0; j < row.count; j += kLanes) {
    const float* gate = row.gates + j;
    float* dgate = row.dgates + j;
    const int64_t s = row.gate_stride;
    const V i = hn::LoadU(d, gate), f = hn::LoadU(d, gate + s);
    const V g = hn::LoadU(d, gate + 2 * s), o = hn::LoadU(d, gate + 3 * s);
    const V tanh_c = hyperbolic_tangent(d, hn::LoadU(d, row.c + j));
    const V dh = hn::Add(hn::LoadU(d, row.dh + j), hn::LoadU(d, row.dy + j));
    const V dc = hn::MulAdd(hn::Mul(dh, o), tanh_slope(tanh_c), hn::LoadU(d, row.dc + j));
    const V c_previous = hn::LoadU(d, row.c_previous + j);
    hn::StoreU(hn::Mul(hn::Mul(dc, g), sigmoid_slope(i)), d, dgate);
    hn::StoreU(hn::Mul(hn::Mul(dc, c_previous), sigmoid_slope(f)), d, dgate + s);
    hn::StoreU(hn::Mul(hn::Mul(dc, i), tanh_slope(g)), d, dgate + 2 * s);
    hn::StoreU(hn::Mul(hn::Mul(dh, tanh_c), sigmoid_slope(o)), d, dgate + 3 * s);
    hn::StoreU(hn::Mul(dc, f), d, row.dc + j);
    hn::StoreU(hn::Zero(d), d, row.dh + j);
  }
}

void gru_backward(const BackwardRow& row) {
  const D d;
  for (int64_t j = 0; j < row.count; j += kLanes) {
    const float* gate = row.gates + j;
    float* dgate = row.dgates + j;
    const int64_t s = row.gate_stride;
    const V r = hn::LoadU(d, gate), z = hn::LoadU(d, gate + s);
    const V n = hn::LoadU(d, gate + 2 * s), q = hn::LoadU(d, gate + 3 * s);
    const V dh = hn::Add(hn::LoadU(d, row.dh + j), hn::LoadU(d, row.dy + j));
    const V h_previous = hn::LoadU(d, row.h_previous + j);
    const V dn = hn::Mul(hn::NegMulAdd(dh, z, dh), tanh_slope(n));
    hn::StoreU(dn, d, dgate);
    hn::StoreU(hn::Mul(hn::Mul(dn, q), sigmoid_slope(r)), d, dgate + s);
    hn::StoreU(hn::Mul(hn::Mul(dh, hn::Sub(h_previous, n)), sigmoid_slope(z)), d, dgate + 2 * s);
    hn::StoreU(hn::Mul(dn, r), d, dgate + 3 * s);
    hn::StoreU(hn::Mul(dh, z), d, row.dh + j);
  }
}

template <bool kRelu>
void vanilla_backward(const BackwardRow& row) {
  const D d;
  for (int64_t j = 0; j < row.count; j += kLanes) {
    const V dh = hn::Add(hn::LoadU(d, row.dh + j), hn::LoadU(d, row.dy + j));
    const V h = hn::LoadU(d, row.h + j);
    const V dgate =
        kRelu ? hn::IfThenElseZero(hn::Gt(h, hn::Zero(d)), dh) : hn::Mul(dh, tanh_slope(h));
    hn::StoreU(dgate, d, row.dgates + j);
    hn::StoreU(hn::Zero(d), d, row.dh + j);
  }
}

void forward_row(RnnCell cell, const ForwardRow& row) {
  switch (cell) {
    case RnnCell::kLstm: return lstm_forward(row);
    case RnnCell::kGru: return gru_forward(row);
    case RnnCell::kTanh: return vanilla_forward<false>(row);
    case RnnCell::kRelu: return vanilla_forward<true>(row);
  }
}

void backward_row(RnnCell cell, const BackwardRow& row) {
  switch (cell) {
    case RnnCell::kLstm: return lstm_backward(row);
    case RnnCell::kGru: return gru_backward(row);
    case RnnCell::kTanh: return vanilla_backward<false>(row);
    case RnnCell::kRelu: return vanilla_backward<true>(row);
  }
}

const CellKernels* table() {
  static const CellKernels kTable = {forward_row, backward_row};
  return &kTable;
}

}  // namespace cairn::cpu::rnn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cairn::cpu::rnn {
HWY_EXPORT(table);

const CellKernels& cell_kernels() { return *HWY_DYNAMIC_DISPATCH(table)(); }

}  // namespace cairn::cpu::rnn
#endif
