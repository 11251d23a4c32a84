// What follows a convolution: elementwise ops with one value a channel.
#pragma once
#include <cstring>

#include "cairn/graph/graph.h"

namespace cairn {

inline bool is_named(const Node& node, const char* op) { return std::strcmp(node.op->name, op) == 0; }

// Who reads what, to walk from a value to its only reader.
class Readers {
 public:
  explicit Readers(const Graph& graph) : uses_(graph.use_counts()), reader_(graph.values.size(), -1) {
    for (size_t i = 0; i < graph.nodes.size(); ++i)
      for (ValueId v : graph.nodes[i].inputs) reader_[v] = static_cast<int>(i);
  }
  // The node that alone reads v, once; -1 where there are more, or v is a result.
  int only(ValueId v) const { return uses_[v] == 1 ? reader_[v] : -1; }

 private:
  std::vector<int> uses_, reader_;
};

// The other input of a node of two inputs that reads v.
inline ValueId other_input(const Node& node, ValueId v) {
  return node.inputs.size() != 2 ? -1 : node.inputs[node.inputs[0] == v ? 1 : 0];
}

// `small` has one value for each channel of y [N, C, ...], and broadcasts to it: [C, 1...] or [1, C, 1...].
inline bool is_per_channel(const TensorDesc& small, const TensorDesc& y) {
  const int spatial = y.shape.ssize() - 2, rank = small.shape.ssize();
  if (small.dtype != y.dtype || spatial < 1 || rank < spatial + 1 || rank > spatial + 2) return false;
  return small.shape[rank - spatial - 1] == y.shape[1] && numel(small.shape) == y.shape[1];
}

}  // namespace cairn
