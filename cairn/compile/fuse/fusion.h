// What the steps of the fuse pass share: groups of nodes, each of which becomes one region.
#pragma once
#include <set>
#include <vector>

#include "cairn/compile/passes.h"

namespace cairn::fusing {

constexpr int64_t kLarge = 1 << 15;  // elements: below, storing a value costs nothing worth saving

struct Group {
  Shape domain;
  Layout layout;  // of values over the whole domain
  int row_rank = 0;
  std::vector<int> members;  // nodes, ascending
  std::vector<int> clones;   // elementwise nodes of other groups, computed here again
  bool dead = false;
  bool checks = false, updates = false;  // has such members: see Fusion
};

struct Fusion {
  explicit Fusion(const Graph& graph);

  const Graph& graph;
  std::vector<Group> groups;
  std::vector<int> group_of;              // of each node; -1: none
  std::vector<std::vector<int>> readers;  // of each value: nodes, ascending
  std::set<ValueId> results;
  // Of each node: whether what may stop the step hangs on it, and whether it gives a large State
  // its new value and the first is not so. A region with both would write before it is known that
  // the step may, so that the State would have to be copied.
  std::vector<char> checks, updates;

  const Node& node(int i) const { return graph.nodes[i]; }
  const TensorDesc& desc(ValueId v) const { return graph.desc(v); }
  int producer(ValueId v) const { return graph.values[v].producer; }
  bool constant(ValueId v) const;

  // Whether one tile program has room for these nodes (ascending) and all that they load and store.
  bool has_room(const std::vector<int>& steps) const;
  // A reduction with its axes kept, over the last dimensions, whose result may be used in the same
  // row: how many. Else 0.
  int row_rank_of(int i) const;
  // Whether a path through nodes outside `inside` leads from one of its groups into inputs of these
  // nodes.
  bool outside_path(const std::set<int>& inside, const std::vector<int>& nodes) const;

 private:
  void find_checks_and_updates();
  int closed_below(int i) const;
};

// The steps, in this order.
void grow_groups(Fusion& fusion, const Backend& backend);
void compute_again(Fusion& fusion);  // fills Group::clones
Graph write_regions(const Fusion& fusion);

}  // namespace cairn::fusing
