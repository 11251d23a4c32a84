#include <algorithm>

#include "cairn/backend/reference/kernels.h"

namespace cairn::reference {
namespace {

void reshape(const Call& c) {
  const View x = c.in(0), y = c.out();
  for (int64_t i = 0; i < y.count(); ++i) y.copy(i, x, i);
}

// out[where] = in[source(where)]
template <class F>
void copy_from(const Call& c, F source) {
  const View x = c.in(0), y = c.out();
  if (y.count() == 0) return;
  Ints where(y.shape().size(), 0);
  int64_t i = 0;
  do y.copy(i++, x, flat_index(source(where), x.shape()));
  while (next(where, y.shape()));
}

void permute(const Call& c) {
  const Ints& order = c.attrs().ints("order");
  copy_from(c, [&](const Ints& where) {
    Ints from(where.size(), 0);
    for (size_t d = 0; d < order.size(); ++d) from[order[d]] = where[d];
    return from;
  });
}
void expand(const Call& c) {
  const Shape& in = c.op.shape();
  copy_from(c, [&](const Ints& where) {
    Ints from(in.size(), 0);
    for (size_t d = 0; d < in.size(); ++d)
      from[d] = in[d] == 1 ? 0 : where[d + where.size() - in.size()];
    return from;
  });
}
void slice(const Call& c) {
  const int64_t axis = c.attrs().integer("axis"), start = c.attrs().integer("start"),
                step = c.attrs().integer("step");
  copy_from(c, [&](Ints where) {
    where[axis] = start + where[axis] * step;
    return where;
  });
}
void flip(const Call& c) {
  copy_from(c, [&](Ints where) {
    for (int64_t axis : c.attrs().ints("axes")) where[axis] = c.op.shape()[axis] - 1 - where[axis];
    return where;
  });
}
void embed_slice(const Call& c) {
  const View x = c.in(0), y = c.out();
  const int64_t axis = c.attrs().integer("axis"), start = c.attrs().integer("start"),
                step = c.attrs().integer("step");
  for (int64_t i = 0; i < y.count(); ++i) y.set(i, 0);
  if (x.count() == 0) return;
  Ints where(x.shape().size(), 0);
  int64_t i = 0;
  do {
    Ints to = where;
    to[axis] = start + where[axis] * step;
    y.copy(flat_index(to, y.shape()), x, i++);
  } while (next(where, x.shape()));
}
void cat(const Call& c) {
  const View y = c.out();
  const int64_t axis = c.attrs().integer("axis");
  int64_t start = 0;
  for (int p = 0; p < static_cast<int>(c.op.inputs.size()); ++p) {
    const View x = c.in(p);
    Ints where(x.shape().size(), 0);
    int64_t i = 0;
    if (x.count() > 0) do {
        Ints to = where;
        to[axis] += start;
        y.copy(flat_index(to, y.shape()), x, i++);
      } while (next(where, x.shape()));
    start += x.shape()[axis];
  }
}
void full(const Call& c) {
  const View y = c.out();
  for (int64_t i = 0; i < y.count(); ++i) y.set(i, c.attrs().number("value"));
}
void arange(const Call& c) {
  const View y = c.out();
  for (int64_t i = 0; i < y.count(); ++i)
    y.set_integer(i, c.attrs().integer("start") + i * c.attrs().integer("step"));
}

const Row kRows[] = {{"reshape", reshape}, {"permute", permute}, {"expand", expand},
                     {"slice", slice},     {"flip", flip},       {"embed_slice", embed_slice},
                     {"cat", cat},         {"full", full},       {"arange", arange}};

}  // namespace

std::span<const Row> view_kernels() { return kRows; }

}  // namespace cairn::reference
