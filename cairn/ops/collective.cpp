#include "cairn/ops/collective.h"

#include <cstring>

#include "cairn/ops/functions.h"

namespace cairn {
namespace {

thread_local CollectiveScope* current = nullptr;

void infer_start(OpCall& c) {
  for (int i = 0; i < c.inputs.ssize(); ++i)
    if (c.dtype(i) != DType::f32) c.error("wants f32, not {}", name_of(c.dtype(i)));
  c.set(0, DType::f32, {1});
}
void infer_finish(OpCall& c) {  // started, divisor, like...
  for (int i = 2; i < c.inputs.ssize(); ++i) c.set(i - 2, c.dtype(i), c.shape(i));
}
void infer_reduce(OpCall& c) {  // x, chain
  if (c.dtype() != DType::f32) c.error("wants f32, not {}", name_of(c.dtype()));
  c.set(0, DType::f32, c.shape());
  c.set(1, DType::f32, {1});
}

void start_kernel(const OpCall& c, const Launch& l) {
  dist::bucket(c.attrs->integer("bucket")).start(l.inputs + 1);  // the first is the chain
  *static_cast<float*>(l.outputs[0]) = 0;
}
void finish_kernel(const OpCall& c, const Launch& l) {
  const float divisor = *static_cast<const float*>(l.inputs[1]);
  dist::bucket(c.attrs->integer("bucket")).finish(1 / divisor, l.outputs);
}
void reduce_kernel(const OpCall& c, const Launch& l) {
  *static_cast<float*>(l.outputs[1]) = 0;
  const int64_t count = numel(c.shape());
  if (dist::Searching::now()) {
    std::memcpy(l.outputs[0], l.inputs[0], static_cast<size_t>(count) * sizeof(float));
    return;
  }
  dist::World& world = *dist::world();
  world.wait(world.start_sum(dist::Lane::activations, dist::Number::f32, l.inputs[0], l.outputs[0],
                             count));
}

OpDef with_kernel(OpDef op, void (*kernel)(const OpCall&, const Launch&)) {
  op.host_kernel = kernel;
  return op;
}

const OpDef& start_op() {
  static const OpDef op = with_kernel({"all_reduce_start", "starts sums over ranks", -1, 1,
                                       infer_start, 0, nullptr, "it sums what was differentiated"},
                                      start_kernel);
  return op;
}
const OpDef& finish_op() {
  static const OpDef op = with_kernel({"all_reduce_finish", "waits for sums over ranks", -1, -1,
                                       infer_finish, 0, nullptr, "it sums what was differentiated"},
                                      finish_kernel);
  return op;
}
const OpDef& reduce_op() {
  static const OpDef op = with_kernel({"all_reduce", "the sum over ranks", 2, 2, infer_reduce, 0,
                                       [](VjpCall& c) {
                                         if (c.grads[0].defined())
                                           c.results[0] = all_reduce(c.grads[0]);
                                       }},
                                      reduce_kernel);
  return op;
}

}  // namespace

bool starts_sums(const OpDef& op) { return &op == &start_op(); }

CollectiveScope::CollectiveScope() : outer_(current) { current = this; }
CollectiveScope::~CollectiveScope() { current = outer_; }

// What the next op of the lane comes after.
Tensor& chain_of(dist::Lane lane) {
  check(current != nullptr, "all_reduce: outside a step of a training");
  Tensor& chain = current->chains_[static_cast<size_t>(lane)];
  if (!chain.defined()) chain = zeros({1});
  return chain;
}

Tensor all_reduce(In x) {
  Tensor& chain = chain_of(dist::Lane::activations);
  const Tensor in[] = {x.t, chain};
  Tensor out[2];
  apply(reduce_op(), in, {}, out, x.loc);
  chain = out[1].detach();
  return out[0];
}

Tensor start_sums(int64_t bucket, const Tensors& tensors) {
  Tensor& chain = chain_of(dist::Lane::gradients);
  Tensors in = {chain};
  in.insert(in.end(), tensors.begin(), tensors.end());
  Tensor out[1];
  apply(start_op(), in, {{"bucket", bucket}}, out);
  return chain = out[0];
}

Tensors finish_sums(int64_t bucket, const Tensor& started, const Tensor& divisor,
                    const Tensors& like) {
  Tensors in = {started, divisor};
  in.insert(in.end(), like.begin(), like.end());
  Tensors out(like.size());
  apply(finish_op(), in, {{"bucket", bucket}}, out);
  return out;
}

}  // namespace cairn
