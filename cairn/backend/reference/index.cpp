#include <algorithm>
#include <cmath>
#include <string_view>

#include "cairn/backend/reference/kernels.h"

namespace cairn::reference {
namespace {

void embedding(const Call& c) {
  const View w = c.in(0), index = c.in(1), y = c.out();
  const int64_t rows = w.shape()[0], width = w.shape()[1];
  for (int64_t i = 0; i < index.count(); ++i) {
    const int64_t row = index.get_integer(i);
    if (row < 0 || row >= rows) return c.bad_index(i, row);
    for (int64_t d = 0; d < width; ++d) y.set(i * width + d, w.get(row * width + d));
  }
}
void embedding_grad(const Call& c) {
  const View g = c.in(0), index = c.in(1), y = c.out();
  const int64_t rows = y.shape()[0], width = y.shape()[1];
  std::vector<double> sums(y.count(), 0);
  for (int64_t i = 0; i < index.count(); ++i) {
    const int64_t row = index.get_integer(i);
    if (row < 0 || row >= rows) return c.bad_index(i, row);
    for (int64_t d = 0; d < width; ++d) sums[row * width + d] += g.get(i * width + d);
  }
  for (int64_t i = 0; i < y.count(); ++i) y.set(i, sums[i]);
}

// Visits (flat index entry, flat place in x along the axis); false when an index is out of range.
template <class F>
void each_along(const Call& c, const View& index, const Shape& x, F visit) {
  const int64_t axis = c.attrs().integer("axis");
  if (index.count() == 0) return;
  Ints where(index.shape().size(), 0);
  int64_t i = 0;
  do {
    const int64_t value = index.get_integer(i);
    if (value < 0 || value >= x[axis]) return c.bad_index(i, value);
    Ints place = where;
    place[axis] = value;
    visit(i++, flat_index(place, x));
  } while (next(where, index.shape()));
}
void gather(const Call& c) {
  const View x = c.in(0), y = c.out();
  each_along(c, c.in(1), x.shape(), [&](int64_t i, int64_t place) { y.copy(i, x, place); });
}
template <class T>
void scatter_add_of(const Call& c) {
  const View x = c.in(0), src = c.in(2), y = c.out();
  std::vector<T> sums(y.count());
  for (int64_t i = 0; i < y.count(); ++i) sums[i] = x.as<T>(i);
  each_along(c, c.in(1), x.shape(),
             [&](int64_t i, int64_t place) { sums[place] = sum_of(sums[place], src.as<T>(i)); });
  for (int64_t i = 0; i < y.count(); ++i) y.put(i, sums[i]);
}
void scatter_add(const Call& c) {
  (c.out().integers() ? scatter_add_of<int64_t> : scatter_add_of<double>)(c);
}
void scatter(const Call& c) {
  const View x = c.in(0), src = c.in(2), y = c.out();
  for (int64_t i = 0; i < y.count(); ++i) y.copy(i, x, i);
  each_along(c, c.in(1), x.shape(), [&](int64_t i, int64_t place) { y.copy(place, src, i); });
}
template <class T>
void scatter_reduce_of(const Call& c) {
  const View x = c.in(0), src = c.in(2), y = c.out();
  const std::string_view reduce = c.attrs().text("reduce");
  std::vector<T> so_far(y.count());
  for (int64_t i = 0; i < y.count(); ++i) so_far[i] = x.as<T>(i);
  each_along(c, c.in(1), x.shape(), [&](int64_t i, int64_t place) {
    T& to = so_far[place];
    const T v = src.as<T>(i);
    if (reduce == "prod") to = product_of(to, v);
    else if (v != v || (reduce == "amax" ? v > to : v < to)) to = v;
  });
  for (int64_t i = 0; i < y.count(); ++i) y.put(i, so_far[i]);
}
void scatter_reduce(const Call& c) {
  (c.out().integers() ? scatter_reduce_of<int64_t> : scatter_reduce_of<double>)(c);
}
void check_index(const Call& c) {
  const View x = c.in(0), y = c.out();
  for (int64_t i = 0; i < y.count(); ++i) {
    const int64_t value = x.get_integer(i);
    if (value < c.attrs().integer("low") || value >= c.attrs().integer("high"))
      return c.bad_index(i, value);
    y.set_integer(i, value);
  }
}

void check_finite(const Call& c) {
  const View x = c.in(0), y = c.out();
  for (int64_t i = 0; i < y.count(); ++i) {
    const double value = x.get(i);
    if (!std::isfinite(value)) return c.not_finite(i);
    y.set(i, value);
  }
}

// Where a range of `length` begins: at c.in(input), moved to where it fits.
int64_t fitting_start(const Call& c, int input, int64_t length) {
  const int64_t size = c.in(0).shape()[c.attrs().integer("axis")];
  return std::clamp<int64_t>(c.in(input).get_integer(0), 0, size - length);
}
void dynamic_slice(const Call& c) {
  const View x = c.in(0), y = c.out();
  const int64_t axis = c.attrs().integer("axis"), start = fitting_start(c, 1, y.shape()[axis]);
  for (int64_t i = 0; i < y.count(); ++i) {
    Ints where = coordinates(i, y.shape());
    where[axis] += start;
    y.copy(i, x, flat_index(where, x.shape()));
  }
}
void dynamic_update_slice(const Call& c) {
  const View x = c.in(0), update = c.in(1), y = c.out();
  const int64_t axis = c.attrs().integer("axis"), start = fitting_start(c, 2, update.shape()[axis]);
  for (int64_t i = 0; i < y.count(); ++i) y.copy(i, x, i);
  for (int64_t i = 0; i < update.count(); ++i) {
    Ints where = coordinates(i, update.shape());
    where[axis] += start;
    y.copy(flat_index(where, y.shape()), update, i);
  }
}

const Row kRows[] = {
    {"dynamic_slice", dynamic_slice},   {"dynamic_update_slice", dynamic_update_slice},
    {"check_finite", check_finite},     {"embedding", embedding},
    {"embedding_grad", embedding_grad}, {"gather", gather},
    {"scatter_add", scatter_add},       {"scatter", scatter},
    {"scatter_reduce", scatter_reduce}, {"check_index", check_index}};

}  // namespace

std::span<const Row> index_kernels() { return kRows; }

}  // namespace cairn::reference
