#include "cairn/nn/position.h"

#include <cmath>

#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"

namespace cairn::nn {
namespace {

// base^(-2 i / dim) for i < dim / 2.
Tensor frequencies(int64_t dim, double base) {
  const Tensor i = arange(0, dim / 2, 1, DType::f32);
  return exp(i * (-2 * std::log(base) / static_cast<double>(dim)));
}

}  // namespace

RotaryEmbedding::RotaryEmbedding(int64_t dim, double base) : dim_(dim), base_(base) {
  check(dim > 0 && dim % 2 == 0, "RotaryEmbedding: {} features; must be even", dim);
}

Tensor RotaryEmbedding::operator()(const Tensor& x, const Tensor& start, Loc loc) const {
  return called({x}, loc, [&] {
    check(x.rank() >= 2 && x.size(-1) == dim_, "RotaryEmbedding: {} does not end in [T, {}]{}",
          to_string(x.shape()), dim_, where(context().loc));
    const int64_t length = x.size(-2);
    Tensor position = arange(0, length);
    if (start.defined()) position = position + start;
    const Tensor angle =
        reshape(cast(position, DType::f32), {length, 1}) * frequencies(dim_, base_);
    const Tensor c = cast(cos(angle), x.dtype()), s = cast(sin(angle), x.dtype());
    const Tensors half = chunk(x, 2, -1);
    return cat({half[0] * c - half[1] * s, half[1] * c + half[0] * s}, -1);
  });
}

Tensor sinusoidal_positions(int64_t count, int64_t dim) {
  check(count > 0 && dim > 0 && dim % 2 == 0,
        "sinusoidal_positions: {} positions of {} features; positive, and the features even", count,
        dim);
  const Tensor angle =
      reshape(arange(0, count, 1, DType::f32), {count, 1}) * frequencies(dim, 10000);
  return reshape(stack({sin(angle), cos(angle)}, 2), {count, dim});
}

}  // namespace cairn::nn
