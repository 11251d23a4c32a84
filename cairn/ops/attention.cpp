#include "cairn/ops/attention.h"

#include <cmath>

#include "cairn/ops/context.h"
#include "cairn/ops/families.h"
#include "cairn/ops/functions.h"
#include "cairn/ops/lengths.h"

// Inputs q, k, v, then mask [1 or B, 1 or Hq, 1 or Tq, Tk], lengths i32 [B] and the generator, as
// far as the attributes "mask", "lengths" and "dropout" say so; "bf16": products may be in bf16,
// softmax and sums stay in f32. Outputs out [B, Tq, Hq, D] and lse
// [B, Hq, Tq], the logarithm of each query's sum of e^score.
namespace cairn {
namespace {

struct Parts {
  Tensor q, k, v, mask, lengths, generator;
  Parts(std::span<const Tensor> in, const Attrs& a) : q(in[0]), k(in[1]), v(in[2]) {
    size_t next = 3;
    if (a.integer("mask")) mask = in[next++];
    if (a.integer("lengths")) lengths = in[next++];
    if (a.number("dropout") > 0) generator = in[next++];
  }
};
size_t input_count(const Attrs& a) {
  return static_cast<size_t>(3 + a.integer("mask") + a.integer("lengths") +
                             (a.number("dropout") > 0));
}

void check_inputs(OpCall& c) {
  const Shape &q = c.shape(0), &k = c.shape(1);
  for (int i : {0, 1, 2})
    if (c.rank(i) != 4) c.error("input {} must be [batch, heads, tokens, width]", i);
  if (!is_float(c.dtype(0)) || c.dtype(0) != c.dtype(1) || c.dtype(0) != c.dtype(2))
    c.error("wants floats of one dtype");
  if (k != c.shape(2)) c.error("keys and values differ in shape");
  if (q[0] != k[0]) c.error("batch sizes differ: {} and {}", q[0], k[0]);
  if (q[3] != k[3] || q[3] < 1) c.error("queries are {} wide, keys {}", q[3], k[3]);
  if (k[1] < 1 || q[1] % k[1])
    c.error("{} query heads cannot share {} key heads evenly", q[1], k[1]);
  const double p = c.attrs->number("dropout");
  if (p < 0 || p >= 1) c.error("dropout {} is not in [0, 1)", p);
  int next = 3;
  if (c.attrs->integer("mask")) {
    const Shape full = {q[0], q[1], q[2], k[2]}, &mask = c.shape(next);
    if (mask.size() != 4 || mask[3] != k[2] || c.dtype(next) != c.dtype(0))
      c.error("the mask does not fit the scores {}", to_string(full));
    for (int d = 0; d < 3; ++d)
      if (mask[d] != 1 && mask[d] != full[d])
        c.error("the mask {} does not broadcast to the scores {}", to_string(mask),
                to_string(full));
    ++next;
  }
  if (c.attrs->integer("lengths") && (c.dtype(next) != DType::i32 || c.shape(next) != Shape{q[0]}))
    c.error("lengths must be i32 [{}]", q[0]);
}
void infer_attention(OpCall& c) {
  check_inputs(c);
  const Shape& q = c.shape(0);
  c.set(0, c.dtype(0), {q[0], q[2], q[1], q[3]});
  c.set(1, c.dtype(0), {q[0], q[1], q[2]});
}
// (inputs of attention, out, lse, gradient of out) -> gradients of q, k, v, tokens before heads.
void infer_backward(OpCall& c) {
  check_inputs(c);
  const Shape &q = c.shape(0), &k = c.shape(1);
  c.set(0, c.dtype(0), {q[0], q[2], q[1], q[3]});
  for (int i : {1, 2}) c.set(i, c.dtype(0), {k[0], k[2], k[1], k[3]});
}
Tensor heads_and_tokens_swapped(const Tensor& t) { return permute(t, {0, 2, 1, 3}); }

// Where a query may look, broadcast to [B, Hq, Tq, Tk]; undefined when everywhere.
Tensor visible(const Parts& p, const Attrs& a) {
  const int64_t queries = p.q.shape()[2], keys = p.k.shape()[2];
  const Tensor j = arange(0, keys, 1, DType::i32);
  const Tensor ahead =
      j - unsqueeze(arange(0, queries, 1, DType::i32), 1);  // of key j before query i
  const Tensor lengths =
      p.lengths.defined() ? reshape(checked_lengths(p.lengths, keys), {-1, 1, 1, 1}) : Tensor();
  Tensor seen;
  if (lengths.defined()) seen = lt(j, lengths);
  if (a.integer("causal")) {
    const Tensor past = a.integer("causal_from_length") && lengths.defined()
                            ? le(ahead, lengths - static_cast<double>(queries))
                            : le(ahead, static_cast<double>(keys - queries));
    seen = seen.defined() ? logical_and(seen, past) : past;
  }
  return seen;
}
double scale_of(const Parts& p, const Attrs& a) {
  const double scale = a.number("scale");
  return scale != 0 ? scale : 1 / std::sqrt(static_cast<double>(p.q.shape()[3]));
}

struct Weights {
  Tensor weights, lse;  // [B, Hq, Tq, Tk] before dropout, [B, Hq, Tq, 1]
};
// Query heads that share a key head stand side by side.
Tensor grouped(const Tensor& of, const Parts& p) {
  const Shape& k = p.k.shape();
  return reshape(of, {k[0], k[1], of.shape()[1] / k[1] * of.shape()[2], of.shape()[3]});
}
Weights weights_in_basics(const Parts& p, const Attrs& a) {
  const Shape &q = p.q.shape(), &k = p.k.shape();
  const DType dtype = p.q.dtype();
  const Tensor zero = full({}, 0, dtype), one = full({}, 1, dtype),
               nowhere = full({}, -INFINITY, dtype);
  Tensor scores =
      reshape(matmul(grouped(p.q, p), transpose(p.k, -1, -2)), {q[0], q[1], q[2], k[2]}) *
      scale_of(p, a);
  if (p.mask.defined()) scores = scores + p.mask;
  if (const Tensor seen = visible(p, a); seen.defined()) scores = where(seen, scores, nowhere);
  Tensor top = zero;
  if (k[2] > 0) top = amax(scores, {-1}, true).detach();
  top = where(isfinite(top), top, zero);
  const Tensor e = exp(scores - top), total = sum(e, {-1}, true);
  const Tensor blind = eq(total, 0), safe = where(blind, one, total);
  return {e / safe, where(blind, nowhere, log(safe) + top)};
}
void attention_in_basics(std::span<const Tensor> in, const Attrs& a, std::span<Tensor> out) {
  const Parts p(in, a);
  auto [weights, lse] = weights_in_basics(p, a);
  if (p.generator.defined()) {
    const double drop = a.number("dropout");
    const Attrs draw = {{"shape", weights.shape()},
                        {"dtype", static_cast<int64_t>(DType::f32)},
                        {"number", a.integer("number")}};
    weights = weights *
              cast(ge(apply(op_named("random_uniform"), {p.generator}, draw), drop), p.q.dtype()) *
              (1 / (1 - drop));
  }
  const Tensor mixed = matmul(grouped(weights, p), p.v);
  out[0] = contiguous(heads_and_tokens_swapped(reshape(mixed, p.q.shape())));
  out[1] = squeeze(lse, {-1});
}

void vjp_attention(VjpCall& c) {
  const bool mask_wanted = c.attrs.integer("mask") && c.needs[3];
  if (!c.grads[0].defined() || c.grads[1].defined() || mask_wanted) {
    const auto all = gradient_by_decomposition(c.op, c.inputs, c.attrs, c.grads, c.needs);
    std::copy(all.begin(), all.end(), c.results.begin());
    return;
  }
  Tensors inputs(c.inputs.begin(), c.inputs.end());
  for (const Tensor& t : {c.outputs[0], c.outputs[1], c.grads[0]}) inputs.push_back(t);
  Tensor gradients[3];
  apply(op_named("attention_backward"), inputs, c.attrs, gradients, context().loc);
  for (int i : {0, 1, 2})
    if (c.needs[i]) c.results[i] = heads_and_tokens_swapped(gradients[i]);
}
void backward_in_basics(std::span<const Tensor> in, const Attrs& a, std::span<Tensor> out) {
  const size_t count = input_count(a);
  SmallVector<bool, 8> needs(count, false);
  for (int i : {0, 1, 2}) needs[i] = true;
  const Tensor grads[2] = {in.back(), {}};
  const auto all = gradient_by_decomposition(op_named("attention"), in.first(count), a, grads,
                                             {needs.data(), count});
  for (int i : {0, 1, 2})
    out[i] = contiguous(heads_and_tokens_swapped(
        all[i].defined() ? all[i] : full(in[i].shape(), 0, in[i].dtype())));
}

// (q, rows, the steps' keys, their values) -> [B, 1, H, D].
void infer_to_steps(OpCall& c) {
  const Shape& q = c.shape(0);
  if (q.size() != 4 || q[2] != 1 || q[3] < 1) c.error("queries must be [batch, heads, 1, width]");
  if (!is_float(c.dtype(0))) c.error("wants floats");
  const int64_t steps = (std::ssize(c.inputs) - 2) / 2;
  if (steps < 1 || std::ssize(c.inputs) % 2) c.error("wants as many steps of values as of keys");
  if (c.dtype(1) != DType::i64 || c.shape(1) != Shape{q[0], steps})
    c.error("rows must be i64 [{}, {}]", q[0], steps);
  for (int j = 0; j < steps; ++j) {
    const int k = 2 + j, v = k + static_cast<int>(steps);
    if (c.rank(k) != 4 || c.shape(k) != Shape{c.shape(k)[0], q[1], 1, q[3]})
      c.error("the keys of step {} must be [rows, {}, 1, {}]", j, q[1], q[3]);
    if (c.shape(v) != c.shape(k)) c.error("keys and values of step {} differ in shape", j);
    if (c.dtype(k) != c.dtype(0) || c.dtype(v) != c.dtype(0)) c.error("wants floats of one dtype");
  }
  c.set(0, c.dtype(0), {q[0], 1, q[1], q[3]});
}
void to_steps_in_basics(std::span<const Tensor> in, const Attrs&, std::span<Tensor> out) {
  const size_t steps = (in.size() - 2) / 2;
  const auto picked = [&](size_t from) {
    Tensors all;
    for (size_t j = 0; j < steps; ++j)
      all.push_back(index_select(in[from + j], 0, select(in[1], 1, static_cast<int64_t>(j))));
    return cat(all, 2);
  };
  out[0] = contiguous(heads_and_tokens_swapped(attention(in[0], picked(2), picked(2 + steps))));
}

constexpr unsigned kSaveAll = kSaveInputs | kSaveOutputs;
const OpDef kOps[] = {
    OpDef{"attention", "softmax(scale q k^T + mask) v, and the logarithm of each row's sum", -1, 2,
          infer_attention, kSaveAll, vjp_attention, nullptr, attention_in_basics}
        .with_autocast(Autocast::f32),
    OpDef{"attention_dropout", "attention whose weights are dropped at random", -1, 2,
          infer_attention, kSaveAll | kRandom, vjp_attention, nullptr, attention_in_basics}
        .with_autocast(Autocast::f32),
    OpDef{"attention_backward", "gradients of attention for q, k and v", -1, 3, infer_backward,
          kSaveInputs, vjp_by_decomposition, nullptr, backward_in_basics}
        .with_autocast(Autocast::f32),
    OpDef{"attention_to_steps", "attention of a token a text to the steps that each goes on from",
          -1, 1, infer_to_steps, kSaveInputs | kMayFault, vjp_by_decomposition, nullptr,
          to_steps_in_basics}
        .with_autocast(Autocast::f32),
};

// A mask as the op wants it: floats, four dimensions, one entry for each key.
Tensor prepared_mask(const Tensor& given, const Tensor& q, const Tensor& k, Loc loc) {
  Tensor mask = given;
  check(mask.rank() <= 4, "attention: a mask of {} dimensions{}", mask.rank(), where(loc));
  if (mask.dtype() == DType::boolean)
    mask = where(mask, full({}, 0, q.dtype()), full({}, -INFINITY, q.dtype()));
  Shape shape(static_cast<size_t>(4 - mask.rank()), 1);
  for (int64_t s : mask.shape()) shape.push_back(s);
  mask = cast(reshape(mask, shape), q.dtype());
  shape[3] = k.shape()[2];
  return expand(mask, shape);
}

}  // namespace

std::span<const OpDef> attention_ops() { return kOps; }

namespace {
// Inputs and attributes of the op, without a generator.
struct Prepared {
  Tensors inputs;
  Attrs attrs;
};
Prepared prepared(const In& q, const Tensor& k, const Tensor& v, const AttentionOptions& o) {
  check(q.t.rank() == 4 && k.defined() && k.rank() == 4 && v.defined(),
        "attention: wants q, k and v as [batch, heads, tokens, width]{}", where(q.loc));
  Prepared p{{q.t, k, v},
             {{"mask", int64_t{o.mask.defined()}},
              {"lengths", int64_t{o.lengths.defined()}},
              {"causal", int64_t{o.causal || o.causal_from_length}},
              {"causal_from_length", int64_t{o.causal_from_length}},
              {"dropout", o.dropout},
              {"scale", o.scale},
              {"number", int64_t{0}}}};
  if (context().autocast && context().autocast_dtype == DType::bf16)
    p.attrs.set("bf16", int64_t{1});
  if (o.mask.defined()) p.inputs.push_back(prepared_mask(o.mask, q, k, q.loc));
  if (o.lengths.defined()) p.inputs.push_back(cast(o.lengths, DType::i32));
  return p;
}
}  // namespace

Tensor attention(In q, const Tensor& k, const Tensor& v, const AttentionOptions& o) {
  Prepared p = prepared(q, k, v, o);
  if (o.dropout > 0) {
    const RandomKey key = next_random_key();
    p.inputs.push_back(key.generator);
    p.attrs.set("number", key.number);
  }
  Tensor out[2];
  apply(op_named(o.dropout > 0 ? "attention_dropout" : "attention"), p.inputs, p.attrs, out, q.loc);
  return heads_and_tokens_swapped(out[0]);
}
Tensor attention_to_steps(In q, const Tensors& keys, const Tensors& values, const Tensor& rows) {
  Tensors inputs = {q.t, rows};
  inputs.insert(inputs.end(), keys.begin(), keys.end());
  inputs.insert(inputs.end(), values.begin(), values.end());
  Tensor out;
  apply(op_named("attention_to_steps"), inputs, {}, {&out, 1}, q.loc);
  return heads_and_tokens_swapped(out);
}
Tensor attention_weights(In q, const Tensor& k, const AttentionOptions& o) {
  AttentionOptions kept = o;
  kept.dropout = 0;
  const Prepared p = prepared(q, k, k, kept);
  check(q.t.shape()[0] == k.shape()[0] && q.t.shape()[3] == k.shape()[3] && k.shape()[1] > 0 &&
            q.t.shape()[1] % k.shape()[1] == 0,
        "attention_weights: queries {} do not fit keys {}{}", to_string(q.t.shape()),
        to_string(k.shape()), where(q.loc));
  return weights_in_basics(Parts(p.inputs, p.attrs), p.attrs).weights;
}

}  // namespace cairn
