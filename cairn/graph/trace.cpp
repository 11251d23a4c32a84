#include "cairn/graph/trace.h"

#include "cairn/graph/recorder.h"
#include "cairn/ops/context.h"

namespace cairn {
namespace {

// Names in the graph begin at the function, whoever asks.
struct OuterPath {
  OuterPath() { std::swap(saved, context().path); }
  ~OuterPath() { std::swap(saved, context().path); }
  std::vector<PathEntry> saved;
};

}  // namespace

Shape sizes_of(const Port& port, int64_t batch, int64_t length) {
  Shape shape = port.shape;
  for (int64_t& size : shape) size = size == kAnyBatch ? batch : size == kAnyLength ? length : size;
  return shape;
}

Graph trace(const std::vector<Port>& ports, int64_t batch, int64_t length,
            const TensorFunction& function, const std::function<bool(const OpCall&)>& expand) {
  Graph graph;
  GraphRecorder recorder(graph);
  recorder.expand = expand;
  const RecorderScope scope(&recorder);
  const NoGrad no_grad;
  const OuterPath outer;
  Tensors arguments;
  for (const Port& port : ports)
    arguments.push_back(recorder.argument(TensorDesc(port.dtype, sizes_of(port, batch, length)),
                                          static_cast<int>(arguments.size())));
  for (const Tensor& result : function(arguments))
    graph.outputs.push_back(recorder.value_of(result));
  recorder.finish();
  check(graph.assignments.empty(), "the function to trace changes a State");
  check(graph.random_ops == 0, "the function to trace draws random numbers");
  return graph;
}

}  // namespace cairn
