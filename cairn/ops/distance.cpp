#include "cairn/ops/distance.h"

#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/ops/numeric.h"

namespace cairn {
namespace {

Tensor norm_of(const In& x, double p, int64_t axis, bool keepdim) {
  return vector_norm(x, p, {axis}, keepdim);
}

}  // namespace

Tensor normalize(In x, double p, int64_t axis, double eps) {
  return x /
         clamp_min(norm_of(x, p, normalize_axis("normalize", axis, x.t.rank(), x.loc), true), eps);
}

Tensor cosine_similarity(In a, const Tensor& b, int64_t axis, double eps) {
  // Broadcast first, so that both have the axis whole; divided first, so that the product neither
  // over- nor underflows.
  const Shape shape = broadcast_shapes("cosine_similarity", a.t.shape(), b.shape());
  const int d = normalize_axis("cosine_similarity", axis, shape.ssize(), a.loc);
  const auto unit = [&](const Tensor& t) {
    const Tensor whole = expand(t, shape);
    return whole / clamp_min(norm(whole, {d}, true), eps);
  };
  return sum(unit(a) * unit(b), {d});
}

Tensor pairwise_distance(In a, const Tensor& b, double p, double eps, bool keepdim) {
  return norm_of(In((a - b) + eps, a.loc), p, -1, keepdim);
}

Tensor cdist(In a, const Tensor& b) {
  check(a.t.rank() >= 2 && b.defined() && b.rank() >= 2 && a.t.size(-1) == b.size(-1),
        "cdist: rows of {} and {} differ in width{}", to_string(a.t.shape()),
        b.defined() ? to_string(b.shape()) : "undefined", where(a.loc));
  return norm(unsqueeze(a, -2) - unsqueeze(b, -3), {-1});
}

}  // namespace cairn
