// Winograd's transforms of one tile, all channels of a vector at once.
//
// F(m, 3) computes m outputs of a 3-tap correlation from m + 2 products: y = A'[(G g) . (B' d)],
// where row p of G evaluates the filter at a point (0, 1, -1, 2, -2, infinity). An edge of the
// image that leaves r < m outputs needs only r + 2 products; if it uses a subset of the same
// points, it can use the same transformed filter. Minimal<F, m> is that family: the points and
// scales of form F, m outputs. So edge tiles of any size mix freely with whole ones and no
// product is spent on outputs that do not exist.
#if defined(CAIRN_WINOGRAD_TRANSFORM_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CAIRN_WINOGRAD_TRANSFORM_INL_H_
#undef CAIRN_WINOGRAD_TRANSFORM_INL_H_
#else
#define CAIRN_WINOGRAD_TRANSFORM_INL_H_
#endif

#include <cstdint>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace cairn::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

template <class V>
HWY_INLINE HWY_ATTR V times(float scale, V x) {
  return hn::Mul(hn::Set(hn::DFromV<V>(), scale), x);
}
template <class V>
HWY_INLINE HWY_ATTR V plus_times(V y, float scale, V x) {  // y + scale * x
  return hn::MulAdd(hn::Set(hn::DFromV<V>(), scale), x, y);
}
template <class V>
HWY_INLINE HWY_ATTR V minus_times(V y, float scale, V x) {  // y - scale * x
  return hn::NegMulAdd(hn::Set(hn::DFromV<V>(), scale), x, y);
}

// F(kTile x kTile, kTaps x kTaps).
template <int kTileSize, int kTapCount>
struct Form {
  static constexpr int kTile = kTileSize, kTaps = kTapCount, kPoints = kTile + kTaps - 1;
};
using F4x3 = Form<4, 3>;
using F2x3 = Form<2, 3>;
using F4x2 = Form<4, 2>;

template <class F, int m>
struct Minimal;

// Points 0, 1, -1, 2, -2, infinity.
template <>
struct Minimal<F4x3, 4> {
  template <class V>
  static HWY_INLINE HWY_ATTR void input(const V* d, V* v) {  // B' d
    const V odd = minus_times(d[3], 4, d[1]), even = minus_times(d[4], 4, d[2]);
    const V odd2 = hn::Sub(d[3], d[1]), even2 = hn::Sub(d[4], d[2]);
    v[0] = plus_times(minus_times(d[4], 5, d[2]), 4, d[0]);
    v[1] = hn::Add(even, odd);
    v[2] = hn::Sub(even, odd);
    v[3] = plus_times(even2, 2, odd2);
    v[4] = minus_times(even2, 2, odd2);
    v[5] = plus_times(minus_times(d[5], 5, d[3]), 4, d[1]);
  }
  template <class V>
  static HWY_INLINE HWY_ATTR void output(const V* q, V* y) {  // A' q
    const V sum1 = hn::Add(q[1], q[2]), diff1 = hn::Sub(q[1], q[2]);
    const V sum2 = hn::Add(q[3], q[4]), diff2 = hn::Sub(q[3], q[4]);
    y[0] = hn::Add(q[0], hn::Add(sum1, sum2));
    y[1] = plus_times(diff1, 2, diff2);
    y[2] = plus_times(sum1, 4, sum2);
    y[3] = hn::Add(plus_times(diff1, 8, diff2), q[5]);
  }
  template <class V>
  static HWY_INLINE HWY_ATTR void gradient(const V* y, V* q) {  // A y
    const V even = hn::Add(y[0], y[2]), odd = hn::Add(y[1], y[3]);
    const V even2 = plus_times(y[0], 4, y[2]), odd2 = plus_times(hn::Add(y[1], y[1]), 8, y[3]);
    q[0] = y[0];
    q[1] = hn::Add(even, odd);
    q[2] = hn::Sub(even, odd);
    q[3] = hn::Add(even2, odd2);
    q[4] = hn::Sub(even2, odd2);
    q[5] = y[3];
  }
};

