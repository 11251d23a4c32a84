#include "cairn/compile/chains.h"
#include "cairn/compile/passes.h"

// A linear layer reads its weight [out, in] transposed, so the gradient is the transpose of x^T g
// [in, out]. Turned round, the product comes out as the weight lies, and the optimizer reads it in
// order.
namespace cairn {
namespace {

bool transposes(const Node& node) {
  return is_named(node, "permute") && node.attrs.ints("order") == Ints{1, 0};
}

// The product x^T g that this node transposes and nobody else reads, or nullptr.
const Node* turned_product(const Graph& graph, const Readers& readers, const Node& node) {
  if (!transposes(node)) return nullptr;
  const int p = graph.values[node.inputs[0]].producer;
  if (p < 0 || !is_named(graph.nodes[p], "matmul") || readers.only(node.inputs[0]) < 0)
    return nullptr;
  const Node& product = graph.nodes[p];
  const int left = graph.values[product.inputs[0]].producer;
  if (product.recompute != node.recompute || left < 0 || !transposes(graph.nodes[left]))
    return nullptr;
  return graph.desc(product.inputs[1]).shape.size() == 2 ? &product : nullptr;
}

}  // namespace

Graph turn_products(const Graph& graph) {
  const Readers readers(graph);
  Rewriter rewriter(graph);
  for (const Node& node : graph.nodes) {
    const Node* product = turned_product(graph, readers, node);
    if (!product) {
      rewriter.copy(node);
      continue;
    }
    const ValueId x = graph.nodes[graph.values[product->inputs[0]].producer].inputs[0],
                  g = product->inputs[1];
    const TensorDesc& desc = graph.desc(g);
    const TensorDesc turned(desc.dtype, {desc.shape[1], desc.shape[0]});
    const ValueId left = rewriter.add(node, *node.op, node.attrs, {rewriter.map(g)}, turned);
    const ValueId out = rewriter.add(*product, *product->op, product->attrs,
                                     {left, rewriter.map(x)}, graph.desc(node.outputs[0]));
    rewriter.set(node.outputs[0], out);
  }
  return without_dead(rewriter.finish());
}

}  // namespace cairn
