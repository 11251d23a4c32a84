// State: making, assigning and reading tensors across the border of a trace; handles without a
// tensor.
#include <string_view>

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

// "cairn::Tensor cairn::softmax(cairn::In, int64_t)" -> "softmax"; "" where that is no name.
std::string_view name_of_function(std::string_view signature) {
  signature = signature.substr(0, signature.find('('));
  const size_t start = signature.find_last_of(": *&");
  if (start != signature.npos) signature.remove_prefix(start + 1);
  return signature.find_first_of("<>{}") == signature.npos ? signature : std::string_view();
}

}  // namespace

// What a trace itself does with its variables says nothing of those that were captured.
Tensor& Tensor::operator=(Tensor other) noexcept {
  if (trace_of_thread == 0) {
    if (impl_) impl_->note_rebinding();
    if (other.impl_) other.impl_->note_rebinding();
  }
  std::swap(impl_, other.impl_);
  return *this;
}

// Who looked says which function it was. Where it was called: the line that gave an undefined
// argument, if one is alive.
void Tensor::use_of_undefined(const Loc& loc) {
  const std::string_view function =
      is_library_line(loc) ? name_of_function(loc.function_name()) : std::string_view();
  const Loc line = undefined_argument.line() ? undefined_argument : loc;
  fail("{}{}an undefined tensor is used{}", function, function.empty() ? "" : ": ", where(line));
}

Tensor state(const Tensor& initial) {
  check(initial.defined(), "state: undefined initial value");
  check(static_cast<bool>(initial.impl()->buffer), "state: make States outside compile()");
  // The buffer may be shared: who changes a State where it lies copies a shared one first.
  const bool whole =
      initial.desc().contiguous() && initial.impl()->buffer->bytes() == initial.desc().bytes();
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
  if (!target.defined() || !target.is_state())
    fail("assign: the target is not a State; make it with state(){}", where(context().loc));
  if (!value.defined())
    fail("assign: the value for the State {} is an undefined tensor{}", to_string(target.desc()),
         where(context().loc));
  if (target.shape() != value.shape() || target.dtype() != value.dtype())
    fail("assign: the State is {} but the value {}{}", to_string(target.desc()),
         to_string(value.desc()), where(context().loc));
  if (context().recompute) return;  // a region that is run again has assigned already
  if (context().recorder) return context().recorder->assign(target, value);
  TensorImpl& impl = *target.impl();
  const bool own = value.impl()->buffer->use_count() == 1 && value.desc().contiguous();
  const Tensor source = own ? value : fresh_copy(value);
  impl.buffer = source.impl()->buffer;
  impl.desc = source.desc();
  ++impl.version;
}

Tensor Tensor::detach(Loc loc) const {
  known(loc);
  const Tensor source = context().recorder ? context().recorder->read(*this) : *this;
  return same_value(source);
}

Tensor same_value(const Tensor& t) {
  const TensorImpl& source = *t.impl();
  Ref<TensorImpl> impl(new TensorImpl);
  impl->desc = source.desc;
  impl->buffer = source.buffer;
  if (source.value >= 0) impl->value = source.value, impl->trace = source.trace;
  return Tensor(impl);
}

Tensor Tensor::grad(Loc loc) const {
  if (context().recorder) return context().recorder->grad(*known(loc));
  return Tensor(known(loc)->grad);
}

void Tensor::set_grad(const Tensor& gradient, Loc loc) const {
  known(loc);
  if (gradient.defined() && gradient.shape() != shape())
    fail("set_grad: the tensor is {} but its gradient {}{}", to_string(desc()),
         to_string(gradient.desc()), where(loc));
  if (context().recorder) return context().recorder->set_grad(*this, gradient);
  impl_->grad = gradient.ref();
}

bool is_trained(const Tensor& parameter) {
  if (Recorder* recorder = context().recorder)
    recorder->depends_on(Ref<RefCounted>(parameter.impl()), [](const RefCounted& p) -> int64_t {
      return static_cast<const TensorImpl&>(p).requires_grad;
    });
  return parameter.requires_grad();
}

void copy_to_host(const Tensor& t, void* target) {
  if (!t.defined()) fail("reading an undefined tensor{}", where(context().loc));
  if (context().recorder || !t.impl()->buffer)
    fail(
        "reading a value while tracing: inside compile() a tensor has no value yet; "
        "return it from the step and read it outside{}",
        where(context().loc));
  const Tensor plain = t.desc().contiguous() ? t : fresh_copy(t);
  const Buffer& buffer = *plain.impl()->buffer;
  buffer.backend().copy_to_host(target, buffer.data(),
                                static_cast<size_t>(t.numel()) * size_of(t.dtype()));
}

}  // namespace cairn
