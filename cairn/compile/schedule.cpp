#include <cstring>
#include <queue>
#include <set>

#include "cairn/compile/passes.h"
#include "cairn/ops/collective.h"

namespace cairn {
namespace {

// Kahn's algorithm, the earliest node of the given order first, with two changes. Updates of States
// run as soon as their gradient is there, so that it dies early; and they wait for the last node
// that may stop the step and for every reader of the State's old value, so that they can write over
// it. Sums over ranks start as soon as there is what they sum, to be under way while the rest is
// computed.
class Scheduler {
 public:
  explicit Scheduler(const Graph& graph)
      : graph_(graph), count_(static_cast<int>(graph.nodes.size())), readers_(graph.values.size()) {
    for (int i = 0; i < count_; ++i)
      for (ValueId v : graph_.nodes[i].inputs) readers_[v].push_back(i);
  }

  std::vector<int> order() {
    find_updates();
    add_data_edges();
    for (int i = 0; i < count_; ++i)
      if (update_[i] && last_fault_ >= 0 && last_fault_ != i) add_edge(last_fault_, i);
    const auto data_only = edges_;
    add_reader_edges();
    std::vector<int> order = run();
    if (order.size() == graph_.nodes.size()) return order;
    edges_ = data_only;  // an old value is read after the new one was made: the State is copied at
                         // the end
    order = run();
    check(order.size() == graph_.nodes.size(), "schedule: the graph has a cycle");
    return order;
  }

 private:
  // Cheap nodes whose results reach nothing but assignments: what stands between a gradient and its
  // State.
  void find_updates() {
    std::set<ValueId> assigned, wanted(graph_.outputs.begin(), graph_.outputs.end());
    for (const Assignment& a : graph_.assignments) assigned.insert(a.value);
    for (const Gradient& g : graph_.gradients) wanted.insert(g.value);  // -1 is no value
    for (int i = 0; i < count_; ++i)
      if (may_fault(graph_, i)) last_fault_ = i;
    update_.assign(count_, 0);
    for (int i = count_ - 1; i >= 0; --i) {
      const Node& node = graph_.nodes[i];
      bool only = node.region || node.alias || std::strcmp(node.op->name, "reorder") == 0 ||
                  node.op->is(kElementwise);
      only = only && !may_fault(graph_, i);
      for (ValueId v : graph_.nodes[i].outputs) {
        only = only && !wanted.count(v) && (assigned.count(v) || !readers_[v].empty());
        for (int r : readers_[v]) only = only && update_[r];
      }
      update_[i] = only;
    }
  }

  void add_edge(int from, int to) { edges_.insert({from, to}); }
  void add_data_edges() {
    for (int i = 0; i < count_; ++i)
      for (ValueId v : graph_.nodes[i].inputs)
        if (const int p = graph_.values[v].producer; p >= 0) add_edge(p, i);
  }
  void add_reader_edges() {
    for (const Assignment& a : graph_.assignments) {
      const int writer = graph_.values[a.value].producer;
      if (writer < 0) continue;
      for (const GraphInput& in : graph_.inputs) {
        if (!in.reads(a.state)) continue;
        std::vector<ValueId> old = {in.value};  // and its views
        for (size_t at = 0; at < old.size(); ++at)
          for (int i : readers_[old[at]]) {
            if (graph_.nodes[i].alias) old.push_back(graph_.nodes[i].outputs[0]);
            if (i != writer) add_edge(i, writer);
          }
      }
    }
  }

  std::vector<int> run() const {
    std::vector<std::vector<int>> next(count_);
    std::vector<int> waiting(count_, 0), order;
    for (const auto& [from, to] : edges_) next[from].push_back(to), ++waiting[to];
    using Entry = std::pair<int, int>;
    std::priority_queue<Entry, std::vector<Entry>, std::greater<>> ready;
    auto push = [&](int i) {
      const bool starts = starts_sums(*graph_.nodes[i].op);
      ready.push({update_[i] || starts ? -1 : i, i});
    };
    for (int i = 0; i < count_; ++i)
      if (waiting[i] == 0) push(i);
    while (!ready.empty()) {
      const int i = ready.top().second;
      ready.pop();
      order.push_back(i);
      for (int n : next[i])
        if (--waiting[n] == 0) push(n);
    }
    return order;
  }

  const Graph& graph_;
  int count_, last_fault_ = -1;
  std::vector<std::vector<int>> readers_;  // of each value: nodes, ascending
  std::vector<char> update_;
  std::set<std::pair<int, int>> edges_;
};

}  // namespace

Graph schedule(const Graph& graph) {
  Rewriter rewriter(graph);
  for (int i : Scheduler(graph).order()) rewriter.copy(graph.nodes[i]);
  return rewriter.finish();
}

}  // namespace cairn
