// Sizes that follow the batch and the length: found by tracing a function at several of them.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "cairn/graph/trace.h"

namespace cairn::onnx {

// count * batch (or not) * length (or not).
struct Dim {
  int64_t count = 0;
  bool batch = false, length = false;
  bool fixed() const { return !batch && !length; }
  friend bool operator==(const Dim&, const Dim&) = default;
};
using Dims = std::vector<Dim>;

// The same graph at other sizes.
class Traces {
 public:
  Traces(const std::vector<Port>& ports, const TensorFunction& function,
         const std::function<bool(const OpCall&)>& expand);
  const Graph& graph() const { return graphs_[0]; }
  Dims dims_of(ValueId v) const;
  // A number of a node that may follow the sizes. `read` finds it in the node.
  Dim number(int node, const std::function<int64_t(const Node&)>& read) const;
  // Whether the node and its results are the same at all sizes.
  bool same(int node) const;

 private:
  Dim dim(const std::vector<int64_t>& seen, const Node* node) const;
  std::vector<Graph> graphs_;
};

}  // namespace cairn::onnx
