#include "cairn/tensor/tensor.h"

#include <cstring>

#include "cairn/base/error.h"
#include "cairn/device/pool.h"

namespace cairn {

void* TensorImpl::operator new(size_t bytes) { return pool_allocate(bytes); }
void TensorImpl::operator delete(void* memory, size_t bytes) { pool_deallocate(memory, bytes); }

int64_t Tensor::size(int64_t axis, Loc loc) const {
  const Shape& sizes = shape(loc);
  check(!sizes.empty(), "size: axis {} of a tensor without dimensions", axis);
  return sizes[normalize_axis("size", axis, sizes.ssize())];
}

Tensor& Tensor::set_requires_grad(bool on, Loc loc) {
  check(!known(loc)->grad_fn, "set_requires_grad: only leaves can be told; detach() first");
  check(!on || is_float(dtype()), "set_requires_grad: a tensor of {} has no gradient",
        name_of(dtype()));
  if (impl_->requires_grad != on) note_mode_change();
  impl_->requires_grad = on;
  return *this;
}

Tensor empty(const Shape& shape, DType dtype) {
  check(is_possible(shape),
        "empty: a tensor cannot be {}: sizes are 0 or more, and at most 2^60 elements",
        to_string(shape));
  Ref<TensorImpl> impl(new TensorImpl);
  impl->desc = TensorDesc(dtype, shape);
  impl->buffer = new Buffer(current_backend(), impl->desc.bytes());
  return Tensor(impl);
}

Tensor from_host(const void* data, const Shape& shape, DType dtype) {
  Tensor t = empty(shape, dtype);
  const size_t bytes = static_cast<size_t>(t.numel()) * size_of(dtype);
  current_backend().copy_from_host(t.impl()->buffer->data(), data, bytes);
  return t;
}

template <class T>
Tensor tensor(const std::vector<T>& values, const Shape& shape) {
  check(static_cast<int64_t>(values.size()) == numel(shape), "tensor: {} values for shape {}",
        values.size(), to_string(shape));
  return from_host(values.data(), shape, DTypeOf<T>::value);
}
template Tensor tensor(const std::vector<float>&, const Shape&);
template Tensor tensor(const std::vector<double>&, const Shape&);
template Tensor tensor(const std::vector<int32_t>&, const Shape&);
template Tensor tensor(const std::vector<int64_t>&, const Shape&);
template Tensor tensor(const std::vector<uint8_t>&, const Shape&);
template Tensor tensor(const std::vector<int8_t>&, const Shape&);

Tensor tensor(std::initializer_list<float> values) {
  return from_host(values.begin(), {static_cast<int64_t>(values.size())}, DType::f32);
}

Tensor scalar(double value, DType dtype) {
  char bytes[8];
  store_element(bytes, dtype, value);
  return from_host(bytes, {}, dtype);
}

template <class T>
std::vector<T> Tensor::to_vector(Loc loc) const {
  const size_t count = static_cast<size_t>(numel(loc));
  std::vector<char> raw(count * size_of(dtype()));
  copy_to_host(*this, raw.data());
  std::vector<T> values(count);
  for (size_t i = 0; i < count; ++i) {
    const char* p = raw.data() + i * size_of(dtype());
    if (dtype() == DType::i64) {
      int64_t v;
      std::memcpy(&v, p, sizeof v);
      values[i] = static_cast<T>(v);
    } else {
      values[i] = static_cast<T>(load_element(p, dtype()));
    }
  }
  return values;
}
template std::vector<float> Tensor::to_vector<float>(Loc) const;
template std::vector<double> Tensor::to_vector<double>(Loc) const;
template std::vector<int32_t> Tensor::to_vector<int32_t>(Loc) const;
template std::vector<int64_t> Tensor::to_vector<int64_t>(Loc) const;
template std::vector<uint8_t> Tensor::to_vector<uint8_t>(Loc) const;
template std::vector<int8_t> Tensor::to_vector<int8_t>(Loc) const;

double Tensor::item(Loc loc) const {
  check(numel(loc) == 1, "item: the tensor has {} elements, not one", numel());
  char bytes[8];
  copy_to_host(*this, bytes);
  return load_element(bytes, dtype());
}

}  // namespace cairn
