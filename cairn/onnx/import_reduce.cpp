// Reductions, softmax and losses.
#include <limits>

#include "cairn/onnx/node_call.h"
#include "cairn/ops/context.h"

namespace cairn::onnx {
namespace {

struct Reduced {
  Tensor x;
  Ints axes;
  bool keep, none;  // none: over no axis
};
Reduced reduction(const NodeCall& c) {
  Reduced r{c.in(0), c.host_or(1, "axes"), c.integer("keepdims", 1) != 0, false};
  r.none = r.axes.empty() && c.integer("noop_with_empty_axes", 0) != 0;
  if (r.axes.empty() || r.x.rank() == 0) {
    r.axes = {};
    for (int d = 0; d < r.x.rank(); ++d) r.axes.push_back(d);
  }
  r.none |= r.x.rank() == 0;
  return r;
}

// `before` and `after` the sum, product, ...; in the input's type.
using Fold = Tensor (*)(In, const Ints&, bool);
template <Fold fold>
Tensor folded(const Reduced& r, const Tensor& x) {
  return r.none ? x : fold(x, r.axes, r.keep);
}
template <Fold fold>
void reduce_by(NodeCall& c) {
  const Reduced r = reduction(c);
  c.give(cast(folded<fold>(r, r.x), r.x.dtype()));
}
void read_l1(NodeCall& c) {
  const Reduced r = reduction(c);
  c.give(cast(folded<sum>(r, abs(r.x)), r.x.dtype()));
}
void read_l2(NodeCall& c) {
  const Reduced r = reduction(c);
  c.give(cast(sqrt(folded<sum>(r, r.x * r.x)), r.x.dtype()));
}
void read_sum_square(NodeCall& c) {
  const Reduced r = reduction(c);
  c.give(cast(folded<sum>(r, r.x * r.x), r.x.dtype()));
}
void read_log_sum(NodeCall& c) {
  const Reduced r = reduction(c);
  c.give(cast(log(folded<sum>(r, r.x)), r.x.dtype()));
}
void read_log_sum_exp(NodeCall& c) {
  const Reduced r = reduction(c);
  if (r.x.numel() == 0) return c.give(log(folded<sum>(r, exp(r.x))));
  c.give(cast(r.none ? r.x : logsumexp(r.x, r.axes, r.keep), r.x.dtype()));
}

// The largest or smallest; of nothing: what is below or above all.
template <Fold fold, int sign>
void read_extreme(NodeCall& c) {
  const Reduced r = reduction(c);
  const DType dtype = r.x.dtype();
  if (r.x.numel() != 0 || r.none) {
    const bool flags = dtype == DType::boolean;
    return c.give(cast(folded<fold>(r, flags ? cast(r.x, DType::i32) : r.x), dtype));
  }
  const double infinite = std::numeric_limits<double>::infinity();
  const double beyond = dtype == DType::boolean ? (sign > 0 ? 0 : 1) : -sign * infinite;
  const Tensor shape = sum(cast(r.x, DType::f32), r.axes, r.keep);
  c.give(cast(full(shape.shape(), beyond, DType::f64), dtype));
}

template <Tensor (*arg)(In, int64_t, bool)>
void read_arg(NodeCall& c) {
  const Tensor& x = c.in(0);
  const int64_t axis = c.axis(c.integer("axis", 0), x.rank());
  const bool keep = c.integer("keepdims", 1) != 0;
  if (c.integer("select_last_index", 0) == 0) return c.give(arg(x, axis, keep));
  const Tensor from_end = arg(flip(x, {axis}), axis, keep);
  c.give(-from_end + static_cast<double>(x.size(axis) - 1));
}

// Before opset 13 over all axes from the one that is named on.
template <Tensor (*f)(In, int64_t)>
void along(NodeCall& c) {
  const Tensor& x = c.in(0);
  const bool flattens = c.opset() < 13;
  const int64_t axis = c.axis(c.integer("axis", flattens ? 1 : -1), std::max(x.rank(), 1));
  if (!flattens || axis == x.rank() - 1) return c.give(f(x, axis));
  int64_t rows = 1;
  for (int64_t d = 0; d < axis; ++d) rows *= x.size(d);
  c.give(reshape(f(reshape(x, {rows, rows ? x.numel() / rows : 0}), 1), x.shape()));
}
Tensor hardmax(In x, int64_t axis) {
  Shape line(static_cast<size_t>(x->rank()), 1);
  line[static_cast<size_t>(axis)] = x->size(axis);
  const Tensor at = reshape(arange(0, x->size(axis)), line);
  return cast(eq(at, argmax(x, axis, true)), x->dtype());
}

// log p [N, C, d...], target [N, d...].
Tensor negative_log_likelihood(NodeCall& c, const Tensor& log_p) {
  const Tensor target = cast(c.in(1), DType::i64), weight = c.maybe(2);
  const bool ignores = c.gives_attribute("ignore_index");
  const auto ignored = static_cast<double>(c.integer("ignore_index", 0));
  const Tensor kept = ne(target, scalar(ignores ? ignored : -1e9, DType::i64));
  const Tensor safe = where(kept, target, scalar(0, DType::i64));
  Tensor loss = -squeeze(gather(log_p, 1, unsqueeze(safe, 1)), {1});
  Tensor counts = cast(kept, log_p.dtype());
  if (weight.defined()) {
    const Tensor each = index_select(weight, 0, reshape(safe, {safe.numel()}));
    counts = counts * reshape(each, safe.shape());
  }
  loss = where(kept, loss * counts, scalar(0, loss.dtype()));
  const std::string how = c.text("reduction", "mean");
  if (how == "none") return loss;
  return how == "sum" ? sum(loss) : sum(loss) / sum(counts);
}
void read_nll(NodeCall& c) { c.give(negative_log_likelihood(c, c.in(0))); }
void read_softmax_cross_entropy(NodeCall& c) {
  const Tensor log_p = log_softmax(c.in(0), 1);
  c.give(negative_log_likelihood(c, log_p)), c.give(log_p, 1);
}

constexpr OpRow kReductions[] = {
    {"ArgMax", read_arg<argmax>},
    {"ArgMin", read_arg<argmin>},
    {"Hardmax", along<hardmax>},
    {"LogSoftmax", along<log_softmax>},
    {"NegativeLogLikelihoodLoss", read_nll},
    {"ReduceL1", read_l1},
    {"ReduceL2", read_l2},
    {"ReduceLogSum", read_log_sum},
    {"ReduceLogSumExp", read_log_sum_exp},
    {"ReduceMax", read_extreme<amax, 1>},
    {"ReduceMean", reduce_by<mean>},
    {"ReduceMin", read_extreme<amin, -1>},
    {"ReduceProd", reduce_by<prod>},
    {"ReduceSum", reduce_by<sum>},
    {"ReduceSumSquare", read_sum_square},
    {"Softmax", along<softmax>},
    {"SoftmaxCrossEntropyLoss", read_softmax_cross_entropy},
};

}  // namespace

OpRows reduce_rows() { return kReductions; }

}  // namespace cairn::onnx
