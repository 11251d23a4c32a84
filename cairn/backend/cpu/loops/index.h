// What kernels share that read an index tensor: its elements, their places, the first bad one.
#pragma once
#include <atomic>
#include <cstdint>

#include "cairn/device/backend.h"

namespace cairn::cpu {

// The first bad index of a launch, whichever thread meets it.
class BadIndex {
 public:
  void meet(int64_t position) {
    int64_t known = position_.load(std::memory_order_relaxed);
    while (position < known && !position_.compare_exchange_weak(known, position)) {}
  }
  template <class ValueAt>
  void report(Fault* fault, ValueAt value_at) const {
    if (position_ == kNone || !fault || fault->kind != Fault::none) return;
    *fault = {Fault::bad_index, position_, value_at(position_)};
  }

 private:
  static constexpr int64_t kNone = INT64_MAX;
  std::atomic<int64_t> position_{kNone};
};

inline int64_t read_index(const void* data, DType t, int64_t at) {
  return t == DType::i32 ? static_cast<const int32_t*>(data)[at]
                         : static_cast<const int64_t*>(data)[at];
}

// Where a flat row-major position of a shape lies.
inline int64_t place_of(int64_t flat, const TensorDesc& desc) {
  int64_t place = desc.layout.offset;
  for (int d = desc.shape.ssize() - 1; d >= 0; --d)
    place += flat % desc.shape[d] * desc.layout.strides[d], flat /= desc.shape[d];
  return place;
}

}  // namespace cairn::cpu
