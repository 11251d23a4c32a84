#include "cairn/compile/dump.h"
#include "cairn/compile/passes.h"
#include "cairn/graph/recorder.h"

namespace cairn {

Graph expand_composites(const Graph& graph, const Backend& backend) {
  const bool all = pass_enabled("expand_kernels");  // also what one kernel could do, eager's
  auto wants = [&](const OpCall& call) {
    if (!call.op->decompose) return false;
    return (all && call.op->is(kExpand)) || !backend.supports(call);
  };
  Rewriter rewriter(graph);
  for (const Node& node : graph.nodes) {
    OpCall call = const_cast<Graph&>(graph).call_of(node);
    if (!wants(call)) {
      rewriter.copy(node);
      continue;
    }
    GraphRecorder recorder(rewriter.graph());
    recorder.expand = wants;
    recorder.like = &node;
    RecorderScope scope(&recorder);
    NoGrad no_grad;
    Tensors in, out(node.outputs.size());
    for (ValueId v : node.inputs) in.push_back(recorder.tensor_of(rewriter.map(v)));
    node.op->decompose(in, node.attrs, out);
    for (size_t i = 0; i < out.size(); ++i)
      rewriter.set(node.outputs[i], recorder.value_of(out[i]));
  }
  return rewriter.finish();
}

}  // namespace cairn
