// Reading and writing by index. An index out of range is an error that names the op.
#pragma once
#include "cairn/ops/op.h"

namespace cairn {

// Rows of `weight` [V, D] for indices of any shape (i32 or i64): [..., D].
Tensor embedding(const Tensor& weight, In indices);
// out[..., i, ...] = x[..., index[..., i, ...], ...] along `axis`; shapes agree elsewhere
// (torch.gather).
Tensor gather(In x, int64_t axis, const Tensor& index);
// x with src added at index along `axis` (torch.scatter_add); repeated indices add up.
Tensor scatter_add(In x, int64_t axis, const Tensor& index, const Tensor& src);
// x with src written at index along `axis` (torch.scatter); where an index is repeated the last one
// stays.
Tensor scatter(In x, int64_t axis, const Tensor& index, const Tensor& src);
// x with the entries of src added at the places `index` (1-d) along `axis`.
Tensor index_add(In x, int64_t axis, const Tensor& index, const Tensor& src);
// The given entries along `axis`: index is 1-d.
Tensor index_select(In x, int64_t axis, const Tensor& index);
// x itself; stops the step (or throws, eagerly) when a value is NaN or infinite. Compiled, no State
// has changed then.
Tensor check_finite(In x);
Tensor one_hot(In index, int64_t classes, DType dtype = DType::f32);

}  // namespace cairn
