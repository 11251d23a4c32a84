#include "cairn/backend/cpu/rnn/kernels.h"

#undef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (HWY_SSSE3 | HWY_SSE4 | HWY_AVX3_DL)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cairn/backend/cpu/rnn/kernels.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "cairn/backend/cpu/rnn/gates-inl.h"
#include "cairn/backend/cpu/rnn/product-inl.h"

HWY_BEFORE_NAMESPACE();
namespace cairn::cpu::rnn::HWY_NAMESPACE {

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
    hn::StoreU(kRelu ? hn::Max(x, hn::Zero(d)) : hyperbolic_tangent(d, x), d, row.h + j);
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
    case RnnCell::kLstm:
      return lstm_forward(row);
    case RnnCell::kGru:
      return gru_forward(row);
    case RnnCell::kTanh:
      return vanilla_forward<false>(row);
    case RnnCell::kRelu:
      return vanilla_forward<true>(row);
  }
}

void backward_row(RnnCell cell, const BackwardRow& row) {
  switch (cell) {
    case RnnCell::kLstm:
      return lstm_backward(row);
    case RnnCell::kGru:
      return gru_backward(row);
    case RnnCell::kTanh:
      return vanilla_backward<false>(row);
    case RnnCell::kRelu:
      return vanilla_backward<true>(row);
  }
}

// Four rows of w, transposed into four columns of a panel: out[k * kPanel + n] = w[n * ld + k]. Returns how
// many k are done.
HWY_INLINE int64_t transpose_four_rows(const float* w, int64_t ld, int64_t depth, float* out) {
  int64_t k = 0;
#if HWY_TARGET != HWY_SCALAR
  const hn::FixedTag<float, 4> d;
  for (; k + 4 <= depth; k += 4, out += 4 * kPanel) {
    const auto a = hn::LoadU(d, w + k), b = hn::LoadU(d, w + ld + k);
    const auto c = hn::LoadU(d, w + 2 * ld + k), e = hn::LoadU(d, w + 3 * ld + k);
    const auto ac = hn::InterleaveLower(d, a, c), be = hn::InterleaveLower(d, b, e);
    const auto ac2 = hn::InterleaveUpper(d, a, c), be2 = hn::InterleaveUpper(d, b, e);
    hn::StoreU(hn::InterleaveLower(d, ac, be), d, out);
    hn::StoreU(hn::InterleaveUpper(d, ac, be), d, out + kPanel);
    hn::StoreU(hn::InterleaveLower(d, ac2, be2), d, out + 2 * kPanel);
    hn::StoreU(hn::InterleaveUpper(d, ac2, be2), d, out + 3 * kPanel);
  }
#endif
  return k;
}

void pack_transposed(const float* w, int64_t ld, int64_t rows, int64_t depth, float* out) {
  int64_t done = 0;
  if (rows == kPanel && kPanel % 4 == 0)
    for (int64_t n = 0; n < kPanel; n += 4) done = transpose_four_rows(w + n * ld, ld, depth, out + n);
  for (int64_t k = done; k < depth; ++k)
    for (int64_t n = 0; n < kPanel; ++n) out[k * kPanel + n] = n < rows ? w[n * ld + k] : 0.0f;
}

// A panel's row of `columns` floats, padded by zeros.
HWY_INLINE void copy_panel_row(const float* from, int64_t columns, float* to) {
  if (columns >= kPanel) {
    const D d;
    hn::StoreU(hn::LoadU(d, from), d, to);
    hn::StoreU(hn::LoadU(d, from + kLanes), d, to + kLanes);
  } else {
    for (int64_t n = 0; n < kPanel; ++n) to[n] = n < columns ? from[n] : 0.0f;
  }
}

void pack_plain(const float* w, int64_t ld, int64_t columns, int64_t depth, float* out) {
  for (int64_t k = 0; k < depth; ++k) copy_panel_row(w + k * ld, columns, out + k * kPanel);
}

void spread_row(const float* row, int64_t columns, float* out, int64_t panel_stride) {
  for (int64_t n = 0; n < columns; n += kPanel, out += panel_stride)
    copy_panel_row(row + n, columns - n, out);
}

void pack_slice(const float* w, int64_t ld, int64_t columns, int64_t depth, float* out,
                float* sums) {
  const D d;
  constexpr int64_t kVectors = (kTileRows + kLanes - 1) / kLanes;
  for (int64_t t = 0, tiles = tile_count(columns); t < tiles; ++t) {
    const int64_t begin = tile_begin(columns, t), height = tile_begin(columns, t + 1) - begin;
    V sum[kVectors];
    for (V& s : sum) s = hn::Zero(d);
    for (int64_t k = 0; k < depth; ++k, out += height)
      for (int64_t v = 0; v * kLanes < height; ++v) {
        const V x = hn::LoadU(d, w + k * ld + begin + v * kLanes);
        sum[v] = hn::Add(sum[v], x);
        hn::StoreU(x, d, out + v * kLanes);  // what is too much, the next row or tile overwrites
      }
    HWY_ALIGN float lanes[kVectors * kLanes];
    for (int64_t v = 0; v < kVectors; ++v) hn::Store(sum[v], d, lanes + v * kLanes);
    std::copy_n(lanes, height, sums + begin);
  }
}

// Row after row, as they lie: rows of a large matrix are pages apart, and nothing prefetches the next ones.
void pack_tiles(const float* w, int64_t ld, int64_t columns, int64_t depth, float* out) {
  constexpr int64_t kMostTiles = kMostTileColumns / kTileRows + 1, kAhead = 8, kLine = 16;
  constexpr int64_t kWritten = (kTileRows + kLanes - 1) / kLanes * kLanes;
  const D d;
  const int64_t tiles = tile_count(columns);
  int64_t begin[kMostTiles + 1];
  float* target[kMostTiles];
  for (int64_t t = 0; t <= tiles; ++t) begin[t] = tile_begin(columns, t);
  for (int64_t t = 0; t < tiles; ++t) target[t] = out + begin[t] * depth;
  for (int64_t k = 0; k < depth; ++k, w += ld) {
    if (k + kAhead < depth)
      for (int64_t i = 0; i < columns; i += kLine) hwy::Prefetch(w + kAhead * ld + i);
    // Tiles that may write past their row: the next rows overwrite it.
    const int64_t whole = (depth - k) * (columns / tiles) >= kWritten ? tiles - 1 : 0;
    for (int64_t t = 0; t < whole; ++t) {
      const int64_t height = begin[t + 1] - begin[t];
      for (int64_t v = 0; v < kTileRows; v += kLanes) hn::StoreU(hn::LoadU(d, w + begin[t] + v), d, target[t] + v);
      target[t] += height;
    }
    for (int64_t t = whole; t < tiles; ++t) target[t] = std::copy_n(w + begin[t], begin[t + 1] - begin[t], target[t]);
  }
}

const Kernels* table() {
  static const Kernels kTable = {kPanel,       kTileRows,       multiply,   forward_row,
                                 backward_row, pack_transposed, pack_plain, spread_row,
                                 pack_slice,   pack_tiles};
  return &kTable;
}

}  // namespace cairn::cpu::rnn::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cairn::cpu::rnn {
HWY_EXPORT(table);

const Kernels& kernels() {
  static const Kernels* const chosen = HWY_DYNAMIC_DISPATCH(table)();
  return *chosen;
}

}  // namespace cairn::cpu::rnn
#endif
