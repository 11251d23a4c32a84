#include <algorithm>
#include <cmath>
#include <numeric>

#include "cairn/backend/reference/kernels.h"
#include "cairn/ops/interpolate.h"

namespace cairn::reference {
namespace {

// The lines along an axis: visit(flat index of the first element, distance between elements, number
// of the line).
template <class F>
void each_line(const Shape& shape, int64_t axis, F visit) {
  const int64_t size = shape[axis];
  if (size == 0 || numel(shape) == 0) return;
  int64_t inner = 1;
  for (int d = static_cast<int>(axis) + 1; d < shape.ssize(); ++d) inner *= shape[d];
  for (int64_t line = 0; line < numel(shape) / size; ++line)
    visit(line / inner * inner * size + line % inner, inner, line);
}

template <class T>
void argsort_of(const Call& c) {
  const View x = c.in(0), y = c.out();
  const int64_t axis = c.attrs().integer("axis"), count = c.attrs().integer("count"),
                size = x.shape()[axis];
  const bool descending = c.attrs().integer("descending");
  std::vector<T> values(size);
  std::vector<int64_t> order(size);
  auto before = [&](int64_t i, int64_t j) {  // NaN is the largest; equals keep their order
    const T a = values[i], b = values[j];
    const bool less = b != b ? a == a : a < b, greater = a != a ? b == b : a > b;
    return less == greater ? i < j : descending ? greater : less;
  };
  each_line(x.shape(), axis, [&](int64_t first, int64_t step, int64_t) {
    for (int64_t k = 0; k < size; ++k) values[k] = x.as<T>(first + k * step);
    std::iota(order.begin(), order.end(), int64_t{0});
    std::partial_sort(order.begin(), order.begin() + count, order.end(), before);
    const int64_t to = first / (size * step) * count * step + first % (size * step);
    for (int64_t k = 0; k < count; ++k) y.set_integer(to + k * step, order[k]);
  });
}

void argsort(const Call& c) { (c.in(0).integers() ? argsort_of<int64_t> : argsort_of<double>)(c); }

// NaN lies above all numbers, and all elements below a NaN.
void searchsorted(const Call& c) {
  const View sequence = c.in(0), values = c.in(1), y = c.out();
  const bool right = c.attrs().integer("right");
  const int64_t n = sequence.shape().back(), m = values.shape().empty() ? 1 : values.shape().back();
  const bool integers = is_integer(c.op.dtype());
  for (int64_t i = 0; i < values.count(); ++i) {
    const int64_t first = sequence.shape().size() == 1 ? 0 : i / m * n;
    int64_t below = 0;
    for (int64_t k = first; k < first + n; ++k) {
      if (integers) {
        const int64_t e = sequence.get_integer(k), v = values.get_integer(i);
        below += right ? e <= v : e < v;
      } else {
        const double e = sequence.get(k), v = values.get(i);
        below += std::isnan(v) || (right ? e <= v : e < v);
      }
    }
    y.set_integer(i, below);
  }
}

std::vector<std::vector<Tap>> taps_of(const Call& c) {
  const Attrs& a = c.attrs();
  return resample_taps({a.text("mode"), a.integer("from"), a.integer("to"),
                        a.integer("align_corners") != 0, a.number("scale")});
}
void resample(const Call& c) {
  const View x = c.in(0), y = c.out();
  const auto taps = taps_of(c);
  const int64_t axis = c.attrs().integer("axis"), from = c.attrs().integer("from"),
                to = c.attrs().integer("to");
  each_line(y.shape(), axis, [&](int64_t first, int64_t step, int64_t) {
    const int64_t source = first / (to * step) * from * step + first % (to * step);
    for (int64_t o = 0; o < to; ++o) {
      double sum = 0;
      for (const Tap& tap : taps[o]) sum += tap.weight * x.get(source + tap.index * step);
      y.set(first + o * step, sum);
    }
  });
}
void resample_back(const Call& c) {
  const View g = c.in(0), gx = c.out();
  const auto taps = taps_of(c);
  const int64_t axis = c.attrs().integer("axis"), from = c.attrs().integer("from"),
                to = c.attrs().integer("to");
  std::vector<double> sums(gx.count(), 0);
  each_line(g.shape(), axis, [&](int64_t first, int64_t step, int64_t) {
    const int64_t source = first / (to * step) * from * step + first % (to * step);
    for (int64_t o = 0; o < to; ++o)
      for (const Tap& tap : taps[o])
        sums[source + tap.index * step] += tap.weight * g.get(first + o * step);
  });
  for (int64_t i = 0; i < gx.count(); ++i) gx.set(i, sums[i]);
}

const Row kRows[] = {{"argsort", argsort},
                     {"searchsorted", searchsorted},
                     {"resample", resample},
                     {"resample_back", resample_back}};

}  // namespace

std::span<const Row> sort_kernels() { return kRows; }

}  // namespace cairn::reference
