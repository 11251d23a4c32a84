// Tensor: a handle to an immutable value, or to a State.
//
// A value never changes; `x += y` rebinds the handle. Only a State (parameter, buffer, optimizer
// slot, cache; see state()) can be assigned, with assign(). Handles of one State share it. Inside
// compile() a tensor may be *traced*: it has a description but no memory yet.
//
// A handle may be undefined (Tensor()). Every method but defined(), ref() and impl() then throws
// Error, with the function that asked, the module's path and the user's line.
#pragma once
#include <source_location>
#include <span>
#include <vector>

#include "cairn/base/ref.h"
#include "cairn/device/backend.h"
#include "cairn/tensor/layout.h"

namespace cairn {

// Where a call was made from.
using Loc = std::source_location;

// The trace that runs on this thread; 0: none. What is made meanwhile, with memory of its own, is a
// constant of the trace.
inline constinit thread_local uint32_t trace_of_thread = 0;

struct TensorImpl : RefCounted {
  TensorDesc desc;
  Ref<Buffer> buffer;  // null while traced
  int32_t value = -1;  // traced: the number of the value in the recorder's graph
  uint32_t trace =
      trace_of_thread;  // traced: which recorder; else: the trace during which it was made
  bool requires_grad = false;
  bool is_state = false;
  bool retired = false;     // a parameter whose module was replaced by another
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
  Tensor(const Tensor&) = default;
  Tensor(Tensor&&) noexcept = default;
  Tensor& operator=(Tensor other) noexcept;  // compile() sees it: ops/state.cpp
  ~Tensor() = default;

  bool defined() const { return static_cast<bool>(impl_); }
  const Shape& shape(Loc loc = Loc::current()) const { return known(loc)->desc.shape; }
  int64_t size(int64_t axis, Loc loc = Loc::current()) const;  // negative counts from the end
  int rank(Loc loc = Loc::current()) const { return known(loc)->desc.shape.ssize(); }
  int64_t numel(Loc loc = Loc::current()) const { return cairn::numel(known(loc)->desc.shape); }
  DType dtype(Loc loc = Loc::current()) const { return known(loc)->desc.dtype; }
  const TensorDesc& desc(Loc loc = Loc::current()) const { return known(loc)->desc; }
  bool is_state(Loc loc = Loc::current()) const { return known(loc)->is_state; }
  bool traced(Loc loc = Loc::current()) const { return known(loc)->value >= 0; }

  // Autograd. requires_grad() is true for leaves that want a gradient and for all computed from
  // them.
  bool requires_grad(Loc loc = Loc::current()) const { return known(loc)->requires_grad; }
  Tensor& set_requires_grad(bool on = true, Loc loc = Loc::current());  // leaves only
  Tensor detach(Loc loc = Loc::current()) const;  // the same value, outside the tape
  // What backward() left; undefined when there is none. Inside compile(): as at this place of each
  // call.
  Tensor grad(Loc loc = Loc::current()) const;
  // Of the tensor's shape; undefined: clears it.
  void set_grad(const Tensor& gradient, Loc loc = Loc::current()) const;

  // Values on the host, in logical row-major order. Errors while traced ("reading a value while
  // tracing").
  template <class T>
  std::vector<T> to_vector(Loc loc = Loc::current()) const;
  double item(Loc loc = Loc::current()) const;  // one element, any dtype

  TensorImpl* impl() const { return impl_.get(); }
  const Ref<TensorImpl>& ref() const { return impl_; }

 private:
  TensorImpl* known(const Loc& loc) const {
    if (!impl_) [[unlikely]]
      use_of_undefined(loc);
    return impl_.get();
  }
  [[noreturn]] static void use_of_undefined(const Loc& loc);  // ops/state.cpp

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
