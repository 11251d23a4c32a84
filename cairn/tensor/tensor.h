// Tensor: a handle to an immutable value, or to a State.
//
// A value never changes; `x += y` rebinds the handle. Only a State (parameter, buffer, optimizer slot,
// cache; see state()) can be assigned, with assign(). Handles of one State share it.
// Inside compile() a tensor may be *traced*: it has a description but no memory yet.
#pragma once
#include <span>
#include <vector>

#include "cairn/base/ref.h"
#include "cairn/device/backend.h"
#include "cairn/tensor/layout.h"

namespace cairn {

struct TensorImpl : RefCounted {
  TensorDesc desc;
  Ref<Buffer> buffer;       // null while traced
  int32_t value = -1;       // traced: the number of the value in the recorder's graph
  uint32_t trace = 0;       // traced: which recorder
  bool requires_grad = false;
  bool is_state = false;
  int grad_index = 0;       // which output of grad_fn this is
  Ref<RefCounted> grad_fn;  // autograd's GradNode, null for leaves
  Ref<TensorImpl> origin;   // a traced read of a State: that State
  Ref<TensorImpl> grad;     // leaves: what backward() accumulated
  uint64_t version = 0;     // State: number of assignments

  void* operator new(size_t bytes);
  void operator delete(void* memory, size_t bytes);
};

class Tensor {
 public:
  Tensor() = default;
  explicit Tensor(Ref<TensorImpl> impl) : impl_(std::move(impl)) {}

  bool defined() const { return static_cast<bool>(impl_); }
  const Shape& shape() const { return impl_->desc.shape; }
  int64_t size(int64_t axis) const;  // negative counts from the end
  int rank() const { return impl_->desc.shape.ssize(); }
  int64_t numel() const { return cairn::numel(impl_->desc.shape); }
  DType dtype() const { return impl_->desc.dtype; }
  const TensorDesc& desc() const { return impl_->desc; }
  bool is_state() const { return impl_->is_state; }
  bool traced() const { return impl_->value >= 0; }

  // Autograd. requires_grad() is true for leaves that want a gradient and for all computed from them.
  bool requires_grad() const { return impl_->requires_grad; }
  Tensor& set_requires_grad(bool on = true);  // leaves only
  Tensor detach() const;                      // the same value, outside the tape
  Tensor grad() const;                        // undefined when there is none
  void set_grad(const Tensor& gradient) const;

  // Values on the host, in logical row-major order. Errors while traced ("reading a value while tracing").
  template <class T>
  std::vector<T> to_vector() const;
  double item() const;  // one element, any dtype

  TensorImpl* impl() const { return impl_.get(); }
  const Ref<TensorImpl>& ref() const { return impl_; }

 private:
  Ref<TensorImpl> impl_;
};

using Tensors = std::vector<Tensor>;

// New values on the current back end.
Tensor empty(const Shape& shape, DType dtype = DType::f32);
Tensor from_host(const void* data, const Shape& shape, DType dtype);
template <class T>
Tensor tensor(const std::vector<T>& values, const Shape& shape);
Tensor tensor(std::initializer_list<float> values);  // 1-d f32
Tensor scalar(double value, DType dtype = DType::f32);

// A new State that starts as a copy of `initial`; parameter() also wants a gradient.
Tensor state(const Tensor& initial);
Tensor parameter(const Tensor& initial);
// Gives `target` (a State) a new value of the same shape and dtype; recorded inside compile().
void assign(const Tensor& target, const Tensor& value);

// Copies the elements to `target` (numel * size_of(dtype) bytes), row-major.
void copy_to_host(const Tensor& t, void* target);

}  // namespace cairn
