#include "cairn/graph/cost.h"

#include <string_view>

#include "cairn/graph/recorder.h"

namespace cairn {
namespace {

double count(const Shape& shape) { return static_cast<double>(numel(shape)); }

// Each element of the forward output takes a product with one filter; `weight` [out, in / groups,
// kernel...].
double convolution(const Shape& output, const Shape& weight) {
  return count(output) * count(weight) / static_cast<double>(std::max<int64_t>(weight[0], 1));
}

// x [T, N, I] or [N, T, I]; weights as the op lists them: every matrix of G * H rows meets every
// step.
double recurrent(const OpCall& call) {
  const Shape& x = call.shape(0);
  double weights = 0;
  for (size_t i = 1; i < call.inputs.size(); ++i)
    if (call.rank(static_cast<int>(i)) == 2) weights += count(call.shape(static_cast<int>(i)));
  return static_cast<double>(x[0] * x[1]) * weights;
}

}  // namespace

double multiply_adds(const OpCall& call) {
  const std::string_view name = call.op->name;
  if (name == "matmul") return count(call.out().shape) * static_cast<double>(call.shape(0).back());
  if (name == "conv") return convolution(call.out().shape, call.shape(1));
  if (name == "conv_grad_input") return convolution(call.shape(0), call.shape(1));
  if (name == "conv_grad_weight") return convolution(call.shape(1), call.out().shape);
  const bool backward = name.ends_with("_backward");
  const double factor = backward ? 2 : 1;
  if (name.starts_with("lstm") || name.starts_with("gru") || name.starts_with("rnn"))
    return factor * recurrent(call);
  if (name.starts_with("attention")) {  // q k^T and p v; backward has five products
    const Shape &q = call.shape(0), &k = call.shape(1);
    return count(q) * static_cast<double>(k[2]) * (backward ? 5 : 2);
  }
  return 0;
}

double multiply_adds(const Graph& graph) {
  double total = 0;
  Graph copy = graph;  // call_of wants descriptions that may be written
  for (const Node& node : graph.nodes) total += multiply_adds(copy.call_of(node));
  return total;
}

Graph trace_graph(const std::function<void()>& body) {
  Graph graph;
  GraphRecorder recorder(graph);
  RecorderScope scope(&recorder);
  body();
  recorder.finish();
  return graph;
}

}  // namespace cairn
