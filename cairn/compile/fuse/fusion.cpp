#include "cairn/compile/fuse/fusion.h"

#include <algorithm>

#include "cairn/compile/chains.h"

namespace cairn::fusing {
namespace {

// What a tile program holds (cairn/backend/cpu/region/region.h), less some room for what outputs
// need.
constexpr int kMostSteps = 90, kMostOperands = 44, kMostRegisters = 116;
constexpr int64_t kFewestRows = 8;  // fewer rows than this are no work for several threads

}  // namespace

Fusion::Fusion(const Graph& graph)
    : graph(graph), group_of(graph.nodes.size(), -1), readers(graph.values.size()) {
  for (size_t i = 0; i < graph.nodes.size(); ++i)
    for (ValueId v : graph.nodes[i].inputs) readers[v].push_back(static_cast<int>(i));
  for (ValueId v : graph.results()) results.insert(v);
  find_checks_and_updates();
}

void Fusion::find_checks_and_updates() {
  checks.assign(graph.nodes.size(), 0), updates.assign(graph.nodes.size(), 0);
  for (int i = static_cast<int>(graph.nodes.size()) - 1; i >= 0; --i) {
    bool stops = may_fault(graph, i);
    for (ValueId v : node(i).outputs)
      for (int r : readers[v]) stops |= checks[r] != 0;
    checks[i] = stops;
  }
  for (const Assignment& a : graph.assignments)
    if (const int p = producer(a.value); p >= 0)
      updates[p] = !checks[p] && numel(desc(a.value).shape) >= kLarge;
}

bool Fusion::constant(ValueId v) const {
  return producer(v) >= 0 && is_named(node(producer(v)), "full");
}

bool Fusion::has_room(const std::vector<int>& steps) const {
  if (steps.size() > kMostSteps) return false;
  std::set<ValueId> loads, stores, constants;
  size_t registers = 0;
  for (int i : steps) {
    const Node& n = node(i);
    registers += n.op->is(kReduction) ? 3 : is_named(n, "cast") ? 2 : 1;
    for (ValueId v : n.inputs) {
      const int p = producer(v);
      if (constant(v)) constants.insert(v);
      else if (p < 0 || !std::binary_search(steps.begin(), steps.end(), p)) loads.insert(v);
    }
    const ValueId out = n.outputs[0];  // stored where anything else reads it
    bool stored = results.count(out) > 0;
    for (int r : readers[out]) stored |= !std::binary_search(steps.begin(), steps.end(), r);
    if (stored) stores.insert(out);
  }
  return loads.size() + stores.size() <= kMostOperands &&
         registers + loads.size() + constants.size() <= kMostRegisters;
}

int Fusion::row_rank_of(int i) const {
  const Node& n = node(i);
  if (!n.op->is(kReduction) || !n.attrs.integer("keepdim")) return 0;
  const Ints& axes = n.attrs.ints("axes");
  const Shape& shape = desc(n.inputs[0]).shape;
  const int rank = shape.ssize(), count = axes.ssize();
  for (int a = 0; a < count; ++a)
    if (axes[a] != rank - count + a) return 0;
  if (desc(n.inputs[0]).layout.blocked() && count != rank - 1) return 0;
  int64_t rows = 1;
  for (int d = 0; d < rank - count; ++d) rows *= shape[d];
  return rows >= kFewestRows ? count : 0;
}

// All that comes before node `i` and what must run before that lies below the result: a group that
// begins below it ends below it.
int Fusion::closed_below(int i) const {
  for (bool moved = true; moved;) {
    moved = false;
    for (size_t g = groups.size(); g-- > 0;) {
      const std::vector<int>& members = groups[g].members;
      if (members.empty() || members.front() >= i || members.back() < i) continue;
      i = members.front();
      moved = true;
    }
  }
  return i;
}

bool Fusion::outside_path(const std::set<int>& inside, const std::vector<int>& nodes) const {
  int first = static_cast<int>(graph.nodes.size());
  for (int g : inside)
    for (int m : groups[g].members) first = std::min(first, m);
  const int closed = closed_below(first);
  std::vector<char> seen(graph.nodes.size(), 0);
  std::vector<int> stack;
  auto push = [&](int p) {
    if (p < closed || seen[p]) return;
    seen[p] = 1;
    stack.push_back(p);
  };
  auto is_inside = [&](int p) { return group_of[p] >= 0 && inside.count(group_of[p]); };
  for (int i : nodes)
    for (ValueId v : node(i).inputs)
      if (const int p = producer(v); p >= 0 && !is_inside(p)) push(p);
  while (!stack.empty()) {
    const int i = stack.back();
    stack.pop_back();
    // A group runs as a whole: all its inputs come before it.
    const std::vector<int> alone = {i};
    const std::vector<int>& all = group_of[i] >= 0 ? groups[group_of[i]].members : alone;
    for (int m : all)
      for (ValueId v : node(m).inputs) {
        const int p = producer(v);
        if (p < 0) continue;
        if (is_inside(p)) return true;
        push(p);
      }
  }
  return false;
}

}  // namespace cairn::fusing
