// Shapes and places: views where strides allow, copies elsewhere; and tensors made from nothing.
#pragma once
#include "cairn/ops/op.h"

namespace cairn {

Tensor reshape(In x, const Shape& shape);  // one size may be -1
Tensor flatten(In x, int64_t start_axis = 0, int64_t end_axis = -1);
Tensor permute(In x, const Ints& order);
Tensor transpose(In x, int64_t a, int64_t b);
Tensor expand(In x, const Shape& shape);  // -1 keeps a size
Tensor squeeze(In x, const Ints& axes);   // drops axes of size 1
Tensor unsqueeze(In x, int64_t axis);
// `length` elements along `axis` from `start`, every `step`-th (step may not be negative).
Tensor slice(In x, int64_t axis, int64_t start, int64_t length, int64_t step = 1);
Tensor select(In x, int64_t axis, int64_t index);  // drops the axis
Tensors split(In x, const Ints& sizes, int64_t axis);
Tensors chunk(In x, int64_t count, int64_t axis);
Tensor cat(const Tensors& parts, int64_t axis, Loc loc = Loc::current());
Tensor stack(const Tensors& parts, int64_t axis, Loc loc = Loc::current());
Tensor flip(In x, const Ints& axes);
Tensor roll(In x, int64_t shift, int64_t axis);
Tensor repeat(In x, const Ints& times);  // tiles, as PyTorch's Tensor.repeat
Tensor contiguous(In x);

// Padding: `pads` is {begin, end} for the last axis, then the one before, ... as in PyTorch.
enum class PadMode { constant, reflect, replicate, circular };
Tensor pad(In x, const Ints& pads, PadMode mode = PadMode::constant, double value = 0);

Tensor full(const Shape& shape, double value, DType dtype = DType::f32, Loc loc = Loc::current());
Tensor zeros(const Shape& shape, DType dtype = DType::f32, Loc loc = Loc::current());
Tensor ones(const Shape& shape, DType dtype = DType::f32, Loc loc = Loc::current());
Tensor arange(int64_t start, int64_t end, int64_t step = 1, DType dtype = DType::i64,
              Loc loc = Loc::current());
Tensor eye(int64_t n, DType dtype = DType::f32, Loc loc = Loc::current());
Tensor tril(In x, int64_t diagonal = 0);  // zero above the diagonal
Tensor triu(In x, int64_t diagonal = 0);

}  // namespace cairn
