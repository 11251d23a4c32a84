// The Recorder that writes ops to a graph: compile() traces user code with it, passes expand composite
// ops with it.
#pragma once
#include <functional>
#include <unordered_map>

#include "cairn/graph/graph.h"
#include "cairn/ops/context.h"

namespace cairn {

class GraphRecorder : public Recorder {
 public:
  explicit GraphRecorder(Graph& graph);

  // A traced tensor that stands for a value of the graph.
  Tensor tensor_of(ValueId value);
  // The value of a tensor that was traced here, or read here.
  ValueId value_of(const Tensor& t);
  // A new argument.
  Tensor argument(const TensorDesc& desc, int number, bool requires_grad);
  // Ends the trace: moves assignments and gradients into the graph.
  void finish();
  // When set, composite ops are recorded as their decomposition where it says so.
  std::function<bool(const OpCall&)> expand;
  // Where expanded nodes say they come from.
  const Node* like = nullptr;
  std::vector<std::pair<std::function<int64_t()>, int64_t>> modes;  // probe, value while tracing

  Tensor read(const Tensor& t) override;
  void record(const OpDef& op, const Attrs& attrs, std::span<const Tensor> inputs, std::span<Tensor> outputs, Loc loc) override;
  void assign(const Tensor& state, const Tensor& value) override;
  Tensor grad(const TensorImpl& leaf) override;
  void set_grad(const Tensor& leaf, const Tensor& gradient) override;
  void depends_on(std::function<int64_t()> probe) override;
  int64_t next_random() override { return graph_.random_ops++; }
  bool decomposes(const OpCall& call) override { return expand && expand(call); }

 private:
  Tensor capture(const Tensor& t);

  Graph& graph_;
  uint32_t trace_;
  std::unordered_map<TensorImpl*, Tensor> current_;   // captured tensors and States: their value now
  std::vector<Ref<TensorImpl>> assigned_, with_grad_;  // in order
  std::unordered_map<const TensorImpl*, Tensor> grads_;
};

}  // namespace cairn
