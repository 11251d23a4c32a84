#include "cairn/ops/ctc.h"

#include <algorithm>
#include <cmath>

#include "cairn/ops/context.h"
#include "cairn/ops/families.h"
#include "cairn/ops/functions.h"
#include "cairn/ops/lengths.h"

// Inputs log_probs [T, N, C], targets i32 [N, S], input_lengths and target_lengths i32 [N].
// Outputs: losses [N] and what the back end's kernel keeps for its backward kernel.
namespace cairn {
namespace {

void check_inputs(OpCall& c) {
  if (c.rank(0) != 3 || !is_float(c.dtype(0)))
    c.error("log_probs must be floats [steps, batch, classes]");
  const int64_t batch = c.shape(0)[1], classes = c.shape(0)[2], blank = c.attrs->integer("blank");
  if (blank < 0 || blank >= classes) c.error("the blank {} is none of {} classes", blank, classes);
  for (int i : {1, 2, 3})
    if (c.dtype(i) != DType::i32) c.error("targets and lengths must be i32");
  if (c.rank(1) != 2 || c.shape(1)[0] != batch)
    c.error("targets must be [{}, longest target]", batch);
  for (int i : {2, 3})
    if (c.shape(i) != Shape{batch}) c.error("lengths must be [{}]", batch);
}
void infer_loss(OpCall& c) {
  check_inputs(c);
  c.set(0, c.dtype(), {c.shape(0)[1]});
  c.set(1, DType::u8, {0});
  c.set(1, DType::u8, {static_cast<int64_t>(current_backend().reserve_bytes(c))});
}
// (inputs, reserve, gradient of the losses) -> gradient of log_probs.
void infer_backward(OpCall& c) {
  check_inputs(c);
  c.set(0, c.dtype(), c.shape(0));
}

constexpr double kNever =
    -1e30;  // the logarithm of no probability; finite, so that differences stay numbers

Tensor log_add(const Tensors& terms) {
  Tensor top = terms[0].detach(), total;
  for (const Tensor& t : terms) top = maximum(top, t.detach());
  for (const Tensor& t : terms) {
    const Tensor e = exp(t - top);
    total = total.defined() ? total + e : e;
  }
  return log(total) + top;
}
// x with `by` columns of kNever before it and as many dropped at its end.
Tensor shifted(const Tensor& x, int64_t by) {
  const int64_t width = x.shape()[1];
  if (by >= width) return full(x.shape(), kNever, x.dtype());
  return cat({full({x.shape()[0], by}, kNever, x.dtype()), slice(x, 1, 0, width - by)}, 1);
}

// The forward recursion over the lattice blank, y1, blank, y2, ..., blank of each item.
void loss_in_basics(std::span<const Tensor> in, const Attrs& a, std::span<Tensor> out) {
  const Tensor &x = in[0], &targets = in[1];
  const int64_t steps = x.shape()[0], batch = x.shape()[1], labels = targets.shape()[1],
                width = 2 * labels + 1;
  const int64_t blank = a.integer("blank");
  const Tensor frames = reshape(checked_lengths(in[2], steps), {batch, 1}),
               lengths = reshape(checked_lengths(in[3], labels), {batch, 1});
  const Tensor never = full({}, kNever, x.dtype());

  const Tensor place = unsqueeze(arange(0, labels, 1, DType::i32), 0);
  const Tensor known =
      where(lt(place, lengths), targets, full({}, static_cast<double>(blank), DType::i32));
  const Tensor blanks = full({batch, labels, 1}, static_cast<double>(blank), DType::i32);
  const Tensor states = cat({reshape(cat({blanks, unsqueeze(known, 2)}, 2), {batch, 2 * labels}),
                             full({batch, 1}, static_cast<double>(blank), DType::i32)},
                            1);
  // A label may follow the one before it without a blank where the two differ.
  Tensor skip = ne(states, static_cast<double>(blank));
  if (width > 2) {
    const Tensor before = cat(
        {full({batch, 2}, static_cast<double>(blank), DType::i32), slice(states, 1, 0, width - 2)},
        1);
    skip = logical_and(skip, ne(states, before));
  }
  const Tensor emitted = gather(x, 2, expand(unsqueeze(states, 0), {steps, batch, width}));
  const Tensor column = unsqueeze(arange(0, width, 1, DType::i32), 0);

  Tensor alpha = where(expand(eq(column, 0), {batch, width}), full({}, 0, x.dtype()),
                       never);  // before the first frame: at the start
  for (int64_t t = 0; t < steps; ++t) {
    // From the imaginary first state, the first frame reaches the first blank and the first label.
    const Tensor moved =
        t == 0 ? where(le(column, 1.0), full({batch, width}, 0, x.dtype()), never)
               : log_add({alpha, shifted(alpha, 1), where(skip, shifted(alpha, 2), never)});
    const Tensor next = clamp_min(moved + select(emitted, 0, t), kNever);
    alpha = where(gt(frames, static_cast<double>(t)), next, alpha);
  }
  const Tensor last = lengths * 2.0;
  const Tensor ends = where(logical_or(eq(column, last), eq(column, last - 1.0)), alpha, never);
  Tensors terms;
  for (int64_t s = 0; s < width; ++s) terms.push_back(slice(ends, 1, s, 1));
  const Tensor loss = neg(squeeze(log_add(terms), {1}));
  const double outcome = a.integer("zero_infinity") ? 0 : INFINITY;
  const Shape reserve = out.back().defined() ? out.back().shape() : Shape{0};
  out[0] = where(gt(loss, -kNever / 10), full({}, outcome, x.dtype()), loss);
  out[1] = full(reserve, 0, DType::u8);
}

void vjp_loss(VjpCall& c) {
  if (!c.needs[0]) return;
  Tensors inputs(c.inputs.begin(), c.inputs.end());
  inputs.push_back(c.outputs[1]);
  inputs.push_back(c.grad());
  apply(op_named("ctc_loss_backward"), inputs, c.attrs, c.results.first(1), context().loc);
}
void backward_in_basics(std::span<const Tensor> in, const Attrs& a, std::span<Tensor> out) {
  const bool needs[4] = {true, false, false, false};
  const Tensor grads[2] = {in[5], {}};
  const Tensor g = gradient_by_decomposition(op_named("ctc_loss"), in.first(4), a, grads, needs)[0];
  out[0] = g.defined() ? contiguous(g) : full(in[0].shape(), 0, in[0].dtype());
}

const OpDef kOps[] = {
    OpDef{"ctc_loss", "connectionist temporal classification: -log p(target | frames)", 4, 2,
          infer_loss, kSaveInputs | kSaveOutputs, vjp_loss, nullptr, loss_in_basics}
        .with_autocast(Autocast::f32),
    OpDef{"ctc_loss_backward", "gradient of ctc_loss", 6, 1, infer_backward, kSaveInputs,
          vjp_by_decomposition, nullptr, backward_in_basics}
        .with_autocast(Autocast::f32),
};

// Concatenated targets as rows [N, longest], 0 where a row is shorter.
Tensor target_rows(const Tensor& targets, const Tensor& lengths, Loc loc) {
  const auto labels = targets.to_vector<int64_t>(), counts = lengths.to_vector<int64_t>();
  int64_t total = 0, longest = 1;
  for (int64_t n : counts) {
    check(n >= 0, "ctc_loss: a target length of {}{}", n, where(loc));
    total += n, longest = std::max(longest, n);
  }
  check(total == targets.numel(),
        "ctc_loss: target lengths of {} in all for {} concatenated labels{}", total,
        targets.numel(), where(loc));
  const auto rows = static_cast<int64_t>(counts.size());
  std::vector<int64_t> padded(static_cast<size_t>(rows * longest), 0);
  for (int64_t n = 0, at = 0; n < rows; at += counts[static_cast<size_t>(n++)])
    std::copy_n(labels.begin() + at, counts[static_cast<size_t>(n)], padded.begin() + n * longest);
  return from_host(padded.data(), {rows, longest}, DType::i64);
}

}  // namespace

std::span<const OpDef> ctc_ops() { return kOps; }

Tensor ctc_loss(In log_probs, const Tensor& targets, const Tensor& input_lengths,
                const Tensor& target_lengths, const CtcOptions& o) {
  check(o.reduction != Reduction::batchmean, "ctc_loss: Reduction::batchmean is for kl_div only{}",
        where(log_probs.loc));
  for (const Tensor* t : {&targets, &input_lengths, &target_lengths})
    check(t->defined() && is_integer(t->dtype()),
          "ctc_loss: targets and lengths must be integers{}", where(log_probs.loc));
  const Tensor lengths = cast(target_lengths, DType::i32);
  const Tensor rows = targets.rank() == 1 && lengths.rank() == 1
                          ? target_rows(targets, lengths, log_probs.loc)
                          : targets;
  const Tensor inputs[4] = {log_probs.t, cast(rows, DType::i32), cast(input_lengths, DType::i32),
                            lengths};
  Tensor out[2];
  apply(op_named("ctc_loss"), inputs,
        {{"blank", o.blank}, {"zero_infinity", int64_t{o.zero_infinity}}}, out, log_probs.loc);
  switch (o.reduction) {
    case Reduction::sum: return sum(out[0]);
    case Reduction::mean: return mean(out[0] / cast(clamp_min(lengths, 1), out[0].dtype()));
    default: return out[0];
  }
}

}  // namespace cairn
