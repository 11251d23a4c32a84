// The tape: one GradNode for each op that was applied to something that requires a gradient.
#pragma once
#include <string>
#include <vector>

#include "cairn/autograd/autograd.h"
#include "cairn/ops/op.h"

namespace cairn {

class GradNode;

// Where the gradient of one input flows: to the node that made it, or to a leaf.
struct Edge {
  Ref<GradNode> node;
  int index = 0;
  Ref<TensorImpl> leaf;
  bool open() const { return node || leaf; }
};

class GradNode : public RefCounted {
 public:
  ~GradNode() override;

  const OpDef* op = nullptr;  // null for a CustomFunction
  Attrs attrs;
  uint64_t sequence = 0;                // grows with time: backward goes from the largest down
  std::vector<Edge> edges;              // one an input
  std::vector<Tensor> inputs, outputs;  // saved, when the vjp reads them (outputs without grad_fn)
  std::vector<Shape> input_shapes;
  std::vector<TensorDesc> output_descs;
  std::function<Tensors(const Tensors&, const Tensors&, const Tensors&)> custom;
  std::string path;  // module path, when traced
  Loc loc;

  // The inputs' gradients from the outputs' (undefined where nothing flowed).
  std::vector<Tensor> vjp(std::span<const Tensor> grads, std::span<const bool> needs);

 private:
  std::vector<Tensor> saved_outputs();
};

Edge edge_of(const Tensor& t);
// The leaves that a gradient of `t` could reach, each once, in the order of the tape.
std::vector<Ref<TensorImpl>> leaves_behind(const Tensor& t);
// grad() that treats `inputs` as independent of each other: nothing flows on behind them. Undefined
// where an input is not reached.
Tensors gradients_up_to(const Tensors& outputs, const Tensors& output_grads, const Tensors& inputs,
                        bool create_graph);
// Makes `outputs` results of `node` on the tape.
void attach(const Ref<GradNode>& node, std::span<Tensor> outputs);

}  // namespace cairn
