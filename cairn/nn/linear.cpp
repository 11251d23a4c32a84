#include "cairn/nn/linear.h"

#include <cmath>

#include "cairn/nn/init.h"
#include "cairn/nn/quantize.h"
#include "cairn/nn/ready_weights.h"
#include "cairn/ops/context.h"
#include "cairn/ops/quantize.h"

namespace cairn::nn {

Linear::Linear(int64_t in, int64_t out, LinearOptions options) {
  check(in > 0 && out > 0, "Linear: sizes {} and {} must be positive", in, out);
  weight = param("weight", init::kaiming_uniform({out, in}, std::sqrt(5.0)));
  const double bound = 1 / std::sqrt(static_cast<double>(in));
  if (options.bias) bias = param("bias", init::uniform({out}, -bound, bound));
}

Tensor Linear::forward(Tensor x) {
  if (const QuantizedWeight q = quantized_weight(*this); q.values.defined())
    return linear_int8(x, {q.values, q.scale}, bias);
  return linear_when_ready(x, weight, bias);
}

Bilinear::Bilinear(int64_t in1, int64_t in2, int64_t out, LinearOptions options) {
  check(in1 > 0 && in2 > 0 && out > 0, "Bilinear: sizes {}, {} and {} must be positive", in1, in2,
        out);
  const double bound = 1 / std::sqrt(static_cast<double>(in1));
  weight = param("weight", init::uniform({out, in1, in2}, -bound, bound));
  if (options.bias) bias = param("bias", init::uniform({out}, -bound, bound));
}

Embedding::Embedding(int64_t count, int64_t dim, EmbeddingOptions options)
    : padding_idx_(options.padding_idx) {
  check(count > 0 && dim > 0, "Embedding: sizes {} and {} must be positive", count, dim);
  check(padding_idx_ < count, "Embedding: padding_idx {} is not below {}", padding_idx_, count);
  Tensor initial = init::normal({count, dim});
  if (padding_idx_ >= 0)
    initial = initial * cast(ne(unsqueeze(arange(0, count), 1), static_cast<double>(padding_idx_)),
                             DType::f32);
  weight = param("weight", initial);
}

Tensor Embedding::forward(Tensor indices) {
  const Tensor rows = embedding(weight, indices);
  if (padding_idx_ < 0) return rows;
  // The row is what was loaded; only its gradient stops.
  return where(eq(unsqueeze(indices, -1), static_cast<double>(padding_idx_)), rows.detach(), rows);
}

namespace {
double probability(const char* layer, double p) {
  check(p >= 0 && p <= 1, "{}: probability {} is not in [0, 1]", layer, p);
  return p;
}
}  // namespace

Dropout::Dropout(double p) : p_(probability("Dropout", p)) {}
LockedDropout::LockedDropout(double p, bool batch_first)
    : p_(probability("LockedDropout", p)), batch_first_(batch_first) {}

Tensor locked_dropout(const Tensor& x, double p, bool training, bool batch_first) {
  check(x.rank() == 3, "locked_dropout: wants [T, N, features], not {}{}", to_string(x.shape()),
        where(context().loc));
  if (p == 0 || !training) return x;
  Shape one_step = x.shape();
  one_step[batch_first ? 1 : 0] = 1;
  return x * dropout(ones(one_step, x.dtype()), p);
}

Tensor PReLU::forward(Tensor x) {
  Tensor slope = weight;
  if (weight.numel() > 1) {
    Shape along(static_cast<size_t>(x.rank() - 1), 1);
    along[0] = weight.numel();
    slope = reshape(weight, along);
  }
  return relu(x) - slope * relu(-x);
}

}  // namespace cairn::nn
