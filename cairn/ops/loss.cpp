#include "cairn/ops/loss.h"

#include <algorithm>
#include <cmath>

#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"

namespace cairn {
namespace {

Tensor reduced(const Tensor& t, Reduction reduction) {
  switch (reduction) {
    case Reduction::mean: return mean(t);
    case Reduction::sum: return sum(t);
    case Reduction::none: return t;
    case Reduction::batchmean: break;
  }
  fail("Reduction::batchmean is for kl_div only{}", where(context().loc));
}
// The sum over that of the weights, for a mean.
Tensor weighted(const In& x, Tensor terms, const Tensor& weight, Reduction reduction) {
  if (!weight.defined()) return reduced(terms, reduction);
  check(weight.shape() == terms.shape(), "loss: weights {} for terms {}{}",
        to_string(weight.shape()), to_string(terms.shape()), where(x.loc));
  terms = terms * weight;
  return reduction == Reduction::mean ? sum(terms) / sum(weight) : reduced(terms, reduction);
}
void same_shape(const char* op, const In& x, const Tensor& target) {
  check(target.defined() && x.t.shape() == target.shape(),
        "{}: input {} and target {} differ in shape{}", op, to_string(x.t.shape()),
        target.defined() ? to_string(target.shape()) : "undefined", where(x.loc));
}
void must_broadcast(const char* op, const In& x, const Tensor& target) {
  bool fits = target.defined();
  const Shape &a = x.t.shape(), &b = fits ? target.shape() : a;
  if (!a.empty() && !b.empty()) {
    fits = fits && a.size() == b.size();
    for (int d = 0; fits && d < a.ssize(); ++d) fits = a[d] == b[d] || a[d] == 1 || b[d] == 1;
  }
  check(fits, "{}: input {} and target {} differ in shape{}", op, to_string(a),
        target.defined() ? to_string(b) : "undefined", where(x.loc));
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

Tensor mse_loss(In x, const Tensor& target, Reduction reduction, const Tensor& weight) {
  must_broadcast("mse_loss", x, target);
  return weighted(x, square(x - target), weight, reduction);
}
Tensor l1_loss(In x, const Tensor& target, Reduction reduction, const Tensor& weight) {
  must_broadcast("l1_loss", x, target);
  return weighted(x, abs(x - target), weight, reduction);
}
Tensor huber_loss(In x, const Tensor& target, double delta, Reduction reduction,
                  const Tensor& weight) {
  must_broadcast("huber_loss", x, target);
  check(delta > 0, "huber_loss: delta {} must be positive{}", delta, where(x.loc));
  const Tensor distance = x - target, near = clamp(distance, -delta, delta);
  const Tensor terms = near * (distance - near * 0.5);
  if (reduction != Reduction::mean) return weighted(x, terms, weight, reduction);
  return mean(weighted(x, terms, weight, Reduction::none));
}
Tensor smooth_l1_loss(In x, const Tensor& target, double beta, Reduction reduction) {
  if (beta == 0) return l1_loss(x, target, reduction);
  return huber_loss(x, target, beta, reduction) * (1 / beta);
}
Tensor binary_cross_entropy(In p, const Tensor& target, Reduction reduction) {
  return binary_cross_entropy(p, target, BceOptions{.reduction = reduction});
}
Tensor binary_cross_entropy(In p, const Tensor& target, const BceOptions& o) {
  same_shape("binary_cross_entropy", p, target);
  check(!o.pos_weight.defined(),
        "binary_cross_entropy: pos_weight is an option of binary_cross_entropy_with_logits{}",
        where(p.loc));
  const DType dtype = promote(p.t.dtype(), target.dtype());
  const Tensor terms =
      apply(op_named("binary_cross_entropy"), {cast(p, dtype), cast(target, dtype)}, {}, p.loc);
  return reduced(o.weight.defined() ? mul(In(terms, p.loc), o.weight) : terms, o.reduction);
}
Tensor kl_div(In log_q, const Tensor& target, Reduction reduction, bool log_target) {
  must_broadcast("kl_div", log_q, target);
  if (reduction == Reduction::batchmean) {
    check(log_q.t.rank() > 0, "kl_div: a single number has no batch{}", where(log_q.loc));
    return kl_div(log_q, target, Reduction::sum, log_target) *
           (1 / static_cast<double>(std::max<int64_t>(1, log_q.t.shape()[0])));
  }
  if (log_target) return reduced(exp(target) * (target - log_q), reduction);
  const Tensor zero = full({}, 0, target.dtype()), some = gt(target, 0);
  const Tensor entropy =
      where(some, target * log(where(some, target, full({}, 1, target.dtype()))), zero);
  return reduced(entropy - target * log_q, reduction);
}
Tensor cosine_embedding_loss(In a, const Tensor& b, const Tensor& target, double margin,
                             Reduction reduction) {
  must_broadcast("cosine_embedding_loss", a, b);
  // PyTorch adds to the squared lengths here; cosine_similarity() limits them from below.
  const auto squared = [](const Tensor& t) { return sum(square(t), {-1}) + 1e-12; };
  const Tensor cosine = sum(a * b, {-1}) / sqrt(squared(a) * squared(b));
  check(target.defined() && target.shape() == cosine.shape(),
        "cosine_embedding_loss: wants targets {}{}", to_string(cosine.shape()), where(a.loc));
  return reduced(where(gt(target, 0), 1.0 - cosine, relu(cosine - margin)), reduction);
}
Tensor triplet_margin_loss(In anchor, const Tensor& positive, const Tensor& negative, double margin,
                           double p, Reduction reduction) {
  return triplet_margin_loss(anchor, positive, negative,
                             {.margin = margin, .p = p, .reduction = reduction});
}
Tensor triplet_margin_loss(In anchor, const Tensor& positive, const Tensor& negative,
                           const TripletOptions& o) {
  check(o.margin > 0, "triplet_margin_loss: the margin {} must be positive{}", o.margin,
        where(anchor.loc));
  must_broadcast("triplet_margin_loss", anchor, positive);
  must_broadcast("triplet_margin_loss", anchor, negative);
  Tensor away = pairwise_distance(anchor, negative, o.p, o.eps);
  if (o.swap)
    away = minimum(away, pairwise_distance(In(positive, anchor.loc), negative, o.p, o.eps));
  return reduced(relu(pairwise_distance(anchor, positive, o.p, o.eps) - away + o.margin),
                 o.reduction);
}
Tensor margin_ranking_loss(In a, const Tensor& b, const Tensor& target, double margin,
                           Reduction reduction) {
  must_broadcast("margin_ranking_loss", a, b);
  must_broadcast("margin_ranking_loss", a, target);
  return reduced(relu((b - a) * target + margin), reduction);
}
Tensor hinge_embedding_loss(In x, const Tensor& target, double margin, Reduction reduction) {
  must_broadcast("hinge_embedding_loss", x, target);
  const Tensor nothing =
      zeros({}, x.t.dtype());  // a target that is neither 1 nor -1 counts as both
  return reduced(
      where(ne(target, -1), x, nothing) + where(ne(target, 1), relu(margin - x), nothing),
      reduction);
}
Tensor soft_margin_loss(In x, const Tensor& target, Reduction reduction) {
  must_broadcast("soft_margin_loss", x, target);
  return reduced(softplus(In(neg(target * x), x.loc), 1.0, 1e30), reduction);
}
Tensor gaussian_nll_loss(In x, const Tensor& target, const Tensor& variance, double eps,
                         Reduction reduction, bool full) {
  must_broadcast("gaussian_nll_loss", x, target);
  check(variance.defined() && eps > 0, "gaussian_nll_loss: wants a variance and an eps above 0{}",
        where(x.loc));
  const Shape &shape = x.t.shape(),
              rows(shape.begin(), shape.begin() + std::max(0, shape.ssize() - 1));
  // [N] for x [N, D] is one variance a row, as in PyTorch; other shapes broadcast.
  Tensor v = !shape.empty() && variance.shape() != shape && variance.shape() == rows
                 ? unsqueeze(variance, -1)
                 : variance;
  // Limited from below, but a variance that was too small still learns.
  v = v + where(lt(v, eps), eps - v, zeros({}, v.dtype())).detach();
  const Tensor terms = (log(v) + square(x - target) / v) * 0.5;
  return reduced(full ? terms + 0.5 * std::log(2 * M_PI) : terms, reduction);
}
Tensor poisson_nll_loss(In log_rate, const Tensor& target, Reduction reduction) {
  return poisson_nll_loss(log_rate, target, PoissonOptions{.reduction = reduction});
}
Tensor poisson_nll_loss(In x, const Tensor& target, const PoissonOptions& o) {
  must_broadcast("poisson_nll_loss", x, target);
  Tensor terms = o.log_input ? exp(x) - target * x : x - target * log(x + o.eps);
  if (o.full) {
    const Tensor many = gt(target, 1), t = cast(target, terms.dtype());
    const Tensor n = where(many, t, full({}, 1, t.dtype()));
    terms = terms + where(many, n * log(n) - n + log(n * (2 * M_PI)) * 0.5, full({}, 0, t.dtype()));
  }
  return reduced(terms, o.reduction);
}
Tensor binary_cross_entropy_with_logits(In x, const Tensor& target, Reduction reduction) {
  return binary_cross_entropy_with_logits(x, target, BceOptions{.reduction = reduction});
}
Tensor binary_cross_entropy_with_logits(In x, const Tensor& target, const BceOptions& o) {
  same_shape("binary_cross_entropy_with_logits", x, target);
  const DType dtype = promote(x.t.dtype(), target.dtype());
  const Tensor logits = cast(x, dtype), t = cast(target, dtype);
  const auto terms_for = [&](const Tensor& goal) {
    return apply(op_named("binary_cross_entropy_with_logits"), {logits, goal}, {}, x.loc);
  };
  Tensor terms;
  if (o.pos_weight.defined()) {
    const Tensor yes = terms_for(full(t.shape(), 1, dtype)),
                 no = terms_for(full(t.shape(), 0, dtype));
    terms = mul(In(t * yes, x.loc), o.pos_weight) + (1.0 - t) * no;
    check(terms.shape() == x.t.shape(),
          "binary_cross_entropy_with_logits: pos_weight {} does not broadcast to {}{}",
          to_string(o.pos_weight.shape()), to_string(x.t.shape()), where(x.loc));
  } else {
    terms = terms_for(t);
  }
  return reduced(o.weight.defined() ? mul(In(terms, x.loc), o.weight) : terms, o.reduction);
}
Tensor multilabel_soft_margin_loss(In x, const Tensor& target, const Tensor& weight,
                                   Reduction reduction) {
  return reduced(mean(binary_cross_entropy_with_logits(
                          x, target, BceOptions{.weight = weight, .reduction = Reduction::none}),
                      {-1}),
                 reduction);
}
Tensor multi_margin_loss(In x, const Tensor& target, const MultiMarginOptions& o) {
  check(x.t.rank() == 2 && target.defined() && target.shape() == Shape{x.t.shape()[0]},
        "multi_margin_loss: wants [N, C] and class indices [N]{}", where(x.loc));
  check(o.p == 1 || o.p == 2, "multi_margin_loss: p is 1 or 2, not {}{}", o.p, where(x.loc));
  const int64_t classes = x.t.shape()[1];
  const Tensor label =
      apply(op_named("check_index"), {target}, {{"low", int64_t{0}}, {"high", classes}}, x.loc);
  const Tensor hit = eq(unsqueeze(label, 1), cast(arange(0, classes), label.dtype())),
               zero = full({}, 0, x.t.dtype());
  Tensor gap = relu(x - sum(where(hit, x, zero), {1}, true) + o.margin);
  if (o.p == 2) gap = square(gap);
  Tensor terms = sum(where(hit, zero, gap), {1}) * (1 / static_cast<double>(classes));
  if (o.weight.defined()) {
    check(o.weight.shape() == Shape{classes}, "multi_margin_loss: weight {} for {} classes{}",
          to_string(o.weight.shape()), classes, where(x.loc));
    terms = terms * sum(where(hit, o.weight, zero), {1});
  }
  return reduced(terms, o.reduction);
}

}  // namespace cairn
