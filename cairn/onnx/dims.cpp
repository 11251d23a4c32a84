#include "cairn/onnx/dims.h"

#include <cstring>

#include "cairn/compile/passes.h"

namespace cairn::onnx {
namespace {

// Small primes, and none that a layer often has.
struct Sizes {
  int64_t batch, length;
};
constexpr Sizes kSizes[] = {{5, 7}, {3, 7}, {5, 11}};

void must_agree(const Graph& a, const Graph& b) {
  check(a.nodes.size() == b.nodes.size() && a.values.size() == b.values.size() &&
            a.outputs == b.outputs,
        "export: the model computes other steps for another batch or length");
  for (size_t i = 0; i < a.nodes.size(); ++i)
    if (std::strcmp(a.nodes[i].op->name, b.nodes[i].op->name) != 0 ||
        !(a.nodes[i].inputs == b.nodes[i].inputs))
      fail("export: '{}' (at {}) depends on the batch or the length", a.nodes[i].op->name,
           a.nodes[i].path);
}

}  // namespace

Traces::Traces(const std::vector<Port>& ports, const TensorFunction& function,
               const std::function<bool(const OpCall&)>& expand) {
  for (const Sizes& s : kSizes)
    graphs_.push_back(fold(simplify(trace(ports, s.batch, s.length, function, expand))));
  for (const Graph& other : graphs_) must_agree(graphs_[0], other);
}

Dim Traces::dim(const std::vector<int64_t>& seen, const Node* node) const {
  for (const bool batch : {false, true})
    for (const bool length : {false, true}) {
      const auto factor = [&](size_t i) {
        return (batch ? kSizes[i].batch : 1) * (length ? kSizes[i].length : 1);
      };
      if (seen[0] % factor(0) != 0) continue;
      const Dim d{seen[0] / factor(0), batch, length};
      bool fits = true;
      for (size_t i = 0; i < seen.size(); ++i) fits &= d.count * factor(i) == seen[i];
      if (fits) return d;
    }
  fail("export: a size of '{}' (at {}) is no multiple of batch and length: {} for {} x {}",
       node ? node->op->name : "an input", node ? node->path : "", seen[0], kSizes[0].batch,
       kSizes[0].length);
}

Dims Traces::dims_of(ValueId v) const {
  const int32_t producer = graph().values[v].producer;
  Dims dims;
  for (size_t d = 0; d < graph().desc(v).shape.size(); ++d) {
    std::vector<int64_t> seen;
    for (const Graph& g : graphs_) seen.push_back(g.desc(v).shape[d]);
    dims.push_back(dim(seen, producer < 0 ? nullptr : &graph().nodes[producer]));
  }
  return dims;
}

Dim Traces::number(int node, const std::function<int64_t(const Node&)>& read) const {
  std::vector<int64_t> seen;
  for (const Graph& g : graphs_) seen.push_back(read(g.nodes[node]));
  return dim(seen, &graph().nodes[node]);
}

bool Traces::same(int node) const {
  for (const Graph& g : graphs_) {
    const Node &a = graph().nodes[node], &b = g.nodes[node];
    if (!(a.attrs == b.attrs)) return false;
    for (size_t o = 0; o < a.outputs.size(); ++o)
      if (!(graph().desc(a.outputs[o]).shape == g.desc(b.outputs[o]).shape)) return false;
  }
  return true;
}

}  // namespace cairn::onnx
