#include <queue>

#include "cairn/compile/passes.h"

namespace cairn {

// Kahn's algorithm, the earliest node of the traced order first: a step keeps the order in which the user
// wrote it wherever fusion left it possible.
Graph schedule(const Graph& graph) {
  const size_t count = graph.nodes.size();
  std::vector<std::vector<int32_t>> readers(count);
  std::vector<int> waiting(count, 0);
  for (size_t i = 0; i < count; ++i)
    for (ValueId v : graph.nodes[i].inputs)
      if (const int32_t p = graph.values[v].producer; p >= 0) readers[p].push_back(static_cast<int32_t>(i)), ++waiting[i];
  std::priority_queue<int32_t, std::vector<int32_t>, std::greater<>> ready;
  for (size_t i = 0; i < count; ++i)
    if (waiting[i] == 0) ready.push(static_cast<int32_t>(i));
  Rewriter rewriter(graph);
  size_t done = 0;
  while (!ready.empty()) {
    const int32_t i = ready.top();
    ready.pop();
    ++done;
    rewriter.copy(graph.nodes[i]);
    for (int32_t reader : readers[i])
      if (--waiting[reader] == 0) ready.push(reader);
  }
  check(done == count, "schedule: the graph has a cycle");
  return rewriter.finish();
}

}  // namespace cairn
