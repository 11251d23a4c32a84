#include "cairn/ops/reduce.h"

#include <algorithm>
#include <cmath>

#include "cairn/ops/context.h"
#include "cairn/ops/families.h"
#include "cairn/ops/functions.h"

namespace cairn {
namespace {

Shape reduced_shape(OpCall& c) {
  const Ints& axes = c.attrs->ints("axes");
  const bool keepdim = c.attrs->integer("keepdim");
  Shape out;
  for (int d = 0; d < c.rank(); ++d) {
    const bool reduced = std::find(axes.begin(), axes.end(), d) != axes.end();
    if (!reduced) out.push_back(c.shape()[d]);
    else if (keepdim) out.push_back(1);
  }
  return out;
}
void infer_reduce(OpCall& c) { c.set(0, c.dtype(), reduced_shape(c)); }
void infer_extreme(OpCall& c) {
  for (int64_t axis : c.attrs->ints("axes"))
    if (c.shape()[axis] == 0) c.error("the reduced axis {} is empty", axis);
  infer_reduce(c);
}
void infer_arg(OpCall& c) {
  infer_extreme(c);
  c.outputs[0]->dtype = DType::i64;
}
void infer_truth(OpCall& c) {
  if (c.dtype() != DType::boolean) c.error("wants bool");
  infer_reduce(c);
}
void infer_same(OpCall& c) { c.set(0, c.dtype(), c.shape()); }

// A reduced tensor spread again over the axes it lost.
Tensor spread(VjpCall& c, const Tensor& reduced) {
  Shape kept = c.input_shapes[0];
  for (int64_t axis : c.attrs.ints("axes")) kept[axis] = 1;
  return expand(reshape(reduced, kept), c.input_shapes[0]);
}
void vjp_extreme(VjpCall& c) {
  const Tensor ties = cast(eq(c.inputs[0], spread(c, c.outputs[0])), c.grad().dtype());
  const Tensor count = spread(c, sum(ties, c.attrs.ints("axes")));
  c.results[0] = spread(c, c.grad()) * ties.detach() / count.detach();
}
// Each factor's gradient is the product of the others: products before and after it, so that zeros
// are exact.
void vjp_prod(VjpCall& c) {
  const Ints& axes = c.attrs.ints("axes");
  const Shape& shape = c.input_shapes[0];
  if (numel(shape) == 0) return;
  Ints order, inverse(shape.size(), 0);
  for (int d = 0; d < shape.ssize(); ++d)
    if (std::find(axes.begin(), axes.end(), d) == axes.end()) order.push_back(d);
  int64_t kept = 1, reduced = 1;
  for (int64_t d : order) kept *= shape[d];
  for (int64_t d : axes) order.push_back(d), reduced *= shape[d];
  Shape permuted_shape;
  for (size_t i = 0; i < order.size(); ++i)
    inverse[order[i]] = static_cast<int64_t>(i), permuted_shape.push_back(shape[order[i]]);
  const Tensor rows = reshape(permute(c.inputs[0], order), {kept, reduced});
  const Tensor ones = full({kept, 1}, 1, rows.dtype());
  const Tensor before = cumprod(cat({ones, slice(rows, 1, 0, reduced - 1)}, 1), 1);
  const Tensor reversed = flip(rows, {1});
  const Tensor after = flip(cumprod(cat({ones, slice(reversed, 1, 0, reduced - 1)}, 1), 1), {1});
  const Tensor others = permute(reshape(before * after, permuted_shape), inverse);
  c.results[0] = spread(c, c.grad()) * others;
}
Tensor reverse_cumsum(const Tensor& x, int64_t axis) {
  return flip(cumsum(flip(x, {axis}), axis), {axis});
}

void infer_floats(OpCall& c) {
  if (!is_float(c.dtype())) c.error("wants floats");
  infer_same(c);
}
void infer_places(OpCall& c) { c.set(0, DType::i64, c.shape()); }
// Of y_j = log(e^x_0 + ... + e^x_j): dx_i is the sum of g_j e^(x_i - y_j) over j >= i. Positive and
// negative g go through logarithms, so that no power overflows.
void vjp_logcumsumexp(VjpCall& c) {
  const int64_t axis = c.attrs.integer("axis");
  const Tensor &x = c.inputs[0], &g = c.grad();
  const Tensor nothing = full({}, -INFINITY, g.dtype()), one = full({}, 1, g.dtype());
  const Tensor y = where(eq(c.outputs[0], -INFINITY), full({}, 0, g.dtype()), c.outputs[0]);
  const auto part = [&](const Tensor& slope) {
    const Tensor some = gt(slope, 0),
                 log_slope = where(some, log(where(some, slope, one)), nothing);
    return exp(flip(logcumsumexp(flip(log_slope - y, {axis}), axis), {axis}) + x);
  };
  c.results[0] = part(g) - part(neg(g));
}

const OpDef kOps[] = {
    OpDef{"sum", "sum over axes", 1, 1, infer_reduce, kReduction,
          [](VjpCall& c) { c.results[0] = spread(c, c.grad()); }}
        .with_autocast(Autocast::f32)
        .with_onnx("ReduceSum"),
    OpDef{"amax", "largest over axes", 1, 1, infer_extreme, kReduction | kSaveInputs | kSaveOutputs,
          vjp_extreme}
        .with_onnx("ReduceMax"),
    OpDef{"amin", "smallest over axes", 1, 1, infer_extreme,
          kReduction | kSaveInputs | kSaveOutputs, vjp_extreme}
        .with_onnx("ReduceMin"),
    OpDef{"prod", "product over axes", 1, 1, infer_reduce, kReduction | kSaveInputs, vjp_prod}
        .with_autocast(Autocast::f32)
        .with_onnx("ReduceProd"),
    OpDef{"any", "whether any is true over axes", 1, 1, infer_truth, kReduction, nullptr,
          "a truth value"},
    OpDef{"all", "whether all are true over axes", 1, 1, infer_truth, kReduction, nullptr,
          "a truth value"},
    OpDef{"argmax", "index of the largest along an axis", 1, 1, infer_arg, 0, nullptr, "an index"}
        .with_onnx("ArgMax"),
    OpDef{"argmin", "index of the smallest along an axis", 1, 1, infer_arg, 0, nullptr, "an index"}
        .with_onnx("ArgMin"),
    OpDef{"cumsum", "running sum along an axis", 1, 1, infer_same, 0,
          [](VjpCall& c) { c.results[0] = reverse_cumsum(c.grad(), c.attrs.integer("axis")); }}
        .with_autocast(Autocast::f32)
        .with_onnx("CumSum"),
    // Exact also with zeros: d y_j / d x_i is the product of the factors up to j without i.
    OpDef{"cumprod", "running product along an axis", 1, 1, infer_same, kSaveInputs | kSaveOutputs,
          [](VjpCall& c) {
            const int64_t axis = c.attrs.integer("axis");
            const int64_t count = c.input_shapes[0][axis];
            std::vector<Tensor> parts;
            const Tensor& x = c.inputs[0];
            for (int64_t i = 0; i < count; ++i) {
              const Tensor one = full(slice(x, axis, i, 1).shape(), 1, x.dtype());
              const Tensor without =
                  cat({slice(x, axis, 0, i), one, slice(x, axis, i + 1, count - i - 1)}, axis);
              const Tensor reach = slice(cumprod(without, axis) * c.grad(), axis, i, count - i);
              parts.push_back(sum(reach, {axis}, true));
            }
            c.results[0] = count ? cat(parts, axis) : c.grad();
          }}
        .with_autocast(Autocast::f32),
    OpDef{"logcumsumexp", "logarithm of the running sum of e^x along an axis", 1, 1, infer_floats,
          kSaveInputs | kSaveOutputs, vjp_logcumsumexp}
        .with_autocast(Autocast::f32),
    OpDef{"argcummax", "index of the largest so far along an axis, the last of equals", 1, 1,
          infer_places, 0, nullptr, "an index"},
    OpDef{"argcummin", "index of the smallest so far along an axis, the last of equals", 1, 1,
          infer_places, 0, nullptr, "an index"},
};

Ints normalized(const char* op, const In& in, const Ints& axes) {
  const Tensor& x = in;
  Ints result;
  if (axes.empty())
    for (int d = 0; d < x.rank(); ++d) result.push_back(d);
  for (int64_t axis : axes)
    if (x.rank() > 0 || axis < -1 || axis > 0)  // a number counts as one element in a row
      result.push_back(normalize_axis(op, axis, x.rank(), in.loc));
  std::sort(result.begin(), result.end());
  for (size_t i = 1; i < result.size(); ++i)
    check(result[i] != result[i - 1], "{}: axis {} is given twice{}", op, result[i], where(in.loc));
  return result;
}

Tensor reduce(const char* name, const In& x, const Ints& axes, bool keepdim) {
  return apply(op_named(name), {x.t},
               {{"axes", normalized(name, x, axes)}, {"keepdim", int64_t{keepdim}}}, x.loc);
}

int64_t count_of(const Tensor& x, const Ints& axes) {
  int64_t n = 1;
  for (int64_t axis : axes) n *= x.shape()[axis];
  return n;
}
In summable(const In& x) {  // sums of truth values count in i64
  return x.t.dtype() == DType::boolean || (is_integer(x.t.dtype()) && x.t.dtype() != DType::i64)
             ? In(cast(x, DType::i64), x.loc)
             : x;
}

}  // namespace

std::span<const OpDef> reduce_ops() { return kOps; }

Tensor sum(In x, const Ints& axes, bool keepdim) {
  return reduce("sum", summable(x), axes, keepdim);
}
Tensor amax(In x, const Ints& axes, bool keepdim) { return reduce("amax", x, axes, keepdim); }
Tensor amin(In x, const Ints& axes, bool keepdim) { return reduce("amin", x, axes, keepdim); }
Tensor prod(In x, const Ints& axes, bool keepdim) {
  return reduce("prod", summable(x), axes, keepdim);
}
Tensor any(In x, const Ints& axes, bool keepdim) {
  return reduce("any", ne(x, 0.0), axes, keepdim);
}
Tensor all(In x, const Ints& axes, bool keepdim) {
  return reduce("all", ne(x, 0.0), axes, keepdim);
}

Tensor mean(In x, const Ints& axes, bool keepdim) {
  const Ints all_axes = normalized("mean", x, axes);
  return mul(In(sum(x, all_axes.empty() ? axes : all_axes, keepdim), x.loc),
             1.0 / static_cast<double>(count_of(x, all_axes)));
}

Tensor var(In x, const Ints& axes, double correction, bool keepdim) {
  const Ints all_axes = normalized("var", x, axes);
  const double count = std::max(0.0, static_cast<double>(count_of(x, all_axes)) - correction);
  return mul(In(sum(square(x - mean(x, all_axes, true)), all_axes, keepdim), x.loc), 1.0 / count);
}
Tensor stddev(In x, const Ints& axes, double correction, bool keepdim) {
  // As in norm(): at equal values the root has no slope, the deviation's subgradient is 0.
  const Tensor variance = var(x, axes, correction, keepdim), zero = eq(variance, 0);
  return where(zero, full({}, 0, variance.dtype()),
               sqrt(where(zero, full({}, 1, variance.dtype()), variance)));
}

Tensor logsumexp(In given, const Ints& axes, bool keepdim) {
  const In x(is_float(given.t.dtype()) ? given.t : cast(given, DType::f32), given.loc);
  const Ints all_axes = normalized("logsumexp", x, axes);
  Tensor result = x.t;  // over several axes: of the sums along one the sums along the next
  for (const int64_t axis : all_axes)
    result = apply(op_named("logsumexp"), {result}, {{"axis", axis}}, x.loc);
  return keepdim ? result : squeeze(result, all_axes);
}

Tensor norm(In x, const Ints& axes, bool keepdim) {
  const Tensor squared = sum(square(x), axes, keepdim);
  // The root's slope at 0 is infinite; the norm's subgradient there is 0.
  const Tensor zero = eq(squared, 0);
  return where(zero, full({}, 0, squared.dtype()),
               sqrt(where(zero, full({}, 1, squared.dtype()), squared)));
}

Tensor argmax(In x, int64_t axis, bool keepdim) {
  return reduce("argmax", x, {normalize_axis("argmax", axis, x.t.rank(), x.loc)}, keepdim);
}
Tensor argmin(In x, int64_t axis, bool keepdim) {
  return reduce("argmin", x, {normalize_axis("argmin", axis, x.t.rank(), x.loc)}, keepdim);
}
Tensor cumsum(In x, int64_t axis) {
  return apply(op_named("cumsum"), {summable(x).t},
               {{"axis", int64_t{normalize_axis("cumsum", axis, x.t.rank(), x.loc)}}}, x.loc);
}
Tensor cumprod(In x, int64_t axis) {
  return apply(op_named("cumprod"), {summable(x).t},
               {{"axis", int64_t{normalize_axis("cumprod", axis, x.t.rank(), x.loc)}}}, x.loc);
}

Tensor logcumsumexp(In x, int64_t axis) {
  return apply(op_named("logcumsumexp"), {x.t},
               {{"axis", int64_t{normalize_axis("logcumsumexp", axis, x.t.rank(), x.loc)}}}, x.loc);
}

Tensor sum_to(In x, const Shape& shape) {
  if (x.t.shape() == shape) return x.t;
  const int extra = x.t.rank() - shape.ssize();
  Ints axes;
  for (int d = 0; d < x.t.rank(); ++d)
    if (d < extra || (shape[d - extra] == 1 && x.t.shape()[d] != 1)) axes.push_back(d);
  const Tensor summed = axes.empty() ? x.t : sum(x, axes, true);
  return reshape(summed, shape);
}

}  // namespace cairn