template <>
struct Minimal<F4x3, 3> {  // without -2
  template <class V>
  static HWY_INLINE HWY_ATTR void input(const V* d, V* v) {
    const V rest = hn::Sub(d[3], d[2]);
    v[0] =
        plus_times(plus_times(times(2, d[3]), -4, d[2]), 2, minus_times(times(2, d[0]), 1, d[1]));
    v[1] = minus_times(times(3, rest), 6, d[1]);
    v[2] = plus_times(minus_times(d[3], 3, d[2]), 2, d[1]);
    v[3] = times(4, hn::Sub(d[3], d[1]));
    v[4] = hn::Sub(plus_times(minus_times(d[4], 2, d[3]), 2, d[1]), d[2]);
  }
  template <class V>
  static HWY_INLINE HWY_ATTR void output(const V* q, V* y) {
    const V sum = hn::Add(q[1], q[2]), difference = hn::Sub(q[1], q[2]);
    y[0] = hn::Add(hn::Add(q[0], sum), q[3]);
    y[1] = plus_times(difference, 2, q[3]);
    y[2] = hn::Add(plus_times(sum, 4, q[3]), q[4]);
  }
  template <class V>
  static HWY_INLINE HWY_ATTR void gradient(const V* y, V* q) {
    const V even = hn::Add(y[0], y[2]);
    q[0] = y[0];
    q[1] = hn::Add(even, y[1]);
    q[2] = hn::Sub(even, y[1]);
    q[3] = plus_times(plus_times(y[0], 2, y[1]), 4, y[2]);
    q[4] = y[2];
  }
};

template <>
struct Minimal<F4x3, 2> {  // without 2, -2
  template <class V>
  static HWY_INLINE HWY_ATTR void input(const V* d, V* v) {
    v[0] = times(4, hn::Sub(d[0], d[2]));
    v[1] = times(-3, hn::Add(d[1], d[2]));
    v[2] = times(3, hn::Sub(d[1], d[2]));
    v[3] = hn::Sub(d[3], d[1]);
  }
  template <class V>
  static HWY_INLINE HWY_ATTR void output(const V* q, V* y) {
    y[0] = hn::Add(q[0], hn::Add(q[1], q[2]));
    y[1] = hn::Add(hn::Sub(q[1], q[2]), q[3]);
  }
  template <class V>
  static HWY_INLINE HWY_ATTR void gradient(const V* y, V* q) {
    q[0] = y[0];
    q[1] = hn::Add(y[0], y[1]);
    q[2] = hn::Sub(y[0], y[1]);
    q[3] = y[1];
  }
};

template <>
struct Minimal<F4x3, 1> {  // 0, 1, infinity
  template <class V>
  static HWY_INLINE HWY_ATTR void input(const V* d, V* v) {
    v[0] = times(4, hn::Sub(d[0], d[1]));
    v[1] = times(-6, d[1]);
    v[2] = hn::Sub(d[2], d[1]);
  }
  template <class V>
  static HWY_INLINE HWY_ATTR void output(const V* q, V* y) {
    y[0] = hn::Add(q[0], hn::Add(q[1], q[2]));
  }
  template <class V>
  static HWY_INLINE HWY_ATTR void gradient(const V* y, V* q) {
    q[0] = q[1] = q[2] = y[0];
  }
};

// Points 0, 1, -1, infinity: as F(4, 3) without 2 and -2, but for the scales of the inputs.
template <>
struct Minimal<F2x3, 2> : Minimal<F4x3, 2> {
  template <class V>
  static HWY_INLINE HWY_ATTR void input(const V* d, V* v) {
    v[0] = hn::Sub(d[0], d[2]);
    v[1] = hn::Add(d[1], d[2]);
    v[2] = hn::Sub(d[2], d[1]);
    v[3] = hn::Sub(d[3], d[1]);
  }
};

template <>
struct Minimal<F2x3, 1> : Minimal<F4x3, 1> {
  template <class V>
  static HWY_INLINE HWY_ATTR void input(const V* d, V* v) {
    v[0] = hn::Sub(d[0], d[1]);
    v[1] = hn::Add(d[1], d[1]);
    v[2] = hn::Sub(d[2], d[1]);
  }
};

