#include "cairn/ops/loss.h"

#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"

namespace cairn {
namespace {

Tensor reduced(const Tensor& t, Reduction reduction) {
  switch (reduction) {
    case Reduction::mean: return mean(t);
    case Reduction::sum: return sum(t);
    case Reduction::none: return t;
  }
  return t;
}
void same_shape(const char* op, const In& x, const Tensor& target) {
  check(target.defined() && x.t.shape() == target.shape(), "{}: input {} and target {} differ in shape{}", op,
        to_string(x.t.shape()), target.defined() ? to_string(target.shape()) : "undefined", where(x.loc));
}

}  // namespace

// Written with comparisons along the class axis rather than a gather: it fuses into one pass over the
// logits, forward and backward.
Tensor cross_entropy(In logits, const Tensor& target, const CrossEntropyOptions& o) {
  const int rank = logits.t.rank();
  Shape expected = {logits.t.shape()[0]};
  for (int d = 2; d < rank; ++d) expected.push_back(logits.t.shape()[d]);
  check(rank >= 2 && target.defined() && target.shape() == expected,
        "cross_entropy: logits {} want targets of shape {}, got {}{}", to_string(logits.t.shape()), to_string(expected),
        target.defined() ? to_string(target.shape()) : "undefined", where(logits.loc));
  const int64_t classes = logits.t.shape()[1];
  const Tensor kept = ne(target, static_cast<double>(o.ignore_index));
  const Tensor label = apply(op_named("check_index"), {where(kept, target, full({}, 0, target.dtype()))},
                             {{"low", int64_t{0}}, {"high", classes}}, logits.loc);
  Shape along(rank - 1, 1);
  along[0] = classes;
  const Tensor hit = eq(unsqueeze(label, 1), reshape(cast(arange(0, classes), target.dtype()), along));
  const Tensor log_p = log_softmax(logits, 1);
  Tensor row_weight = cast(kept, log_p.dtype());
  Tensor class_weight;
  if (o.weight.defined()) {
    check(o.weight.shape() == Shape{classes}, "cross_entropy: weight {} for {} classes{}", to_string(o.weight.shape()), classes, where(logits.loc));
    class_weight = reshape(o.weight, along);
    row_weight = row_weight * sum(where(hit, class_weight, full({}, 0, log_p.dtype())), {1});
  }
  const Tensor picked = sum(where(hit, log_p, full({}, 0, log_p.dtype())), {1});
  Tensor loss = neg(picked) * row_weight;
  if (o.label_smoothing > 0) {
    const Tensor weighted = class_weight.defined() ? log_p * class_weight : log_p;
    const Tensor smooth = neg(sum(weighted, {1})) * cast(kept, log_p.dtype()) * (1.0 / static_cast<double>(classes));
    loss = loss * (1 - o.label_smoothing) + smooth * o.label_smoothing;
  }
  if (o.reduction == Reduction::mean) return div(In(sum(loss), logits.loc), sum(row_weight));
  return reduced(loss, o.reduction);
}

Tensor mse_loss(In x, const Tensor& target, Reduction reduction) {
  same_shape("mse_loss", x, target);
  return reduced(square(x - target), reduction);
}
Tensor l1_loss(In x, const Tensor& target, Reduction reduction) {
  same_shape("l1_loss", x, target);
  return reduced(abs(x - target), reduction);
}
// max(x, 0) - x t + log(1 + e^-|x|): stable for large |x|.
Tensor binary_cross_entropy_with_logits(In x, const Tensor& target, Reduction reduction) {
  same_shape("binary_cross_entropy_with_logits", x, target);
  return reduced(softplus(x, 1.0, 1e30) - x * target, reduction);
}

}  // namespace cairn
