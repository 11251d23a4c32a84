// What passes that look along chains of nodes share: who reads a value, and the chains that one
// node replaces.
#pragma once
#include <cstring>
#include <span>
#include <vector>

#include "cairn/graph/graph.h"

namespace cairn {

inline bool is_named(const Node& node, const char* op) {
  return std::strcmp(node.op->name, op) == 0;
}

// Who reads what, to walk from a value to its only reader.
class Readers {
 public:
  explicit Readers(const Graph& graph)
      : uses_(graph.use_counts()), reader_(graph.values.size(), -1) {
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

// The chains that a pass found; each is written in the place of its last node, where all that it
// reads exists.
template <class Chain>
class Chains {
 public:
  explicit Chains(const Graph& graph)
      : ends_(graph.nodes.size(), -1), taken_(graph.nodes.size(), 0) {}
  bool taken(int node) const { return taken_[node]; }
  void add(std::span<const int> nodes, const Chain& chain) {
    for (int i : nodes) taken_[i] = 1;
    ends_[nodes.back()] = static_cast<int>(chains_.size());
    chains_.push_back(chain);
  }
  // The graph with emit(chain) for each chain and the other nodes as they are.
  template <class Emit>
  Graph rewrite(const Graph& old, Rewriter& rewriter, Emit emit) const {
    for (size_t i = 0; i < old.nodes.size(); ++i) {
      if (ends_[i] >= 0) emit(chains_[ends_[i]]);
      else if (!taken_[i]) rewriter.copy(old.nodes[i]);
    }
    return rewriter.finish();
  }

 private:
  std::vector<Chain> chains_;
  std::vector<int> ends_;    // the chain that ends at this node, or -1
  std::vector<char> taken_;  // nodes of chains
};

}  // namespace cairn