// Two taps: points 0, 1, -1, 2, infinity with the scales of F(4, 3), so that inputs are transformed
// as there for one output less.
template <>
struct Minimal<F4x2, 4> : Minimal<F4x3, 3> {
  template <class V>
  static HWY_INLINE HWY_ATTR void output(const V* q, V* y) {
    const V sum = hn::Add(q[1], q[2]), difference = hn::Sub(q[1], q[2]);
    y[0] = hn::Add(hn::Add(q[0], sum), q[3]);
    y[1] = plus_times(difference, 2, q[3]);
    y[2] = plus_times(sum, 4, q[3]);
    y[3] = hn::Add(plus_times(difference, 8, q[3]), q[4]);
  }
  template <class V>
  static HWY_INLINE HWY_ATTR void gradient(const V* y, V* q) {
    const V even = hn::Add(y[0], y[2]), odd = hn::Add(y[1], y[3]);
    q[0] = y[0];
    q[1] = hn::Add(even, odd);
    q[2] = hn::Sub(even, odd);
    q[3] = plus_times(plus_times(y[0], 2, y[1]), 4, plus_times(y[2], 2, y[3]));
    q[4] = y[3];
  }
};

template <>
struct Minimal<F4x2, 3> : Minimal<F4x3, 2> {
  template <class V>
  static HWY_INLINE HWY_ATTR void output(const V* q, V* y) {
    const V sum = hn::Add(q[1], q[2]);
    y[0] = hn::Add(q[0], sum);
    y[1] = hn::Sub(q[1], q[2]);
    y[2] = hn::Add(sum, q[3]);
  }
  template <class V>
  static HWY_INLINE HWY_ATTR void gradient(const V* y, V* q) {
    const V even = hn::Add(y[0], y[2]);
    q[0] = y[0];
    q[1] = hn::Add(even, y[1]);
    q[2] = hn::Sub(even, y[1]);
    q[3] = y[2];
  }
};

template <>
struct Minimal<F4x2, 2> : Minimal<F4x3, 1> {
  template <class V>
  static HWY_INLINE HWY_ATTR void output(const V* q, V* y) {
    y[0] = hn::Add(q[0], q[1]);
    y[1] = hn::Add(q[1], q[2]);
  }
  template <class V>
  static HWY_INLINE HWY_ATTR void gradient(const V* y, V* q) {
    q[0] = y[0];
    q[1] = hn::Add(y[0], y[1]);
    q[2] = y[1];
  }
};

template <>
struct Minimal<F4x2, 1> {  // 0, infinity
  template <class V>
  static HWY_INLINE HWY_ATTR void input(const V* d, V* v) {
    v[0] = times(4, d[0]);
    v[1] = d[1];
  }
  template <class V>
  static HWY_INLINE HWY_ATTR void output(const V* q, V* y) {
    y[0] = hn::Add(q[0], q[1]);
  }
  template <class V>
  static HWY_INLINE HWY_ATTR void gradient(const V* y, V* q) {
    q[0] = q[1] = y[0];
  }
};

// What a tile goes through, as types, so that the routines below apply any of them in two
// dimensions: a step takes values_in(m) to values_out(m); from and to say where value i stands in
// the grid that is read or written. Of the points of the form, m outputs use the first ones and the
// last, infinity.
template <class F>
struct Points {
  static constexpr int count(int m) { return m + F::kTaps - 1; }
  static constexpr int at(int m, int i) { return i < count(m) - 1 ? i : F::kPoints - 1; }
};
template <class F>
struct InputStep {
  using Family = F;
  static constexpr int values_in(int m) { return Points<F>::count(m); }
  static constexpr int values_out(int m) { return Points<F>::count(m); }
  static constexpr int from(int, int i) { return i; }
  static constexpr int to(int m, int i) { return Points<F>::at(m, i); }
  template <int m, class V>
  static HWY_INLINE HWY_ATTR void apply(const V* in, V* out) {
    Minimal<F, m>::input(in, out);
  }
};
template <class F>
struct OutputStep {
  using Family = F;
  static constexpr int values_in(int m) { return Points<F>::count(m); }
  static constexpr int values_out(int m) { return m; }
  static constexpr int from(int m, int i) { return Points<F>::at(m, i); }
  static constexpr int to(int, int i) { return i; }
  template <int m, class V>
  static HWY_INLINE HWY_ATTR void apply(const V* in, V* out) {
    Minimal<F, m>::output(in, out);
  }
};
template <class F>
struct GradientStep {
  using Family = F;
  static constexpr int values_in(int m) { return m; }
  static constexpr int values_out(int m) { return Points<F>::count(m); }
  static constexpr int from(int, int i) { return i; }
  static constexpr int to(int m, int i) { return Points<F>::at(m, i); }
  template <int m, class V>
  static HWY_INLINE HWY_ATTR void apply(const V* in, V* out) {
    Minimal<F, m>::gradient(in, out);
  }
};

