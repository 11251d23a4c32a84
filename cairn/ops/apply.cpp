// apply(): the path of every operation of every layer.
#include <array>
#include <optional>

#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"

namespace cairn {
namespace {

// Inputs that were replaced: inline up to eight, so that eager code does not allocate for them.
// Most calls replace none, and work on the caller's.
class Arguments {
 public:
  explicit Arguments(std::span<const Tensor> source) {
    if (source.size() > inline_.size()) large_.resize(source.size());
    data_ = source.size() > inline_.size() ? large_.data() : inline_.data();
    size_ = source.size();
    for (size_t i = 0; i < size_; ++i) data_[i] = source[i];
  }
  Tensor& operator[](size_t i) { return data_[i]; }
  std::span<Tensor> span() { return {data_, size_}; }

 private:
  std::array<Tensor, 8> inline_;
  std::vector<Tensor> large_;
  Tensor* data_;
  size_t size_;
};

void autocast_inputs(const OpDef& op, std::span<Tensor> inputs) {
  const Context& ctx = context();
  if (op.autocast == Autocast::follow) {
    bool any_f32 = false, any_low = false;
    for (const Tensor& t : inputs) {
      any_f32 |= t.defined() && t.dtype() == DType::f32;
      any_low |= t.defined() && t.dtype() == ctx.autocast_dtype;
    }
    if (!(any_f32 && any_low)) return;
  }
  const DType wanted = op.autocast == Autocast::low ? ctx.autocast_dtype : DType::f32;
  for (Tensor& t : inputs)
    if (t.defined() && (t.dtype() == DType::f32 || t.dtype() == ctx.autocast_dtype))
      t = cast(t, wanted);
}

bool wants_gradient(const OpDef& op, std::span<const Tensor> inputs) {
  if (!context().grad_mode || op.no_gradient) return false;
  for (const Tensor& t : inputs)
    if (t.defined() && t.requires_grad()) return true;
  return false;
}

[[noreturn]] void undefined_input(const OpDef& op, std::span<const Tensor> inputs, size_t which) {
  std::string all;
  for (const Tensor& t : inputs)
    all += (all.empty() ? " " : ", ") + (t.defined() ? to_string(t.desc()) : "undefined");
  const Loc line = undefined_argument.line() ? undefined_argument : context().loc;
  fail("{}: input {} is an undefined tensor; inputs{}{}", op.name, which, all, where(line));
}

void check_inputs(const OpDef& op, std::span<const Tensor> inputs) {
  if (op.inputs >= 0 && op.inputs != static_cast<int>(inputs.size()))
    fail("{}: {} inputs given, {} wanted{}", op.name, inputs.size(), op.inputs,
         where(context().loc));
  for (size_t i = 0; i < inputs.size(); ++i)
    if (!inputs[i].defined()) [[unlikely]]
      undefined_input(op, inputs, i);
}

}  // namespace

void apply(const OpDef& op, std::span<const Tensor> inputs, const Attrs& attrs,
           std::span<Tensor> outputs, Loc loc) {
  Context& ctx = context();
  ctx.loc = loc;
  check_inputs(op, inputs);
  std::span<const Tensor> args = inputs;
  std::optional<Arguments> cast, read;
  if (ctx.autocast && !op.is(kView)) {
    autocast_inputs(op, cast.emplace(inputs).span());
    args = cast->span();
  }
  if (ctx.captures) [[unlikely]] {
    for (const Tensor& t : args)
      if (t.requires_grad()) ctx.captures->push_back(t);
  }
  const bool taped = wants_gradient(op, args);
  Recorder* recorder = ctx.recorder;
  std::span<const Tensor> values = args;
  if (recorder) {
    for (Tensor& t : read.emplace(args).span()) t = recorder->read(t);
    values = read->span();
  }

  OpCall call{&op, &attrs, {}, {}, nullptr};
  for (const Tensor& t : values) call.inputs.push_back(&t.impl()->desc);
  for (Tensor& t : outputs) {
    t = Tensor(Ref<TensorImpl>(new TensorImpl));
    call.outputs.push_back(&t.impl()->desc);
  }
  ctx.loc = loc;  // autocast's own casts have moved it
  op.infer(call);

  if (recorder) {
    if (recorder->decomposes(call)) return op.decompose(values, attrs, outputs);
    recorder->record(op, attrs, values, outputs, loc);
  } else {
    run_op(call, values, outputs);
  }
  if (taped && !outputs[0].requires_grad()) tape_record(op, attrs, args, values, outputs);
}

Tensor apply(const OpDef& op, std::initializer_list<Tensor> inputs, const Attrs& attrs, Loc loc) {
  Tensor output;
  apply(op, std::span<const Tensor>(inputs.begin(), inputs.size()), attrs, {&output, 1}, loc);
  return output;
}

}  // namespace cairn
