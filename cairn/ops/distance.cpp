#include "cairn/ops/distance.h"

#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"

namespace cairn {
namespace {

Tensor norm_of(const In& x, double p, int64_t axis, bool keepdim) {
  check(p >= 1, "norm: p is {}, wants 1 or more{}", p, where(x.loc));
  if (p == 2) return norm(x, {axis}, keepdim);
  if (p == 1) return sum(abs(x), {axis}, keepdim);
  return pow(sum(pow(abs(x), p), {axis}, keepdim), 1 / p);
}

}  // namespace

Tensor normalize(In x, double p, int64_t axis, double eps) {
  return x / clamp_min(norm_of(x, p, normalize_axis("normalize", axis, x.t.rank(), x.loc), true), eps);
}

Tensor cosine_similarity(In a, const Tensor& b, int64_t axis, double eps) {
  const Tensor product = mul(a, b);
  const int d = normalize_axis("cosine_similarity", axis, product.rank(), a.loc) - product.rank();  // from the end: both may broadcast
  const Tensor length_a = clamp_min(norm(a, {d}), eps), length_b = clamp_min(norm(b, {d}), eps);
  return sum(product, {d}) / (length_a * length_b);
}

Tensor pairwise_distance(In a, const Tensor& b, double p, double eps, bool keepdim) {
  return norm_of(In((a - b) + eps, a.loc), p, -1, keepdim);
}

Tensor cdist(In a, const Tensor& b) {
  check(a.t.rank() >= 2 && b.defined() && b.rank() >= 2 && a.t.size(-1) == b.size(-1), "cdist: rows of {} and {} differ in width{}",
        to_string(a.t.shape()), b.defined() ? to_string(b.shape()) : "undefined", where(a.loc));
  return norm(unsqueeze(a, -2) - unsqueeze(b, -3), {-1});
}

}  // namespace cairn
