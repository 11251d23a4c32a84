#include <algorithm>
#include <cmath>
#include <limits>

#include "cairn/backend/reference/kernels.h"

namespace cairn::reference {
namespace {

// Calls visit(output flat index, input flat index) for every input element, in row-major order.
template <class F>
void each(const Call& c, F visit) {
  const View x = c.in(0);
  const Ints& axes = c.attrs().ints("axes");
  Shape kept;
  Ints is_reduced(x.shape().size(), 0);
  for (int64_t a : axes) is_reduced[a] = 1;
  if (x.count() == 0) return;
  Ints where(x.shape().size(), 0);
  int64_t i = 0;
  do {
    int64_t out = 0;
    for (size_t d = 0; d < where.size(); ++d)
      if (!is_reduced[d]) out = out * x.shape()[d] + where[d];
    visit(out, i++);
  } while (next(where, x.shape()));
}

template <class F>
void fold(const Call& c, double start, F combine) {
  const View x = c.in(0), y = c.out();
  std::vector<double> sums(static_cast<size_t>(y.count()), start);
  each(c, [&](int64_t o, int64_t i) { sums[o] = combine(sums[o], x.get(i)); });
  for (int64_t i = 0; i < y.count(); ++i) y.set(i, sums[i]);
}
double largest(double a, double b) { return std::isnan(a) || std::isnan(b) ? NAN : std::max(a, b); }
double smallest(double a, double b) {
  return std::isnan(a) || std::isnan(b) ? NAN : std::min(a, b);
}

template <bool kLargest>
void arg(const Call& c) {
  const View x = c.in(0), y = c.out();
  const int64_t axis = c.attrs().ints("axes")[0], size = x.shape()[axis];
  int64_t inner = 1;
  for (int d = static_cast<int>(axis) + 1; d < x.shape().ssize(); ++d) inner *= x.shape()[d];
  for (int64_t o = 0; o < y.count(); ++o) {
    const int64_t base = o / inner * inner * size + o % inner;
    int64_t best = 0;
    for (int64_t k = 1; k < size; ++k) {
      const double a = x.get(base + k * inner), b = x.get(base + best * inner);
      if (std::isnan(b)) break;
      if (std::isnan(a) || (kLargest ? a > b : a < b)) best = k;
    }
    y.set_integer(o, best);
  }
}

template <class F>
void scan(const Call& c, F combine) {
  const View x = c.in(0), y = c.out();
  const int64_t axis = c.attrs().integer("axis");
  if (x.count() == 0) return;
  if (x.shape().empty()) return y.set(int64_t{0}, x.get(int64_t{0}));
  const int64_t size = x.shape()[axis];
  int64_t inner = 1;
  for (int d = static_cast<int>(axis) + 1; d < x.shape().ssize(); ++d) inner *= x.shape()[d];
  for (int64_t o = 0; o < x.count() / size; ++o) {
    const int64_t base = o / inner * inner * size + o % inner;
    double total = x.get(base);
    y.set(base, total);
    for (int64_t k = 1; k < size; ++k)
      y.set(base + k * inner, total = combine(total, x.get(base + k * inner)));
  }
}

double log_of_sum(double a, double b) {
  const double top = std::max(a, b);
  if (std::isnan(a) || std::isnan(b)) return NAN;
  return std::isinf(top) ? top : top + std::log1p(std::exp(-std::fabs(a - b)));
}

// Where the extreme so far lies: the last of equals, NaN before all.
template <bool kLargest>
void extreme_so_far(const Call& c) {
  const View x = c.in(0), y = c.out();
  if (x.count() == 0) return;
  const int64_t axis = x.shape().empty() ? 0 : c.attrs().integer("axis"),
                size = x.shape().empty() ? 1 : x.shape()[axis];
  int64_t inner = 1;
  for (int d = static_cast<int>(axis) + 1; d < x.shape().ssize(); ++d) inner *= x.shape()[d];
  for (int64_t o = 0; o < x.count() / size; ++o) {
    const int64_t base = o / inner * inner * size + o % inner;
    int64_t at = 0;
    for (int64_t k = 0; k < size; ++k) {
      const double best = x.get(base + at * inner), value = x.get(base + k * inner);
      if (std::isnan(value) || (!std::isnan(best) && (kLargest ? value >= best : value <= best)))
        at = k;
      y.set_integer(base + k * inner, at);
    }
  }
}

const Row kRows[] = {
    {"sum", [](const Call& c) { fold(c, 0, [](double a, double b) { return a + b; }); }},
    {"prod", [](const Call& c) { fold(c, 1, [](double a, double b) { return a * b; }); }},
    {"amax", [](const Call& c) { fold(c, -INFINITY, largest); }},
    {"amin", [](const Call& c) { fold(c, INFINITY, smallest); }},
    {"any",
     [](const Call& c) {
       fold(c, 0, [](double a, double b) { return double(a != 0 || b != 0); });
     }},
    {"all",
     [](const Call& c) {
       fold(c, 1, [](double a, double b) { return double(a != 0 && b != 0); });
     }},
    {"argmax", arg<true>},
    {"argmin", arg<false>},
    {"cumsum", [](const Call& c) { scan(c, [](double a, double b) { return a + b; }); }},
    {"cumprod", [](const Call& c) { scan(c, [](double a, double b) { return a * b; }); }},
    {"logcumsumexp", [](const Call& c) { scan(c, log_of_sum); }},
    {"argcummax", extreme_so_far<true>},
    {"argcummin", extreme_so_far<false>},
};

}  // namespace

std::span<const Row> reduce_kernels() { return kRows; }

}  // namespace cairn::reference
