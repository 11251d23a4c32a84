#include <algorithm>
#include <cmath>

#include "cairn/backend/reference/kernels.h"

namespace cairn::reference {
namespace {

// Visits the input places of the window of each output: visit(output flat, input place) with
// padded places left out; `start(output flat, places in the window, padding included)` first: what
// a window of ceil_mode has beyond the padding is none.
template <class S, class F>
void each_window(const Call& c, const Shape& x, const Shape& y, S start, F visit) {
  const Ints &kernel = c.attrs().ints("kernel"), &stride = c.attrs().ints("stride"),
             &pads = c.attrs().ints("pads");
  const Ints dense(kernel.size(), 1),
      &dilation = c.attrs().has("dilation") ? c.attrs().ints("dilation") : dense;
  if (numel(y) == 0) return;
  Ints out(y.size(), 0);
  int64_t flat = 0;
  do {
    int64_t places = 1;
    for (size_t d = 0; d < kernel.size(); ++d) {
      const int64_t first = out[d + 2] * stride[d] - pads[d];
      places *= std::min(first + kernel[d], x[d + 2] + pads[d]) - first;
    }
    start(flat, places);
    Ints k(kernel.size(), 0);
    do {
      Ints in = out;
      bool inside = true;
      for (size_t d = 0; d < kernel.size(); ++d) {
        in[d + 2] = out[d + 2] * stride[d] - pads[d] + k[d] * dilation[d];
        inside &= in[d + 2] >= 0 && in[d + 2] < x[d + 2];
      }
      if (inside) visit(flat, in);
    } while (next(k, kernel));
    ++flat;
  } while (next(out, y));
}

int64_t spatial_index(const Ints& place, const Shape& x) {
  int64_t flat = 0;
  for (size_t d = 2; d < x.size(); ++d) flat = flat * x[d] + place[d];
  return flat;
}

void max_pool(const Call& c) {
  const View x = c.in(0), y = c.out(0), index = c.out(1);
  each_window(
      c, x.shape(), y.shape(),
      [&](int64_t o, int64_t) { y.set(o, -INFINITY), index.set_integer(o, -1); },
      [&](int64_t o, const Ints& in) {
        const double value = x.get(in);
        if (index.get_integer(o) >= 0 && !(value > y.get(o)) &&
            !(std::isnan(value) && !std::isnan(y.get(o))))
          return;
        y.set(o, value), index.set_integer(o, spatial_index(in, x.shape()));
      });
}

// Visits (flat output of the pool, flat place in the input that its index names).
template <class F>
void each_index(const View& index, const Shape& x, F visit) {
  int64_t plane = 1, windows = 1;
  for (size_t d = 2; d < x.size(); ++d) plane *= x[d], windows *= index.shape()[d];
  for (int64_t o = 0; o < index.count(); ++o) visit(o, o / windows * plane + index.get_integer(o));
}
void max_pool_scatter(const Call& c) {
  const View g = c.in(0), index = c.in(1), gx = c.out();
  std::vector<double> sums(gx.count(), 0);
  each_index(index, gx.shape(), [&](int64_t o, int64_t i) { sums[i] += g.get(o); });
  for (int64_t i = 0; i < gx.count(); ++i) gx.set(i, sums[i]);
}
void max_pool_pick(const Call& c) {
  const View x = c.in(0), index = c.in(1), y = c.out();
  each_index(index, x.shape(), [&](int64_t o, int64_t i) { y.set(o, x.get(i)); });
}

// How many places each window's mean is over.
std::vector<double> window_sizes(const Call& c, const Shape& x, const Shape& y) {
  std::vector<double> all(numel(y), 0), inside(numel(y), 0);
  each_window(
      c, x, y, [&](int64_t o, int64_t n) { all[o] = static_cast<double>(n); },
      [&](int64_t o, const Ints&) { inside[o] += 1; });
  if (const int64_t divisor = c.attrs().integer_or("divisor", 0))
    return std::vector<double>(all.size(), static_cast<double>(divisor));
  for (double& n : inside) n = std::max(1.0, n);  // a window of padding alone
  return c.attrs().integer("count_padding") ? all : inside;
}
void avg_pool(const Call& c) {
  const View x = c.in(0), y = c.out();
  const auto sizes = window_sizes(c, x.shape(), y.shape());
  std::vector<double> sums(y.count(), 0);
  each_window(
      c, x.shape(), y.shape(), [](int64_t, int64_t) {},
      [&](int64_t o, const Ints& in) { sums[o] += x.get(in); });
  for (int64_t o = 0; o < y.count(); ++o) y.set(o, sums[o] / sizes[o]);
}
void avg_pool_spread(const Call& c) {
  const View g = c.in(0), gx = c.out();
  const auto sizes = window_sizes(c, gx.shape(), g.shape());
  std::vector<double> sums(gx.count(), 0);
  each_window(
      c, gx.shape(), g.shape(), [](int64_t, int64_t) {},
      [&](int64_t o, const Ints& in) { sums[flat_index(in, gx.shape())] += g.get(o) / sizes[o]; });
  for (int64_t i = 0; i < gx.count(); ++i) gx.set(i, sums[i]);
}

const Row kRows[] = {{"max_pool", max_pool},
                     {"max_pool_scatter", max_pool_scatter},
                     {"max_pool_pick", max_pool_pick},
                     {"avg_pool", avg_pool},
                     {"avg_pool_spread", avg_pool_spread}};

}  // namespace

std::span<const Row> pool_kernels() { return kRows; }

}  // namespace cairn::reference
