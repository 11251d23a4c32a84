#include "cairn/ops/linear_cross_entropy.h"

#include "cairn/ops/context.h"
#include "cairn/ops/families.h"
#include "cairn/ops/functions.h"

// Inputs hidden [M, D], weight [V, D], with "bias" bias [V], targets i64 [M]. Outputs: the loss,
// and with "training" its gradients for hidden, weight and bias (else empty): the mean's gradient
// is the same for every row, so the forward pass can make them while it has the logits.
namespace cairn {
namespace {

void infer_loss(OpCall& c) {
  const bool bias = c.attrs->integer("bias"), training = c.attrs->integer("training");
  const int target = bias ? 3 : 2;
  if (c.rank(0) != 2 || c.rank(1) != 2 || c.shape(0)[1] != c.shape(1)[1])
    c.error("hidden [rows, width] and weight [classes, width] do not fit");
  for (int i = 0; i < target; ++i)
    if (!is_float(c.dtype(i)) || c.dtype(i) != c.dtype(0)) c.error("wants floats of one dtype");
  if (bias && c.shape(2) != Shape{c.shape(1)[0]}) c.error("the bias must be [{}]", c.shape(1)[0]);
  if (c.dtype(target) != DType::i64 || c.shape(target) != Shape{c.shape(0)[0]})
    c.error("targets must be i64 [{}]", c.shape(0)[0]);
  c.set(0, c.dtype(), {});
  c.set(1, c.dtype(), training ? c.shape(0) : Shape{0});
  c.set(2, c.dtype(), training ? c.shape(1) : Shape{0});
  c.set(3, c.dtype(), training && bias ? c.shape(2) : Shape{0});
}

void loss_in_basics(std::span<const Tensor> in, const Attrs& a, std::span<Tensor> out) {
  const bool bias = a.integer("bias");
  const Tensor logits = linear(in[0], in[1], bias ? in[2] : Tensor());
  out[0] = cross_entropy(
      logits, in.back(),
      {.ignore_index = a.integer("ignore_index"), .label_smoothing = a.number("label_smoothing")});
  for (int i : {1, 2, 3}) out[i] = full({0}, 0, in[0].dtype());
  if (!a.integer("training")) return;
  Attrs alone = a;  // the loss without its gradients
  alone.set("training", int64_t{0});
  const Tensor grads[4] = {full({}, 1, in[0].dtype()), {}, {}, {}};
  SmallVector<bool, 4> needs(in.size(), true);
  needs.back() = false;
  const auto g = gradient_by_decomposition(op_named("linear_cross_entropy"), in, alone, grads,
                                           {needs.data(), needs.size()});
  for (size_t i = 0; i + 1 < in.size(); ++i) out[1 + i] = contiguous(g[i]);
}

void vjp_loss(VjpCall& c) {
  bool plain = c.attrs.integer("training") && c.grads[0].defined();
  for (int i : {1, 2, 3}) plain = plain && !c.grads[i].defined();
  if (!plain) return vjp_by_decomposition(c);
  for (size_t i = 0; i + 1 < c.inputs.size(); ++i)
    if (c.needs[i]) c.results[i] = c.grad() * c.outputs[1 + i];
}

const OpDef kOps[] = {
    OpDef{"linear_cross_entropy", "mean cross-entropy of x W^T + b, and its gradients", -1, 4,
          infer_loss, kSaveInputs | kSaveOutputs | kMayFault, vjp_loss, nullptr, loss_in_basics}
        .with_autocast(Autocast::f32),
};

}  // namespace

std::span<const OpDef> linear_cross_entropy_ops() { return kOps; }

Tensor linear_cross_entropy(In hidden, const Tensor& weight, const Tensor& bias,
                            const Tensor& target, const LinearCrossEntropyOptions& o) {
  check(hidden.t.rank() >= 1 && weight.defined() && target.defined() && is_integer(target.dtype()),
        "linear_cross_entropy: wants hidden [..., width], a weight and integer targets{}",
        where(hidden.loc));
  Tensors inputs = {reshape(hidden, {-1, hidden.t.size(-1)}), weight};
  if (bias.defined()) inputs.push_back(bias);
  bool training = false;
  for (const Tensor& t : inputs) training |= context().grad_mode && t.requires_grad();
  inputs.push_back(reshape(cast(target, DType::i64), {-1}));
  const Attrs attrs = {{"bias", int64_t{bias.defined()}},
                       {"training", int64_t{training}},
                       {"ignore_index", o.ignore_index},
                       {"label_smoothing", o.label_smoothing}};
  Tensor out[4];
  apply(op_named("linear_cross_entropy"), inputs, attrs, out, hidden.loc);
  return out[0];
}

}  // namespace cairn
