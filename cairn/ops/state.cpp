// State: making, assigning and reading tensors across the border of a trace.
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"

namespace cairn {
namespace {

// A copy that shares its buffer with nothing.
Tensor fresh_copy(const Tensor& t) {
  NoGrad no_grad;
  RecorderScope eager(nullptr);
  return apply(op_named("copy"), {t});
}

Tensor state_of(const Tensor& own) {
  own.impl()->is_state = true;
  return own;
}

}  // namespace

Tensor state(const Tensor& initial) {
  check(initial.defined(), "state: undefined initial value");
  check(static_cast<bool>(initial.impl()->buffer), "state: make States outside compile()");
  // The buffer may be shared: who changes a State where it lies copies a shared one first.
  const bool whole = initial.desc().contiguous() && initial.impl()->buffer->bytes() == initial.desc().bytes();
  if (!whole) return state_of(fresh_copy(initial));
  Ref<TensorImpl> impl(new TensorImpl);
  impl->desc = initial.desc();
  impl->buffer = initial.impl()->buffer;
  return state_of(Tensor(impl));
}

Tensor parameter(const Tensor& initial) {
  Tensor p = state(initial);
  p.set_requires_grad();
  return p;
}

void assign(const Tensor& target, const Tensor& value) {
  check(target.defined() && target.is_state(), "assign: the target is not a State; make it with state()");
  if (target.shape() != value.shape() || target.dtype() != value.dtype())
    fail("assign: the State is {} but the value {}{}", to_string(target.desc()), to_string(value.desc()),
         where(context().loc));
  if (context().recompute) return;  // a region that is run again has assigned already
  if (context().recorder) return context().recorder->assign(target, value);
  TensorImpl& impl = *target.impl();
  const bool own = value.impl()->buffer->use_count() == 1 && value.desc().contiguous();
  const Tensor source = own ? value : fresh_copy(value);
  impl.buffer = source.impl()->buffer;
  impl.desc = source.desc();
  ++impl.version;
}

Tensor Tensor::detach() const {
  const Tensor source = context().recorder ? context().recorder->read(*this) : *this;
  Ref<TensorImpl> impl(new TensorImpl);
  impl->desc = source.impl()->desc;
  impl->buffer = source.impl()->buffer;
  impl->value = source.impl()->value;
  impl->trace = source.impl()->trace;
  return Tensor(impl);
}

Tensor Tensor::grad() const {
  if (context().recorder) return context().recorder->grad(*impl_);
  return Tensor(impl_->grad);
}

void Tensor::set_grad(const Tensor& gradient) const {
  if (context().recorder) return context().recorder->set_grad(*this, gradient);
  impl_->grad = gradient.ref();
}

void copy_to_host(const Tensor& t, void* target) {
  check(t.defined(), "reading an undefined tensor");
  if (context().recorder || !t.impl()->buffer)
    fail("reading a value while tracing: inside compile() a tensor has no value yet; return it from the "
         "step and read it outside{}",
         where(context().loc));
  const Tensor plain = t.desc().contiguous() ? t : fresh_copy(t);
  const Buffer& buffer = *plain.impl()->buffer;
  buffer.backend().copy_to_host(target, buffer.data(), static_cast<size_t>(t.numel()) * size_of(t.dtype()));
}

}  // namespace cairn
