#include "cairn/ops/numeric.h"

#include <algorithm>
#include <cmath>

#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"

namespace cairn {
namespace {

Tensor constant(double value, const Tensor& like) { return full({}, value, like.dtype()); }

Sorted picked(const In& x, int64_t axis, bool keepdim,
              Tensor (*place)(In x, int64_t axis, bool keepdim)) {
  Tensor index = place(x, axis, true), value = gather(x, axis, index);
  if (!keepdim) index = squeeze(index, {axis}), value = squeeze(value, {axis});
  return {value, index};
}

Sorted so_far(const char* op, const In& x, int64_t axis) {
  const int64_t d = normalize_axis(op, axis, x.t.rank(), x.loc);
  const Tensor index = apply(op_named(op), {x.t}, {{"axis", d}}, x.loc);
  return {gather(x, d, index), index};
}

}  // namespace

Sorted max(In x, int64_t axis, bool keepdim) { return picked(x, axis, keepdim, argmax); }
Sorted min(In x, int64_t axis, bool keepdim) { return picked(x, axis, keepdim, argmin); }

Sorted cummax(In x, int64_t axis) { return so_far("argcummax", x, axis); }
Sorted cummin(In x, int64_t axis) { return so_far("argcummin", x, axis); }

Tensor vector_norm(In x, double p, const Ints& axes, bool keepdim) {
  check(!std::isnan(p), "vector_norm: the order is NaN{}", where(x.loc));
  if (p == 2) return norm(x, axes, keepdim);
  if (p == 1) return sum(abs(x), axes, keepdim);
  if (p == 0) return sum(cast(ne(x, 0), x.t.dtype()), axes, keepdim);
  if (std::isinf(p)) return p > 0 ? amax(abs(x), axes, keepdim) : amin(abs(x), axes, keepdim);
  // As in norm(): at 0 the root has no slope, the norm's subgradient is 0.
  const Tensor total = sum(pow(abs(x), p), axes, keepdim), zero = eq(total, 0);
  return where(zero, constant(0, total), pow(where(zero, constant(1, total), total), 1 / p));
}

Moments std_mean(In x, const Ints& axes, double correction, bool keepdim) {
  return {stddev(x, axes, correction, keepdim), mean(x, axes, keepdim)};
}
Moments var_mean(In x, const Ints& axes, double correction, bool keepdim) {
  return {var(x, axes, correction, keepdim), mean(x, axes, keepdim)};
}

Tensor clamp(In x, const Tensor& low, const Tensor& high) {
  check(low.defined() || high.defined(), "clamp: neither bound is given{}", where(x.loc));
  const Tensor above = low.defined() ? maximum(x, low) : x.t;
  return high.defined() ? minimum(In(above, x.loc), high) : above;
}
Tensor lerp(In a, const Tensor& b, const Tensor& weight) {
  check(weight.defined() && b.defined(), "lerp: a tensor is undefined{}", where(a.loc));
  // From the nearer end, so that weights of 0 and 1 are exact.
  const Tensor way = In(b, a.loc) - a;
  return where(lt(weight, 0.5), a + way * weight, b - way * (1.0 - weight));
}
Tensor cdist(In a, const Tensor& b, double p) {
  if (p == 2) return cdist(a, b);
  check(a.t.rank() >= 2 && b.defined() && b.rank() >= 2 && a.t.size(-1) == b.size(-1),
        "cdist: rows of {} and {} differ in width{}", to_string(a.t.shape()),
        b.defined() ? to_string(b.shape()) : "undefined", where(a.loc));
  return vector_norm(In(unsqueeze(a, -2) - unsqueeze(b, -3), a.loc), p, {-1});
}

Tensor nan_to_num(In x, double nan, double posinf, double neginf) {
  if (!is_float(x.t.dtype())) return x.t;
  const Tensor finite =
      where(isinf(x), where(gt(x, 0), constant(posinf, x), constant(neginf, x)), x);
  return where(isnan(x), constant(nan, x), finite);
}
Tensor nansum(In x, const Ints& axes, bool keepdim) {
  return sum(where(isnan(x), constant(0, x), x), axes, keepdim);
}
Tensor nanmean(In x, const Ints& axes, bool keepdim) {
  return nansum(x, axes, keepdim) / sum(cast(logical_not(isnan(x)), x.t.dtype()), axes, keepdim);
}

Tensor isclose(In a, In b, double rtol, double atol, bool equal_nan) {
  check(rtol >= 0 && atol >= 0, "isclose: tolerances {} and {} must not be negative{}", rtol, atol,
        where(a.loc));
  const Tensor near = logical_and(isfinite(b), le(abs(a - b), abs(b) * rtol + atol));
  const Tensor close = logical_or(eq(a, b), near);
  return equal_nan ? logical_or(close, logical_and(isnan(a), isnan(b))) : close;
}
bool allclose(In a, In b, double rtol, double atol, bool equal_nan) {
  return all(isclose(a, b, rtol, atol, equal_nan)).item() != 0;
}
bool equal(In a, In b) {
  return a.t.shape() == b.t.shape() && a.t.dtype() == b.t.dtype() && all(eq(a, b)).item() != 0;
}

Tensor xlogy(In x, In y) {
  const Tensor has_log = logical_and(gt(y, 0), isfinite(y));
  const Tensor nothing = logical_and(eq(x, 0), logical_not(logical_or(isnan(y), has_log)));
  return where(nothing, constant(0, x), mul(x, log(where(nothing, constant(1, y), y))));
}
Tensor hypot(In a, In b) {
  // Divided by the larger, so that the squares neither over- nor underflow.
  const Tensor large = maximum(abs(a), abs(b)).detach();
  const Tensor usual = logical_and(gt(large, 0), isfinite(large)),
               unit = where(usual, large, constant(1, large));
  const Tensor squares = square(a / unit) + square(b / unit), zero = eq(squares, 0);
  const Tensor usual_length =
      where(zero, constant(0, squares), unit * sqrt(where(zero, constant(1, squares), squares)));
  const Tensor infinite = logical_or(isinf(a), isinf(b));  // even beside NaN, as IEEE 754 has it
  return where(infinite, constant(INFINITY, squares), usual_length);
}
Tensor copysign(In a, In b) {
  if (!is_float(a.t.dtype())) return copysign(In(cast(a, DType::f32), a.loc), b);
  const Tensor negative =
      logical_or(lt(b, 0), lt(reciprocal(where(eq(b, 0), b, constant(1, b))), 0));
  return mul(abs(a), where(negative, constant(-1, a), constant(1, a)));
}
Tensor sinc(In x) {
  const Tensor zero = eq(x, 0), angle = mul(where(zero, constant(1, x), x), M_PI);
  return where(zero, constant(1, angle), sin(angle) / angle);
}

Tensor diff(In x, int64_t n, int64_t axis) {
  check(n >= 0, "diff: {} times{}", n, where(x.loc));
  Tensor t = x.t;
  for (; n > 0; --n) {
    const int64_t size = t.size(axis);
    if (size == 0) return t;
    t = slice(t, axis, 1, size - 1) - slice(t, axis, 0, size - 1);
  }
  return t;
}
Tensor outer(In a, In b) {
  check(a.t.rank() == 1 && b.t.rank() == 1, "outer: wants two vectors, not {} and {}{}",
        to_string(a.t.shape()), to_string(b.t.shape()), where(a.loc));
  return mul(unsqueeze(a, 1), unsqueeze(b, 0));
}
Tensor diagonal(In x, int64_t offset) {
  check(x.t.rank() >= 2, "diagonal: wants a matrix or more, not {}{}", to_string(x.t.shape()),
        where(x.loc));
  const int64_t rows = x.t.size(-2), columns = x.t.size(-1), down = std::max<int64_t>(0, -offset),
                right = std::max<int64_t>(0, offset);
  const int64_t length = std::max<int64_t>(0, std::min(rows - down, columns - right));
  const Tensor part = slice(x, -2, std::min(down, rows), length);
  Shape shape = part.shape();
  shape.back() = 1;
  return squeeze(gather(part, -1, expand(unsqueeze(arange(right, right + length), 1), shape)),
                 {-1});
}
Tensor diag(In x) {
  if (x.t.rank() != 1) return diagonal(x);
  const Tensor place = arange(0, x.t.numel());
  return where(eq(unsqueeze(place, 1), unsqueeze(place, 0)), unsqueeze(x, 1), constant(0, x));
}
Tensor trace(In x) {
  check(x.t.rank() == 2, "trace: wants a matrix, not {}{}", to_string(x.t.shape()), where(x.loc));
  return sum(diagonal(x));
}

}  // namespace cairn