constexpr int kMostPoints = 6;

// Where a tile is read: grid position (y, x) at `at` + y * row + x * column.
struct WholeGrid {
  const float* at;
  int64_t row, column;
  static constexpr bool has(int) { return true; }
  HWY_INLINE const float* operator()(int y, int x) const { return at + y * row + x * column; }
};

// The same where the tile sticks out of the image: rows outside point to zeros, columns outside
// [first, last) are not there.
struct BorderGrid {
  const float* rows[kMostPoints];
  int64_t column;
  int first, last;
  bool has(int x) const { return x >= first && x < last; }
  HWY_INLINE const float* operator()(int y, int x) const { return rows[y] + x * column; }
};

// Along y: m outputs, each column of a tile that is `columns` outputs wide.
template <class Step, int m, class D, class Grid>
HWY_INLINE HWY_ATTR void pass_down(D d, int columns, const Grid& in,
                                   hn::Vec<D> (*middle)[kMostPoints]) {
  constexpr int kIn = Step::values_in(m), kOut = Step::values_out(m);
  const int width = Step::values_in(columns);
  for (int x = 0; x < width; ++x) {
    hn::Vec<D> from[kMostPoints], to[kMostPoints];
    if (!in.has(x)) {
#pragma GCC unroll 8
      for (int y = 0; y < kOut; ++y) middle[y][x] = hn::Zero(d);
      continue;
    }
    const int at = Step::from(columns, x);
#pragma GCC unroll 8
    for (int y = 0; y < kIn; ++y) from[y] = hn::LoadU(d, in(Step::from(m, y), at));
    Step::template apply<m>(from, to);
#pragma GCC unroll 8
    for (int y = 0; y < kOut; ++y) middle[y][x] = to[y];
  }
}

// Along x: m outputs; put(y, x, vector) stores result (y, x).
template <class Step, int m, class V, class Put>
HWY_INLINE HWY_ATTR void pass_right(int rows, const V (*middle)[kMostPoints], const Put& put) {
  constexpr int kOut = Step::values_out(m);
  const int height = Step::values_out(rows);
  for (int y = 0; y < height; ++y) {
    V to[kMostPoints];
    Step::template apply<m>(middle[y], to);
#pragma GCC unroll 8
    for (int x = 0; x < kOut; ++x) put(Step::to(rows, y), Step::to(m, x), to[x]);
  }
}

template <class Step, class D, class Grid, class Put>
HWY_NOINLINE HWY_ATTR void transform_edge(D d, int rows, int columns, const Grid& in,
                                          const Put& put) {
  constexpr int kTile = Step::Family::kTile;
  hn::Vec<D> middle[kMostPoints][kMostPoints];
  if constexpr (kTile == 4) {
    if (rows == 4) pass_down<Step, 4>(d, columns, in, middle);
    if (rows == 3) pass_down<Step, 3>(d, columns, in, middle);
  }
  if (rows == 2) pass_down<Step, 2>(d, columns, in, middle);
  if (rows == 1) pass_down<Step, 1>(d, columns, in, middle);
  if constexpr (kTile == 4) {
    if (columns == 4) pass_right<Step, 4>(rows, middle, put);
    if (columns == 3) pass_right<Step, 3>(rows, middle, put);
  }
  if (columns == 2) pass_right<Step, 2>(rows, middle, put);
  if (columns == 1) pass_right<Step, 1>(rows, middle, put);
}

// Transforms a tile of rows x columns outputs.
template <class Step, class D, class Grid, class Put>
HWY_INLINE HWY_ATTR void transform_tile(D d, int rows, int columns, const Grid& in,
                                        const Put& put) {
  constexpr int kTile = Step::Family::kTile;
  if (rows != kTile || columns != kTile) return transform_edge<Step>(d, rows, columns, in, put);
  hn::Vec<D> middle[kMostPoints][kMostPoints];
  pass_down<Step, kTile>(d, kTile, in, middle);
  pass_right<Step, kTile>(kTile, middle, put);
}

}  // namespace HWY_NAMESPACE
}  // namespace cairn::cpu
HWY_AFTER_NAMESPACE();

#endif
