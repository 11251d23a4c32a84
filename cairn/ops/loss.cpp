#include "cairn/ops/loss.h"

#include <algorithm>

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
  check(target.defined() && x.t.shape() == target.shape(),
        "{}: input {} and target {} differ in shape{}", op, to_string(x.t.shape()),
        target.defined() ? to_string(target.shape()) : "undefined", where(x.loc));
}

}  // namespace

namespace {
// Against the probabilities of all classes. Smoothing mixes them with equal ones.
Tensor probability_loss(const In& logits, const Tensor& target, const CrossEntropyOptions& o) {
  const int64_t classes = logits.t.shape()[1];
  Tensor p = cast(target, logits.t.dtype());
  if (o.label_smoothing > 0)
    p = p * (1 - o.label_smoothing) + o.label_smoothing / static_cast<double>(classes);
  Tensor terms = p * log_softmax(logits, 1);
  if (o.weight.defined()) {
    check(o.weight.shape() == Shape{classes}, "cross_entropy: weight {} for {} classes{}",
          to_string(o.weight.shape()), classes, where(logits.loc));
    Shape along(logits.t.rank() - 1, 1);
    along[0] = classes;
    terms = terms * reshape(o.weight, along);
  }
  return reduced(neg(sum(terms, {1})), o.reduction);
}
// Written with comparisons along the class axis rather than a gather: it fuses into one pass over
// the logits, forward and backward. `normalized`: they are log probabilities already.
Tensor class_loss(const char* name, const In& logits, const Tensor& target,
                  const CrossEntropyOptions& o, bool normalized) {
  const int rank = logits.t.rank();
  check(rank >= 2, "{}: wants [N, C, ...], not {}{}", name, to_string(logits.t.shape()),
        where(logits.loc));
  if (!normalized && target.defined() && is_float(target.dtype()) &&
      target.shape() == logits.t.shape())
    return probability_loss(logits, target, o);
  Shape expected = {logits.t.shape()[0]};
  for (int d = 2; d < rank; ++d) expected.push_back(logits.t.shape()[d]);
  check(rank >= 2 && target.defined() && target.shape() == expected,
        "{}: input {} wants class indices of shape {}{}, got {}{}", name,
        to_string(logits.t.shape()), to_string(expected),
        normalized ? "" : " or probabilities (floats) of the input's shape",
        target.defined() ? to_string(target.shape()) : "undefined", where(logits.loc));
  const int64_t classes = logits.t.shape()[1];
  const Tensor kept = ne(target, static_cast<double>(o.ignore_index));
  const Tensor label =
      apply(op_named("check_index"), {where(kept, target, full({}, 0, target.dtype()))},
            {{"low", int64_t{0}}, {"high", classes}}, logits.loc);
  Shape along(rank - 1, 1);
  along[0] = classes;
  // What is ignored is no class: where nothing else is left, the mean is NaN but the gradient 0.
  const Tensor nothing = full({}, -1, target.dtype()),
               each = reshape(cast(arange(0, classes), target.dtype()), along);
  Tensor hit = eq(unsqueeze(where(kept, label, nothing), 1), each);
  const Tensor log_p = normalized ? logits.t : log_softmax(logits, 1);
  Tensor row_weight = cast(kept, log_p.dtype());
  Tensor class_weight;
  if (o.weight.defined()) {
    check(o.weight.shape() == Shape{classes}, "{}: weight {} for {} classes{}", name,
          to_string(o.weight.shape()), classes, where(logits.loc));
    class_weight = reshape(o.weight, along);
    row_weight = row_weight * sum(where(hit, class_weight, full({}, 0, log_p.dtype())), {1});
    hit = eq(unsqueeze(where(ne(row_weight, 0), label, nothing), 1), each);
  }
  const Tensor picked = sum(where(hit, log_p, full({}, 0, log_p.dtype())), {1});
  Tensor loss = neg(picked) * row_weight;
  if (o.label_smoothing > 0) {
    const Tensor weighted = class_weight.defined() ? log_p * class_weight : log_p;
    const Tensor zero = full({}, 0, log_p.dtype());
    const Tensor smooth =
        where(kept, neg(sum(weighted, {1})), zero) * (1.0 / static_cast<double>(classes));
    loss = loss * (1 - o.label_smoothing) + smooth * o.label_smoothing;
  }
  if (o.reduction == Reduction::mean) return div(In(sum(loss), logits.loc), sum(row_weight));
  return reduced(loss, o.reduction);
}
}  // namespace

Tensor cross_entropy(In logits, const Tensor& target, const CrossEntropyOptions& options) {
  return class_loss("cross_entropy", logits, target, options, false);
}
Tensor nll_loss(In log_probs, const Tensor& target, const CrossEntropyOptions& options) {
  return class_loss("nll_loss", log_probs, target, options, true);
}

