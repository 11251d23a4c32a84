// Copies between two layouts of one tensor: plain (any strides) and blocks of channels, weights in
// either order of their blocks. Padding of the target becomes zero. Nothing here allocates after
// construction; a plan is immutable.
#pragma once
#include <array>
#include <cstdint>

#include "cairn/tensor/layout.h"

namespace cairn::cpu {

class Reorder {
 public:
  // Of the same shape and type; neither is packed, and where both are blocked by different numbers,
  // both are blocks of channels: see works().
  Reorder(const TensorDesc& from, const TensorDesc& to);
  static bool works(const TensorDesc& from, const TensorDesc& to);
  // The source's first element lies at its layout's offset.
  void run(const void* from, void* to) const;

 private:
  struct Axis {
    int64_t count = 1, from = 0, to = 0;  // elements from one step to the next
  };
  template <class T>
  void run_as(const T* from, T* to, const std::array<int64_t, 2>& size) const;
  template <class T>
  void copy_pixels(const T* from, T* to, const std::array<int64_t, 2>& lanes, int64_t begin,
                   int64_t end) const;

  size_t element_;
  int64_t from_offset_, to_offset_;
  std::array<int64_t, 2> size_{1, 1}, block_{1, 1};  // of the dimensions that may be blocked
  std::array<int64_t, 2> span_{1, 1};                // elements from one block to the next
  std::array<Axis, 2> blocks_, lanes_;
  std::array<Axis, 3> pixels_;  // what remains, merged where both sides step evenly; the last is
                                // the quickest
  bool pads_ = false;           // the target has lanes that the tensor lacks
  // Blocks of 16 channels against blocks of 8: every second of the smaller ones, then the others.
  Axis rounds_;
  size_t target_bytes_;
};

}  // namespace cairn::cpu
