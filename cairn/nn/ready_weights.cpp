#include "cairn/nn/ready_weights.h"

#include <utility>

#include "cairn/ops/context.h"

namespace cairn::nn {
namespace {

constinit thread_local ReadyWeights* of_thread = nullptr;

constexpr int64_t kWorthIt = 8;  // rows: fewer are quicker with each weight read as it lies

bool takes(const Tensor& x, const Tensor& weight) {
  const Context& ctx = context();
  return !ctx.grad_mode && !ctx.recorder && !ctx.autocast && x.defined() && weight.defined() &&
         weight.is_state() && x.dtype() == DType::f32 && weight.dtype() == DType::f32 &&
         weight.rank() == 2 && weight.numel() > 0 && x.rank() > 1 && x.size(-1) == weight.size(1) &&
         x.numel() >= kWorthIt * x.size(-1);
}

// The weight's transpose in the layout that the back end would rather have for what stays.
Tensor made_ready(const Tensor& weight) {
  const Tensor columns = transpose(weight, 0, 1);
  TensorDesc x(DType::f32, {kWorthIt, weight.size(1)}), w(DType::f32, columns.shape()),
      y(DType::f32, {kWorthIt, weight.size(0)});
  const Attrs attrs = {{"ready", int64_t{1}}};
  OpCall call{&op_named("matmul"), &attrs, {&x, &w}, {&y}, nullptr, 2};
  if (!weight.impl()->buffer->backend().preferred_layouts(call) || !w.layout.packed()) return {};
  return apply(op_named("reorder"), {columns},
               {{"kind", static_cast<int64_t>(w.layout.kind)},
                {"block", int64_t{w.layout.block}},
                {"form", w.layout.strides}});
}

}  // namespace

ReadyWeights::Scope::Scope(ReadyWeights& weights) : outer_(std::exchange(of_thread, &weights)) {}
ReadyWeights::Scope::~Scope() { of_thread = outer_; }

const Tensor& ReadyWeights::columns_of(const Tensor& weight) {
  Ready& ready = ready_[weight.impl()];
  const uint64_t version = weight.impl()->version;
  if (!ready.weight || ready.version != version)
    ready = {weight.ref(), version, made_ready(weight)};
  return ready.columns;
}

Tensor ReadyWeights::linear(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  if (!takes(x, weight)) return cairn::linear(x, weight, bias);
  const Tensor& columns = columns_of(weight);
  if (!columns.defined()) return cairn::linear(x, weight, bias);
  Tensors in = {reshape(x, {-1, x.size(-1)}), columns};
  if (bias.defined()) in.push_back(bias);
  Tensor y;
  apply(op_named(bias.defined() ? "matmul_add" : "matmul"), in, {}, {&y, 1}, context().loc);
  Shape shape = x.shape();
  shape.back() = weight.size(0);
  return reshape(y, shape);
}

Tensor linear_when_ready(const Tensor& x, const Tensor& weight, const Tensor& bias) {
  return of_thread ? of_thread->linear(x, weight, bias) : linear(x, weight, bias);
}

}  // namespace cairn::nn