Tensor mse_loss(In x, const Tensor& target, Reduction reduction) {
  same_shape("mse_loss", x, target);
  return reduced(square(x - target), reduction);
}
Tensor l1_loss(In x, const Tensor& target, Reduction reduction) {
  same_shape("l1_loss", x, target);
  return reduced(abs(x - target), reduction);
}
Tensor huber_loss(In x, const Tensor& target, double delta, Reduction reduction) {
  same_shape("huber_loss", x, target);
  check(delta > 0, "huber_loss: delta {} must be positive{}", delta, where(x.loc));
  const Tensor distance = x - target, near = clamp(distance, -delta, delta);
  return reduced(near * (distance - near * 0.5), reduction);
}
Tensor smooth_l1_loss(In x, const Tensor& target, double beta, Reduction reduction) {
  if (beta == 0) return l1_loss(x, target, reduction);
  return huber_loss(x, target, beta, reduction) * (1 / beta);
}
Tensor binary_cross_entropy(In p, const Tensor& target, Reduction reduction) {
  same_shape("binary_cross_entropy", p, target);
  const DType dtype = promote(p.t.dtype(), target.dtype());
  return reduced(
      apply(op_named("binary_cross_entropy"), {cast(p, dtype), cast(target, dtype)}, {}, p.loc),
      reduction);
}
Tensor kl_div(In log_q, const Tensor& target, Reduction reduction, bool log_target) {
  same_shape("kl_div", log_q, target);
  if (log_target) return reduced(exp(target) * (target - log_q), reduction);
  const Tensor zero = full({}, 0, target.dtype()), some = gt(target, 0);
  const Tensor entropy =
      where(some, target * log(where(some, target, full({}, 1, target.dtype()))), zero);
  return reduced(entropy - target * log_q, reduction);
}
Tensor cosine_embedding_loss(In a, const Tensor& b, const Tensor& target, double margin,
                             Reduction reduction) {
  same_shape("cosine_embedding_loss", a, b);
  // PyTorch adds to the squared lengths here; cosine_similarity() limits them from below.
  const auto squared = [](const Tensor& t) { return sum(square(t), {-1}) + 1e-12; };
  const Tensor cosine = sum(a * b, {-1}) / sqrt(squared(a) * squared(b));
  check(target.defined() && target.shape() == cosine.shape(),
        "cosine_embedding_loss: wants targets {}{}", to_string(cosine.shape()), where(a.loc));
  return reduced(where(gt(target, 0), 1.0 - cosine, relu(cosine - margin)), reduction);
}
Tensor triplet_margin_loss(In anchor, const Tensor& positive, const Tensor& negative, double margin,
                           double p, Reduction reduction) {
  check(margin > 0, "triplet_margin_loss: the margin {} must be positive{}", margin,
        where(anchor.loc));
  same_shape("triplet_margin_loss", anchor, positive);
  same_shape("triplet_margin_loss", anchor, negative);
  return reduced(relu(pairwise_distance(anchor, positive, p) -
                      pairwise_distance(anchor, negative, p) + margin),
                 reduction);
}
Tensor margin_ranking_loss(In a, const Tensor& b, const Tensor& target, double margin,
                           Reduction reduction) {
  same_shape("margin_ranking_loss", a, b);
  return reduced(relu((b - a) * target + margin), reduction);
}
Tensor hinge_embedding_loss(In x, const Tensor& target, double margin, Reduction reduction) {
  same_shape("hinge_embedding_loss", x, target);
  return reduced(where(gt(target, 0), x, relu(margin - x)), reduction);
}
Tensor soft_margin_loss(In x, const Tensor& target, Reduction reduction) {
  same_shape("soft_margin_loss", x, target);
  return reduced(softplus(In(neg(target * x), x.loc), 1.0, 1e30), reduction);
}
Tensor gaussian_nll_loss(In x, const Tensor& target, const Tensor& variance, double eps,
                         Reduction reduction) {
  same_shape("gaussian_nll_loss", x, target);
  check(variance.defined() && eps > 0, "gaussian_nll_loss: wants a variance and an eps above 0{}",
        where(x.loc));
  const Shape &shape = x.t.shape(),
              rows(shape.begin(), shape.begin() + std::max(0, shape.ssize() - 1));
  // [N] for x [N, D] is one variance a row, as in PyTorch; other shapes broadcast.
  Tensor v = !shape.empty() && variance.shape() != shape && variance.shape() == rows
                 ? unsqueeze(variance, -1)
                 : variance;
  // Limited from below, but a variance that was too small still learns.
  v = v + where(lt(v, eps), eps - v, full({}, 0, v.dtype())).detach();
  return reduced((log(v) + square(x - target) / v) * 0.5, reduction);
}
Tensor poisson_nll_loss(In log_rate, const Tensor& target, Reduction reduction) {
  same_shape("poisson_nll_loss", log_rate, target);
  return reduced(exp(log_rate) - target * log_rate, reduction);
}
Tensor binary_cross_entropy_with_logits(In x, const Tensor& target, Reduction reduction) {
  same_shape("binary_cross_entropy_with_logits", x, target);
  const DType dtype = promote(x.t.dtype(), target.dtype());
  return reduced(apply(op_named("binary_cross_entropy_with_logits"),
                       {cast(x, dtype), cast(target, dtype)}, {}, x.loc),
                 reduction);
}

}  // namespace cairn
