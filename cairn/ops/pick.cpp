#include "cairn/ops/pick.h"

#include <algorithm>
#include <cmath>

#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"

namespace cairn {
namespace {

Tensor index_along(const char* name, const In& x, int d, const Tensor& index, Shape shape) {
  check(index.defined() && index.rank() == 1, "{}: wants indices [k]{}", name, where(x.loc));
  Shape one(x.t.rank(), 1);
  one[d] = shape[d] = index.numel();
  return expand(reshape(index, one), shape);
}

Tensor flat_index(const In& x, const std::vector<Tensor>& indices) {
  Shape shape;
  for (const Tensor& index : indices) {
    check(index.defined() && (index.dtype() == DType::i64 || index.dtype() == DType::i32),
          "index_put: indices must be i32 or i64{}", where(x.loc));
    shape = broadcast_shapes("index_put", shape, index.shape());
  }
  Tensor flat;
  for (size_t d = 0; d < indices.size(); ++d) {
    const int64_t size = x.t.shape()[d];
    const Tensor given = cast(expand(indices[d], shape), DType::i64);
    const Tensor index = apply(op_named("check_index"),
                               {where(lt(given, 0), given + static_cast<double>(size), given)},
                               {{"low", int64_t{0}}, {"high", size}}, x.loc);
    flat = flat.defined() ? flat * static_cast<double>(size) + index : index;
  }
  return flat;
}

}  // namespace

Tensor repeat_interleave(In x, int64_t times, int64_t axis) {
  check(times >= 0, "repeat_interleave: {} times{}", times, where(x.loc));
  const int d = normalize_axis("repeat_interleave", axis, x.t.rank(), x.loc);
  Shape apart = x.t.shape(), joined = x.t.shape();
  apart.insert(d + 1, times);
  joined[d] *= times;
  return reshape(expand(unsqueeze(x, d + 1), apart), joined);
}

Tensor index_put(In x, const std::vector<Tensor>& indices, const Tensor& values, bool accumulate) {
  const int lead = static_cast<int>(indices.size()), rank = x.t.rank();
  check(lead > 0 && lead <= rank && values.defined(), "index_put: {} indices for {} dimensions{}",
        lead, rank, where(x.loc));
  const Tensor flat = flat_index(x, indices);
  const Shape& s = x.t.shape();
  const Shape rest(s.begin() + lead, s.end()), first(s.begin(), s.begin() + lead);
  Shape wanted = flat.shape();
  for (int64_t n : rest) wanted.push_back(n);
  const int64_t width = numel(rest), places = flat.numel();
  const Tensor rows = reshape(expand(cast(values, x.t.dtype()), wanted), {places, width});
  const Tensor index = expand(reshape(flat, {places, 1}), {places, width}),
               whole = reshape(x, {numel(first), width});
  return reshape(accumulate ? scatter_add(whole, 0, index, rows) : scatter(whole, 0, index, rows),
                 s);
}
Tensor index_fill(In x, int64_t axis, const Tensor& index, double value) {
  const int d = normalize_axis("index_fill", axis, x.t.rank(), x.loc);
  const Tensor places = index_along("index_fill", x, d, index, x.t.shape());
  return scatter(x, d, places, full(places.shape(), value, x.t.dtype()));
}
Tensor index_copy(In x, int64_t axis, const Tensor& index, const Tensor& src) {
  const int d = normalize_axis("index_copy", axis, x.t.rank(), x.loc);
  return scatter(x, d, index_along("index_copy", x, d, index, x.t.shape()), src);
}
Tensor scatter_reduce(In x, int64_t axis, const Tensor& index, const Tensor& src,
                      ScatterReduce reduce, bool include_self) {
  const Tensor zero = full(x.t.shape(), 0, x.t.dtype()), one = full(src.shape(), 1, src.dtype());
  const Tensor met = scatter_add(zero, axis, index, one);
  if (reduce != ScatterReduce::sum && reduce != ScatterReduce::mean) {
    const DType t = x.t.dtype();
    const bool largest = reduce == ScatterReduce::amax, product = reduce == ScatterReduce::prod;
    const int64_t d = normalize_axis("scatter_reduce", axis, x.t.rank(), x.loc);
    const Tensor nothing = product ? full({}, 1, t) : full({}, largest ? -INFINITY : INFINITY, t);
    check(include_self || product || is_float(t),
          "scatter_reduce: extremes of integers want include_self{}", where(x.loc));
    return apply(op_named("scatter_reduce"),
                 {include_self ? x.t : where(gt(met, 0), nothing, x), index, src},
                 {{"axis", d},
                  {"reduce", product   ? "prod"
                             : largest ? "amax"
                                       : "amin"}},
                 x.loc);
  }
  const Tensor own = include_self ? x.t : where(gt(met, 0), zero, x);
  const Tensor total = scatter_add(own, axis, index, src);
  if (reduce == ScatterReduce::sum) return total;
  return total / clamp_min(include_self ? met + 1.0 : met, 1);
}

Tensor searchsorted(In sequence, const Tensor& values, bool right) {
  check(sequence.t.rank() >= 1 && values.defined(),
        "searchsorted: wants a sequence of one dimension or more{}", where(sequence.loc));
  const DType common = promote(sequence.t.dtype(), values.dtype());
  const DType dtype = common == DType::f64 || size_of(common) == 8 ? common
                      : is_float(common)                           ? DType::f32
                                                                   : DType::i64;
  return apply(op_named("searchsorted"), {cast(sequence, dtype), cast(values, dtype)},
               {{"right", int64_t{right}}}, sequence.loc);
}
Tensor bucketize(In values, const Tensor& boundaries, bool right) {
  check(boundaries.defined() && boundaries.rank() == 1, "bucketize: wants boundaries [n]{}",
        where(values.loc));
  return searchsorted(In(boundaries, values.loc), values, right);
}
Tensor bincount(In x, int64_t classes, const Tensor& weights) {
  check(is_integer(x.t.dtype()) && classes >= 0,
        "bincount: wants integers and a number of classes{}", where(x.loc));
  const Tensor flat = cast(flatten(x), DType::i64);
  const Tensor w = weights.defined() ? flatten(weights) : full(flat.shape(), 1, DType::i64);
  return scatter_add(full({classes}, 0, w.dtype()), 0, flat, w);
}

Tensor nonzero(In x) {
  const auto values = ne(x, 0).to_vector<double>();
  const int rank = x.t.rank();
  std::vector<int64_t> places;
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i] == 0) continue;
    const size_t at = places.size();
    places.resize(at + static_cast<size_t>(rank));
    int64_t left = static_cast<int64_t>(i);
    for (int d = rank - 1; d >= 0; --d)
      places[at + static_cast<size_t>(d)] = left % x.t.shape()[d], left /= x.t.shape()[d];
  }
  const auto true_values = static_cast<int64_t>(
      std::count_if(values.begin(), values.end(), [](double v) { return v != 0; }));
  return from_host(places.data(), {true_values, rank}, DType::i64);
}
Tensor masked_select(In x, const Tensor& mask) {
  check(mask.defined() && mask.dtype() == DType::boolean, "masked_select: the mask must be bool{}",
        where(x.loc));
  const Tensor places = nonzero(reshape(expand(mask, x.t.shape()), {x.t.numel()}));
  return gather(reshape(x, {x.t.numel()}), 0, reshape(places, {places.size(0)}));
}
namespace {

// What is sorted, and where in it a value is new.
struct Runs {
  Sorted sorted;
  Tensor fresh;
};
Runs runs_of(const In& x) {
  const Sorted sorted = sort(In(reshape(x, {x.t.numel()}), x.loc), 0);
  const int64_t n = x.t.numel();
  if (n == 0) return {sorted, full({0}, 0, DType::boolean)};
  const Tensor changed = ne(slice(sorted.values, 0, 1, n - 1), slice(sorted.values, 0, 0, n - 1));
  return {sorted, cat({full({1}, 1, DType::boolean), changed}, 0)};
}

}  // namespace

Tensor unique(In x) {
  const Runs runs = runs_of(x);
  return masked_select(runs.sorted.values, runs.fresh);
}
Unique unique_with_counts(In x) {
  const Runs runs = runs_of(x);
  const Tensor values = masked_select(runs.sorted.values, runs.fresh);
  const Tensor run = cumsum(cast(runs.fresh, DType::i64), 0) - 1.0;
  const Tensor inverse = scatter(full(run.shape(), 0, DType::i64), 0, runs.sorted.indices, run);
  return {values, reshape(inverse, x.t.shape()), bincount(run, values.numel())};
}

}  // namespace cairn
