// The Recorder that writes ops to a graph: compile() traces user code with it, passes expand
// composite ops with it.
//
// While it lives, what its thread makes with memory of its own is a constant of the trace.
#pragma once
#include <functional>
#include <unordered_map>

#include "cairn/graph/graph.h"
#include "cairn/ops/context.h"

namespace cairn {

// Something of the host that a trace depends on, and what it was.
struct Mode {
  Held<RefCounted> owner;
  Recorder::Probe probe;
  int64_t value;
};
// That the tensor keeps its type, is trained as now, and is not forgotten.
Mode mode_of(const Ref<TensorImpl>& tensor);
// A leaf whose .grad() a trace read: what that was, a dtype or none (-1).
struct GradientMode {
  Held<TensorImpl> leaf;  // a State or a captured tensor
  int argument;           // or the argument of that number
  int dtype;
};

class GraphRecorder : public Recorder {
 public:
  explicit GraphRecorder(Graph& graph);
  ~GraphRecorder() override;
  GraphRecorder(const GraphRecorder&) = delete;
  GraphRecorder& operator=(const GraphRecorder&) = delete;

  // A traced tensor that stands for a value of the graph.
  Tensor tensor_of(ValueId value);
  // The value of a tensor that was traced here, or read here.
  ValueId value_of(const Tensor& t);
  // A new argument; as one of `given`, it wants a gradient as that does, and has its .grad().
  Tensor argument(const TensorDesc& desc, int number);
  Tensor argument(const Tensor& given, int number);
  // Ends the trace: moves assignments and gradients into the graph.
  void finish();
  // When set, composite ops are recorded as their decomposition where it says so.
  std::function<bool(const OpCall&)> expand;
  // Where expanded nodes say they come from.
  const Node* like = nullptr;
  std::vector<Mode> modes;
  std::vector<GradientMode> gradient_modes;

  Tensor read(const Tensor& t) override;
  void record(const OpDef& op, const Attrs& attrs, std::span<const Tensor> inputs,
              std::span<Tensor> outputs, Loc loc) override;
  void assign(const Tensor& state, const Tensor& value) override;
  Tensor grad(const TensorImpl& leaf) override;
  void set_grad(const Tensor& leaf, const Tensor& gradient) override;
  void depends_on(const Ref<RefCounted>& owner, Probe probe) override;
  int64_t next_random() override { return graph_.random_ops++; }
  bool decomposes(const OpCall& call) override { return expand && expand(call); }

 private:
  struct Argument {
    Ref<TensorImpl> traced;
    Tensor given;
    int number;
  };
  Tensor capture(const Tensor& t);
  Tensor gradient_from_outside(const TensorImpl& leaf);
  // The argument that a leaf of the trace stands for, or nullptr.
  const Argument* argument_of(const TensorImpl* leaf) const;

  Graph& graph_;
  uint32_t trace_, outer_trace_;
  std::unordered_map<TensorImpl*, Tensor> current_;  // captured tensors and States: their value now
  std::vector<Ref<TensorImpl>> assigned_, with_grad_;  // in order
  std::unordered_map<const TensorImpl*, Tensor> grads_;
  std::vector<Argument> arguments_;  // those that require a gradient
};

// What stands on the tape for `given`, which was computed outside the trace: a gradient that would
// flow on to the leaves behind it is an error that names `what` and the way out.
void cut_off(const Tensor& traced, const Tensor& given, std::string what);

}  // namespace cairn
