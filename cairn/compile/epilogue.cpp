// A convolution, its bias, a residual and relu in one kernel, where nobody reads what lies between:
// the output is written once.
#include "cairn/compile/channel_chain.h"
#include "cairn/compile/passes.h"

namespace cairn {
namespace {

class EpiloguePass {
 public:
  EpiloguePass(const Graph& graph, const Backend& backend)
      : old_(graph), backend_(backend), rewriter_(graph), readers_(graph), chains_(graph) {}

  Graph run() {
    for (size_t i = 0; i < old_.nodes.size(); ++i)
      if (is_named(old_.nodes[i], "conv")) find_chain(static_cast<int>(i));
    return chains_.rewrite(old_, rewriter_, [&](const Chain& chain) { emit(chain); });
  }

 private:
  struct Chain {
    int conv, last;
    ValueId bias = -1, residual = -1;  // -1: none
    bool relu = false;
  };
  const Node& node(int i) const { return old_.nodes[i]; }
  ValueId out(int i) const { return node(i).outputs[0]; }
  const TensorDesc& desc(int i) const { return old_.desc(out(i)); }

  // The only reader of node i, if it is this op, gives the same kind of tensor and is free.
  int next(int i, const char* op) const {
    const int reader = readers_.only(out(i));
    const bool fits = reader >= 0 && is_named(node(reader), op) && !chains_.taken(reader) &&
                      desc(reader) == desc(i) && node(reader).recompute == node(i).recompute;
    return fits ? reader : -1;
  }

  void find_chain(int conv) {
    if (!kernel_exists(conv)) return;
    Chain chain{conv, conv};
    if (const int add = next(conv, "add"); add >= 0) {
      chain.bias = other_input(node(add), out(conv)), chain.last = add;
      if (chain.bias < 0 || !is_per_channel(old_.desc(chain.bias), desc(conv))) return;
      if (const int sum = next(add, "add"); sum >= 0) {
        const ValueId other = other_input(node(sum), out(add));
        if (other >= 0 && old_.desc(other) == desc(conv)) chain.residual = other, chain.last = sum;
      }
    }
    if (const int relu = next(chain.last, "relu"); relu >= 0) chain.relu = true, chain.last = relu;
    if (chain.last == conv) return;
    std::vector<int> nodes = {conv};
    while (nodes.back() != chain.last) nodes.push_back(readers_.only(out(nodes.back())));
    chains_.add(nodes, chain);
  }

  bool kernel_exists(int conv) const {
    TensorDesc x = old_.desc(node(conv).inputs[0]), w = old_.desc(node(conv).inputs[1]),
               y = desc(conv);
    TensorDesc bias(y.dtype, Shape{y.shape[1]});
    Attrs attrs = node(conv).attrs;
    attrs.set("relu", int64_t{0});
    const OpCall call{&op_named("conv_fused"), &attrs, {&x, &w, &bias}, {&y}, nullptr};
    return numel(y.shape) != 0 && backend_.supports(call);
  }

  void emit(const Chain& chain) {
    const Node& conv = node(chain.conv);
    const TensorDesc& y = desc(chain.conv);
    Attrs attrs = conv.attrs;
    attrs.set("relu", int64_t{chain.relu});
    const TensorDesc channels(y.dtype, Shape{y.shape[1]});
    const ValueId bias =
        chain.bias < 0 ? rewriter_.add(conv, op_named("full"),
                                       {{"shape", channels.shape},
                                        {"value", 0.0},
                                        {"dtype", static_cast<int64_t>(y.dtype)}},
                                       {}, channels)
                       : rewriter_.add(conv, op_named("reshape"), {{"shape", Ints{y.shape[1]}}},
                                       {rewriter_.map(chain.bias)}, channels);
    ValueList inputs = {rewriter_.map(conv.inputs[0]), rewriter_.map(conv.inputs[1]), bias};
    if (chain.residual >= 0) inputs.push_back(rewriter_.map(chain.residual));
    rewriter_.set(out(chain.last), rewriter_.add(conv, op_named("conv_fused"), attrs, inputs, y));
  }

  const Graph& old_;
  const Backend& backend_;
  Rewriter rewriter_;
  Readers readers_;
  Chains<Chain> chains_;
};

}  // namespace

// Only where nothing is learned: gradients read what lies between.
Graph fuse_epilogues(const Graph& graph, const Backend& backend) {
  if (!graph.assignments.empty() || !graph.gradients.empty()) return graph;
  return EpiloguePass(graph, backend).run();
}

}  // namespace cairn
