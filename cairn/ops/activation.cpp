#include "cairn/ops/activation.h"

#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"

namespace cairn {
namespace {

std::pair<Tensor, Tensor> halves(const char* name, const In& x, int64_t axis) {
  const int64_t size = x.t.size(axis);
  check(size % 2 == 0, "{}: axis {} of {} is not even{}", name, axis, to_string(x.t.shape()),
        where(x.loc));
  return {slice(x, axis, 0, size / 2), slice(x, axis, size / 2, size / 2)};
}

}  // namespace

Tensor glu(In x, int64_t axis) {
  const auto [a, b] = halves("glu", x, axis);
  return a * sigmoid(b);
}
Tensor swiglu(In x, int64_t axis) {
  const auto [a, b] = halves("swiglu", x, axis);
  return silu(a) * b;
}
Tensor prelu(In x, const Tensor& weight) {
  check(weight.defined() && weight.rank() <= 1 && weight.numel() > 0,
        "prelu: the weight must be [], [1] or [channels]{}", where(x.loc));
  Tensor w = weight.numel() == 1 ? reshape(weight, {}) : weight;
  if (weight.numel() > 1) {
    check(x.t.rank() >= 2 && x.t.shape()[1] == weight.numel(), "prelu: {} weights for input {}{}",
          weight.numel(), to_string(x.t.shape()), where(x.loc));
    Shape shape(x.t.rank() - 1, 1);
    shape[0] = weight.numel();
    w = reshape(weight, shape);
  }
  return mul(x, where(gt(x, 0), full({}, 1, x.t.dtype()), w));  // w counts where x is below 0 only
}
Tensor threshold(In x, double limit, double otherwise) {
  return where(le(x, limit), full({}, otherwise, x.t.dtype()), x);  // NaN stays
}
Tensor hardshrink(In x, double lambda) {
  return where(le(abs(x), lambda), full({}, 0, x.t.dtype()), x);
}
Tensor softshrink(In x, double lambda) {
  check(lambda >= 0, "softshrink: lambda {} is negative{}", lambda, where(x.loc));
  return where(le(abs(x), lambda), full({}, 0, x.t.dtype()), x - mul(sign(x), lambda));
}
Tensor tanhshrink(In x) { return x - tanh(x); }
Tensor softmin(In x, int64_t axis) { return softmax(In(neg(x), x.loc), axis); }

Tensor gumbel_softmax(In logits, double temperature, bool hard, int64_t axis) {
  check(temperature > 0, "gumbel_softmax: temperature {} must be positive{}", temperature,
        where(logits.loc));
  const Tensor soft =
      softmax(In((logits + cast(gumbel(logits.t.shape()), logits.t.dtype())) * (1 / temperature),
                 logits.loc),
              axis);
  if (!hard) return soft;
  const Tensor top = cast(eq(soft, amax(soft, {axis}, true)), soft.dtype());
  return (top - soft).detach() + soft;
}

}  // namespace cairn
