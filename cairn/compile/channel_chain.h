// What follows a convolution: elementwise ops with one value a channel.
#pragma once
#include "cairn/compile/chains.h"

namespace cairn {

// `small` has one value for each channel of y [N, C, ...], and broadcasts to it: [C, 1...] or [1,
// C, 1...].
inline bool is_per_channel(const TensorDesc& small, const TensorDesc& y) {
  const int spatial = y.shape.ssize() - 2, rank = small.shape.ssize();
  if (small.dtype != y.dtype || spatial < 1 || rank < spatial + 1 || rank > spatial + 2)
    return false;
  return small.shape[rank - spatial - 1] == y.shape[1] && numel(small.shape) == y.shape[1];
}

}  // namespace cairn
