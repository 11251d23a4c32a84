// The reference back end's kernels: plain loops in double, the oracle of the tests. Clear before
// fast.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "cairn/ops/op.h"

namespace cairn::reference {

// One tensor of a launch, read and written by logical index whatever its layout and dtype.
class View {
 public:
  View(const TensorDesc& desc, const void* data);
  const Shape& shape() const { return desc_->shape; }
  int64_t count() const { return count_; }
  // Flat logical (row-major) index.
  double get(int64_t flat) const { return load_element(at(offset(flat)), desc_->dtype); }
  void set(int64_t flat, double value) const {
    store_element(at(offset(flat)), desc_->dtype, value);
  }
  int64_t get_integer(int64_t flat) const;              // exact for i64
  void set_integer(int64_t flat, int64_t value) const;  // narrow integers keep the low bits
  // As a T: double, or int64_t for integers, exactly; what does not fit wraps.
  template <class T>
  T as(int64_t flat) const {
    if constexpr (std::is_same_v<T, double>) return get(flat);
    else return get_integer(flat);
  }
  template <class T>
  void put(int64_t flat, T value) const {
    if constexpr (std::is_same_v<T, double>) set(flat, value);
    else set_integer(flat, value);
  }
  // Writes an element of another view of the same dtype, unchanged.
  void copy(int64_t flat, const View& from, int64_t source) const {
    if (is_integer(desc_->dtype)) set_integer(flat, from.get_integer(source));
    else set(flat, from.get(source));
  }
  bool integers() const { return is_integer(desc_->dtype); }
  // By coordinates.
  double get(const Ints& where) const { return load_element(at(offset(where)), desc_->dtype); }
  void set(const Ints& where, double value) const {
    store_element(at(offset(where)), desc_->dtype, value);
  }
  void fill_zero()
      const;  // the whole buffer, padded lanes included (contiguous or blocked outputs)

 private:
  int64_t offset(int64_t flat) const;
  int64_t offset(const Ints& where) const;
  char* at(int64_t element) const { return data_ + element * static_cast<int64_t>(size_); }

  const TensorDesc* desc_;
  char* data_;
  size_t size_;
  int64_t count_;
};

// What overflows wraps, as in every vector kernel.
inline double sum_of(double a, double b) { return a + b; }
inline double product_of(double a, double b) { return a * b; }
inline int64_t sum_of(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
}
inline int64_t product_of(int64_t a, int64_t b) {
  return static_cast<int64_t>(static_cast<uint64_t>(a) * static_cast<uint64_t>(b));
}

struct Call {
  const OpCall& op;
  const Launch& launch;
  View in(int i) const { return View(*op.inputs[i], launch.inputs[i]); }
  View out(int i = 0) const { return View(*op.outputs[i], launch.outputs[i]); }
  const Attrs& attrs() const { return *op.attrs; }
  void bad_index(int64_t position, int64_t value) const;
  void not_finite(int64_t position) const;
};

using Kernel = void (*)(const Call& call);
struct Row {
  const char* op;
  Kernel kernel;
};
// One table a family.
std::span<const Row> elementwise_kernels();
std::span<const Row> reduce_kernels();
std::span<const Row> view_kernels();
std::span<const Row> matmul_kernels();
std::span<const Row> conv_kernels();
std::span<const Row> pool_kernels();
std::span<const Row> index_kernels();
std::span<const Row> random_kernels();
std::span<const Row> sort_kernels();    // also resampling
std::span<const Row> linalg_kernels();  // also the Fourier transform
std::span<const Row> qlinear_kernels();
Kernel find_kernel(const char* op);  // nullptr: none

// Coordinates of a flat row-major index and back.
Ints coordinates(int64_t flat, const Shape& shape);
int64_t flat_index(const Ints& where, const Shape& shape);
// Steps `where` to the next coordinates in row-major order; false after the last.
bool next(Ints& where, const Shape& shape);

}  // namespace cairn::reference
