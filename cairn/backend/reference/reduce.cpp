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

// In T, starting with `start` and combining each element by combine(T, T).
template <class T, class F>
void fold(const Call& c, T start, F combine) {
  const View x = c.in(0), y = c.out();
  std::vector<T> sums(static_cast<size_t>(y.count()), start);
  each(c, [&](int64_t o, int64_t i) { sums[o] = combine(sums[o], x.as<T>(i)); });
  for (int64_t i = 0; i < y.count(); ++i) y.put(i, sums[i]);
}
// Integers stay exact.
template <class F>
void fold_either(const Call& c, int64_t start, F combine) {
  if (c.in(0).integers() && c.out().integers()) fold<int64_t>(c, start, combine);
  else fold<double>(c, static_cast<double>(start), combine);
}
const auto summed = [](auto a, auto b) { return sum_of(a, b); };
const auto multiplied = [](auto a, auto b) { return product_of(a, b); };

template <bool kLargest>
void extreme(const Call& c) {
  using Limits = std::numeric_limits<int64_t>;
  const auto combine = [](auto a, auto b) {
    if (a != a || b != b) return a != a ? a : b;  // NaN
    return kLargest ? std::max(a, b) : std::min(a, b);
  };
  if (c.in(0).integers()) fold<int64_t>(c, kLargest ? Limits::min() : Limits::max(), combine);
  else fold<double>(c, kLargest ? -INFINITY : INFINITY, combine);
}

template <class T, bool kLargest>
void arg_of(const Call& c) {
  const View x = c.in(0), y = c.out();
  const int64_t axis = c.attrs().ints("axes")[0], size = x.shape()[axis];
  int64_t inner = 1;
  for (int d = static_cast<int>(axis) + 1; d < x.shape().ssize(); ++d) inner *= x.shape()[d];
  for (int64_t o = 0; o < y.count(); ++o) {
    const int64_t base = o / inner * inner * size + o % inner;
    int64_t best = 0;
    for (int64_t k = 1; k < size; ++k) {
      const T a = x.as<T>(base + k * inner), b = x.as<T>(base + best * inner);
      if (b != b) break;
      if (a != a || (kLargest ? a > b : a < b)) best = k;
    }
    y.set_integer(o, best);
  }
}
template <bool kLargest>
void arg(const Call& c) {
  (c.in(0).integers() ? arg_of<int64_t, kLargest> : arg_of<double, kLargest>)(c);
}

template <class T, class F>
void scan(const Call& c, F combine) {
  const View x = c.in(0), y = c.out();
  const int64_t axis = c.attrs().integer("axis");
  if (x.count() == 0) return;
  if (x.shape().empty()) return y.put(0, x.as<T>(0));
  const int64_t size = x.shape()[axis];
  int64_t inner = 1;
  for (int d = static_cast<int>(axis) + 1; d < x.shape().ssize(); ++d) inner *= x.shape()[d];
  for (int64_t o = 0; o < x.count() / size; ++o) {
    const int64_t base = o / inner * inner * size + o % inner;
    T total = x.as<T>(base);
    y.put(base, total);
    for (int64_t k = 1; k < size; ++k)
      y.put(base + k * inner, total = combine(total, x.as<T>(base + k * inner)));
  }
}
template <class F>
void scan_either(const Call& c, F combine) {
  if (c.in(0).integers() && c.out().integers()) scan<int64_t>(c, combine);
  else scan<double>(c, combine);
}

double log_of_sum(double a, double b) {
  const double top = std::max(a, b);
  if (std::isnan(a) || std::isnan(b)) return NAN;
  return std::isinf(top) ? top : top + std::log1p(std::exp(-std::fabs(a - b)));
}

// Where the extreme so far lies: the last of equals, NaN before all.
template <class T, bool kLargest>
void extreme_so_far_of(const Call& c) {
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
      const T best = x.as<T>(base + at * inner), value = x.as<T>(base + k * inner);
      if (value != value || (best == best && (kLargest ? value >= best : value <= best))) at = k;
      y.set_integer(base + k * inner, at);
    }
  }
}

template <bool kLargest>
void extreme_so_far(const Call& c) {
  (c.in(0).integers() ? extreme_so_far_of<int64_t, kLargest>
                      : extreme_so_far_of<double, kLargest>)(c);
}

const Row kRows[] = {
    {"sum", [](const Call& c) { fold_either(c, 0, summed); }},
    {"prod", [](const Call& c) { fold_either(c, 1, multiplied); }},
    {"amax", extreme<true>},
    {"amin", extreme<false>},
    {"any",
     [](const Call& c) {
       fold<double>(c, 0, [](double a, double b) { return double(a != 0 || b != 0); });
     }},
    {"all",
     [](const Call& c) {
       fold<double>(c, 1, [](double a, double b) { return double(a != 0 && b != 0); });
     }},
    {"argmax", arg<true>},
    {"argmin", arg<false>},
    {"cumsum", [](const Call& c) { scan_either(c, summed); }},
    {"cumprod", [](const Call& c) { scan_either(c, multiplied); }},
    {"logcumsumexp", [](const Call& c) { scan<double>(c, log_of_sum); }},
    {"argcummax", extreme_so_far<true>},
    {"argcummin", extreme_so_far<false>},
};

}  // namespace

std::span<const Row> reduce_kernels() { return kRows; }

}  // namespace cairn::reference
