// Ranges whose start is a tensor, so that one compiled step does for every place.
#pragma once
#include "cairn/ops/op.h"

namespace cairn {

// `length` elements of x along `axis` from `start` on ([] i32 or i64); and x with `update` in the
// place of such a range (XLA's DynamicSlice and DynamicUpdateSlice; torch.slice_scatter with a
// start that is a number). As in XLA a start is moved to where the range fits. A compiled step that
// assigns a State its own update writes it where it lies: a cache that grows costs what is new.
Tensor dynamic_slice(In x, const Tensor& start, int64_t axis, int64_t length);
Tensor dynamic_update_slice(In x, const Tensor& update, const Tensor& start, int64_t axis);

}  // namespace cairn
