#include "cairn/ops/sort.h"

#include <algorithm>

#include "cairn/ops/context.h"
#include "cairn/ops/families.h"
#include "cairn/ops/functions.h"

namespace cairn {
namespace {

void infer_argsort(OpCall& c) {
  Shape shape = c.shape();
  const int64_t axis = c.attrs->integer("axis"), count = c.attrs->integer("count");
  if (count < 0 || count > shape[axis]) c.error("{} of {} elements wanted", count, shape[axis]);
  shape[axis] = count;
  c.set(0, DType::i64, shape);
}

void infer_search(OpCall& c) {
  if (c.dtype(0) != c.dtype(1)) c.error("wants a sequence and values of one dtype");
  const Shape &sequence = c.shape(0), &values = c.shape(1);
  if (sequence.empty()) c.error("wants a sequence of one dimension or more");
  if (sequence.size() > 1 && (sequence.size() != values.size() ||
                              !std::equal(sequence.begin(), sequence.end() - 1, values.begin())))
    c.error("wants a sequence [n], or values of the sequences' leading dimensions");
  c.set(0, DType::i64, values);
}

const OpDef kOps[] = {
    // The first "count" of the order only, so that a top-k of a large axis need not sort all of it.
    OpDef{"argsort", "places of the elements in order along an axis", 1, 1, infer_argsort, 0,
          nullptr, "an index"},
    OpDef{"searchsorted", "how many elements of a sorted sequence lie below each value", 2, 1,
          infer_search, 0, nullptr, "an index"},
};

Tensor order_of(const char* name, const In& x, int64_t axis, bool descending, int64_t count) {
  const int d = normalize_axis(name, axis, x.t.rank(), x.loc);
  const int64_t size = x.t.shape()[d];
  check(count <= size, "{}: {} of the {} elements along axis {} of {} wanted{}", name, count, size,
        d, to_string(x.t.shape()), where(x.loc));
  return apply(op_named("argsort"), {x.t},
               {{"axis", int64_t{d}},
                {"descending", int64_t{descending}},
                {"count", count < 0 ? size : count}},
               x.loc);
}
Sorted ordered(const char* name, const In& x, int64_t axis, bool descending, int64_t count) {
  const Tensor indices = order_of(name, x, axis, descending, count);
  return {gather(x, axis, indices), indices};
}

}  // namespace

std::span<const OpDef> sort_ops() { return kOps; }

Tensor argsort(In x, int64_t axis, bool descending) {
  return order_of("argsort", x, axis, descending, -1);
}
Sorted sort(In x, int64_t axis, bool descending) {
  return ordered("sort", x, axis, descending, -1);
}
Sorted topk(In x, int64_t k, int64_t axis, bool largest) {
  check(k >= 0, "topk: k is {}{}", k, where(x.loc));
  return ordered("topk", x, axis, largest, k);
}
Sorted median(In x, int64_t axis, bool keepdim) {
  const int64_t size = x.t.size(axis);
  check(size > 0, "median: axis {} of {} is empty{}", axis, to_string(x.t.shape()), where(x.loc));
  const int64_t middle = (size - 1) / 2;
  Tensor index = slice(ordered("median", x, axis, false, middle + 1).indices, axis, middle, 1);
  // NaN comes last in order, but no row with one has a middle: its first NaN stands for it (argmax
  // lets NaN win).
  if (is_float(x.t.dtype()))
    index = where(any(isnan(x), {axis}, true), argmax(x, axis, true), index);
  Tensor value = gather(x, axis, index);
  if (!keepdim) index = squeeze(index, {axis}), value = squeeze(value, {axis});
  return {value, index};
}

}  // namespace cairn
