#include <algorithm>
#include <cstring>
#include <map>
#include <queue>
#include <set>

#include "cairn/compile/chains.h"
#include "cairn/compile/passes.h"

// Grouping is greedy, in the order of the nodes: each elementwise op or reduction joins the groups that
// make or read its inputs, when they share its iteration space and no path through other nodes leads from
// the group to it. Values that are cheap to compute again from what lies in memory are computed again.
namespace cairn {
namespace {

constexpr int kMostSteps = 90, kMostOperands = 44;  // a tile program has room for some more
constexpr int64_t kLarge = 1 << 15;   // elements: below, storing a value costs nothing worth saving
constexpr int kMostCloned = 6;        // steps that may be computed again instead of stored
constexpr int64_t kFewestRows = 8;    // fewer rows than this are no work for several threads

// What a tensor of this type holds of a number: a region's registers would keep all of a narrow constant's digits.
double as_stored(double value, DType dtype) {
  char bytes[8];
  store_element(bytes, dtype, value);
  return load_element(bytes, dtype);
}

struct Group {
  Shape domain;
  Layout layout;      // of values over the whole domain
  int row_rank = 0;
  std::vector<int> members;  // nodes, ascending
  std::vector<int> clones;   // elementwise nodes of other groups, computed here again
  bool dead = false;
};

class Fuser {
 public:
  Fuser(const Graph& graph, const Backend& backend)
      : graph_(graph), backend_(backend), group_of_(graph.nodes.size(), -1), readers_(graph.values.size()) {}

  Graph run() {
    for (size_t i = 0; i < graph_.nodes.size(); ++i)
      for (ValueId v : graph_.nodes[i].inputs) readers_[v].push_back(static_cast<int>(i));
    for (ValueId v : graph_.results()) is_result_.insert(v);
    for (size_t i = 0; i < graph_.nodes.size(); ++i) place(static_cast<int>(i));
    compute_again();
    return emit();
  }

 private:
  const Node& node(int i) const { return graph_.nodes[i]; }
  const TensorDesc& desc(ValueId v) const { return graph_.desc(v); }
  int producer(ValueId v) const { return graph_.values[v].producer; }
  bool constant(ValueId v) const { return producer(v) >= 0 && is_named(node(producer(v)), "full"); }

  // ---- which nodes, over what

  // Integers are exact in f32 registers only where a bound is known.
  bool bounded(ValueId v) const {
    const int p = producer(v);
    if (p < 0) return false;
    if (is_named(node(p), "full")) return std::abs(node(p).attrs.number("value")) < (1 << 24);
    const ValueId source = node(p).op->is(kView) ? node(p).inputs[0] : v;
    if (source != v) return bounded(source);
    if (is_named(node(p), "cast")) return bounded(node(p).inputs[0]);
    return is_named(node(p), "arange") && node(p).attrs.integer("start") == 0 &&
           node(p).attrs.integer("count") * node(p).attrs.integer("step") < (1 << 24);
  }
  bool fits_registers(const Node& n) const {
    bool integers = false, any_bound = false;
    for (ValueId v : n.inputs) {
      const DType t = desc(v).dtype;
      if (t == DType::f64) return false;
      integers |= t == DType::i64 || t == DType::i32;
      any_bound |= bounded(v);
    }
    const DType out = desc(n.outputs[0]).dtype;
    if (out == DType::f64 || out == DType::i64 || out == DType::i32) return false;
    if (!integers) return true;
    return is_named(n, "cast") || (any_bound && out == DType::boolean);
  }
  bool fusible(int i) const {
    const Node& n = node(i);
    if (n.outputs.size() != 1 || n.alias) return false;
    if (!n.op->is(kElementwise) && !n.op->is(kReduction)) return false;
    if (!fits_registers(n)) return false;
    OpCall call = const_cast<Graph&>(graph_).call_of(n);
    return backend_.can_fuse(call);
  }
  const TensorDesc& domain_desc(int i) const {
    return node(i).op->is(kReduction) ? desc(node(i).inputs[0]) : desc(node(i).outputs[0]);
  }
  static Layout domain_layout(const TensorDesc& d) {
    return d.layout.blocked() ? d.layout : Layout::contiguous(d.shape);
  }

  // A reduction with its axes kept, over the last dimensions: its result may be used in the same row.
  int row_rank_of(int i) const {
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
  static Shape row_shape(const Shape& domain, int row_rank) {
    Shape kept = domain;
    for (int d = domain.ssize() - row_rank; d < domain.ssize(); ++d) kept[d] = 1;
    return kept;
  }

  // ---- grouping

  // What a region of these nodes would load and store; a value that a later node reads counts as stored.
  int operands(const std::vector<int>& members) const {
    std::set<ValueId> values;
    for (int i : members) {
      for (ValueId v : node(i).inputs)
        if (const int p = producer(v); !constant(v) && (p < 0 || !std::binary_search(members.begin(), members.end(), p))) values.insert(v);
      const ValueId out = node(i).outputs[0];
      bool stored = is_result_.count(out) > 0;
      for (int r : readers_[out]) stored |= !std::binary_search(members.begin(), members.end(), r);
      if (stored) values.insert(out);
    }
    return static_cast<int>(values.size());
  }
  bool has_room(const Group& g, int i) const {
    std::vector<int> all = g.members;
    all.push_back(i);
    return operands(all) <= kMostOperands;
  }

  // What node i would need to be part of g, or why not.
  bool may_join(int i, const Group& g, int* row_rank) const {
    const Node& n = node(i);
    const TensorDesc& d = domain_desc(i);
    int rows = g.row_rank;
    for (ValueId v : n.inputs) {
      const int p = producer(v);
      if (p < 0 || group_of_[p] < 0 || &groups_[group_of_[p]] != &g || !node(p).op->is(kReduction)) continue;
      const int r = row_rank_of(p);
      if (r == 0 || (rows != 0 && rows != r)) return false;
      rows = r;
    }
    *row_rank = rows;
    if (static_cast<int>(g.members.size()) >= kMostSteps) return false;
    if (d.shape == g.domain) return domain_layout(d) == g.layout;
    return rows > 0 && !n.op->is(kReduction) && !d.layout.blocked() && d.shape == row_shape(g.domain, rows);
  }

  // All that comes before node `i` and what must run before that lies below the result: a group that begins
  // below it ends below it.
  int closed_below(int i) const {
    for (bool moved = true; moved;) {
      moved = false;
      for (size_t g = groups_.size(); g-- > 0;) {
        const std::vector<int>& members = groups_[g].members;
        if (members.empty() || members.front() >= i || members.back() < i) continue;
        i = members.front();
        moved = true;
      }
    }
    return i;
  }

  // Whether a path through nodes outside `inside` leads from one of its groups into inputs of these nodes.
  bool outside_path(const std::set<int>& inside, const std::vector<int>& nodes) const {
    int first = static_cast<int>(graph_.nodes.size());
    for (int g : inside)
      for (int m : groups_[g].members) first = std::min(first, m);
    const int closed = closed_below(first);
    std::vector<char> seen(graph_.nodes.size(), 0);
    std::vector<int> stack;
    auto push = [&](int p) {
      if (p < closed || seen[p]) return;
      seen[p] = 1;
      stack.push_back(p);
    };
    auto is_inside = [&](int p) { return group_of_[p] >= 0 && inside.count(group_of_[p]); };
    for (int i : nodes)
      for (ValueId v : node(i).inputs)
        if (const int p = producer(v); p >= 0 && !is_inside(p)) push(p);
    while (!stack.empty()) {
      const int i = stack.back();
      stack.pop_back();
      // A group runs as a whole: all its inputs come before it.
      const std::vector<int> alone = {i};
      const std::vector<int>& all = group_of_[i] >= 0 ? groups_[group_of_[i]].members : alone;
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

  std::vector<int> candidates(int i) const {
    std::vector<int> list;
    auto add = [&](int g) {
      if (g >= 0 && std::find(list.begin(), list.end(), g) == list.end()) list.push_back(g);
    };
    for (ValueId v : node(i).inputs)
      if (const int p = producer(v); p >= 0) add(group_of_[p]);
    for (ValueId v : node(i).inputs)
      if (numel(desc(v).shape) >= kLarge && !constant(v))
        for (int r : readers_[v])
          if (r < i) add(group_of_[r]);
    return list;
  }

  void place(int i) {
    if (!fusible(i)) return;
    int chosen = -1;
    for (int g : candidates(i)) {
      if (g == chosen) continue;
      int rows = 0;
      if (!may_join(i, groups_[g], &rows)) continue;
      if (chosen < 0) {
        if (!has_room(groups_[g], i) || outside_path({g}, {i})) continue;
        groups_[g].row_rank = rows;
        groups_[g].members.push_back(i);
        group_of_[i] = chosen = g;
      } else {
        try_merge(chosen, g);
      }
    }
    if (chosen >= 0) return;
    Group fresh;
    fresh.domain = domain_desc(i).shape;
    fresh.layout = domain_layout(domain_desc(i));
    fresh.members = {i};
    group_of_[i] = static_cast<int>(groups_.size());
    groups_.push_back(std::move(fresh));
  }

  void try_merge(int a, int b) {
    Group &into = groups_[a], &from = groups_[b];
    if (into.dead || from.dead || into.domain != from.domain || !(into.layout == from.layout)) return;
    if (into.row_rank && from.row_rank && into.row_rank != from.row_rank) return;
    if (into.members.size() + from.members.size() > kMostSteps) return;
    const int rows = std::max(into.row_rank, from.row_rank);
    std::vector<int> all = into.members;
    all.insert(all.end(), from.members.begin(), from.members.end());
    std::sort(all.begin(), all.end());
    for (int m : all)  // results of reductions are used inside only along rows
      for (ValueId v : node(m).inputs) {
        const int p = producer(v);
        if (p < 0 || (group_of_[p] != a && group_of_[p] != b) || !node(p).op->is(kReduction)) continue;
        if (row_rank_of(p) == 0 || row_rank_of(p) != rows) return;
      }
    if (operands(all) > kMostOperands || outside_path({a, b}, all)) return;
    into.members = all;
    into.row_rank = rows;
    for (int m : from.members) group_of_[m] = a;
    from.dead = true;
    from.members.clear();
  }

  // ---- computing again

  bool stored_anyway(ValueId v) const {
    if (is_result_.count(v)) return true;
    const int p = producer(v);
    if (p < 0 || group_of_[p] < 0) return true;
    if (node(p).op->is(kReduction)) return true;
    for (int r : readers_[v])
      if (group_of_[r] < 0) return true;
    return false;
  }
  bool reads(const Group& g, ValueId v) const {
    for (const auto* list : {&g.members, &g.clones})
      for (int m : *list)
        for (ValueId in : node(m).inputs)
          if (in == v) return true;
    return false;
  }

  // The elementwise nodes that compute v from what group g could load; false when it does not pay.
  bool chain_for(const Group& g, ValueId v, std::vector<int>* chain, std::set<ValueId>* loads) const {
    const int p = producer(v);
    if (std::find(chain->begin(), chain->end(), p) != chain->end()) return true;
    if (static_cast<int>(chain->size()) >= kMostCloned) return false;
    for (ValueId in : node(p).inputs) {
      const int q = producer(in);
      const bool inside = q >= 0 && (std::find(g.members.begin(), g.members.end(), q) != g.members.end() ||
                                     std::find(g.clones.begin(), g.clones.end(), q) != g.clones.end());
      if (inside || constant(in) || numel(desc(in).shape) < numel(g.domain) / 32) {
        // A small value made by a non-row reduction of this very group is not there yet.
        if (inside && node(q).op->is(kReduction) && row_rank_of(q) == 0) return false;
        continue;
      }
      if (stored_anyway(in)) {
        loads->insert(in);
        continue;
      }
      if (node(q).op->is(kReduction) || !chain_for(g, in, chain, loads)) return false;
    }
    chain->push_back(p);
    return true;
  }

  void compute_again() {
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      if (group_of_[i] < 0 || node(i).op->is(kReduction)) continue;
      const ValueId v = node(i).outputs[0];
      if (numel(desc(v).shape) < kLarge || stored_anyway(v)) continue;
      std::map<int, std::vector<int>> chains;  // by reading group
      bool pays = true;
      for (int r : readers_[v]) {
        const int g = group_of_[r];
        if (g == group_of_[i] || chains.count(g)) continue;
        std::set<ValueId> loads;
        std::vector<int> chain;
        pays = pays && desc(v).shape == groups_[g].domain && chain_for(groups_[g], v, &chain, &loads);
        int fresh = 0;
        for (ValueId load : loads) fresh += !reads(groups_[g], load);
        pays = pays && fresh <= 1;
        if (pays) pays = static_cast<int>(groups_[g].members.size() + groups_[g].clones.size() + chain.size()) < kMostSteps;
        if (pays && makes_cycle(g, chain)) pays = false;
        chains[g] = chain;
      }
      if (!pays) continue;
      for (auto& [g, chain] : chains)
        for (int c : chain)
          if (auto& clones = groups_[g].clones; std::find(clones.begin(), clones.end(), c) == clones.end()) clones.push_back(c);
    }
  }

  // Cloned nodes bring their inputs into the group: none of them may depend on it.
  bool makes_cycle(int g, const std::vector<int>& chain) const {
    for (int c : chain)
      for (ValueId v : node(c).inputs)
        if (const int p = producer(v); p >= 0 && group_of_[p] == g && node(p).op->is(kReduction) && row_rank_of(p) == 0)
          return true;
    return outside_path({g}, chain);
  }

  // ---- writing the new graph

  bool in_group(int i, const Group& g) const {
    return std::binary_search(g.members.begin(), g.members.end(), i) ||
           std::find(g.clones.begin(), g.clones.end(), i) != g.clones.end();
  }
  bool needed_outside(int i, int g) const {
    const ValueId v = node(i).outputs[0];
    if (is_result_.count(v)) return true;
    for (int r : readers_[v]) {
      if (group_of_[r] < 0) return true;
      if (group_of_[r] != g && !in_group(i, groups_[group_of_[r]])) return true;
    }
    for (size_t other = 0; other < groups_.size(); ++other)  // as an input of something cloned
      if (static_cast<int>(other) != g && !in_group(i, groups_[other]))
        for (int c : groups_[other].clones)
          for (ValueId in : node(c).inputs)
            if (in == v) return true;
    return false;
  }

  std::vector<int> steps_of(const Group& g) const {
    std::vector<int> all = g.members;
    all.insert(all.end(), g.clones.begin(), g.clones.end());
    std::sort(all.begin(), all.end());
    return all;
  }

  // Steps whose results nobody outside wants and no needed step reads are left out: their readers compute
  // them again.
  std::vector<int> needed_steps(const std::vector<int>& steps, const Group& g, int number) const {
    std::set<ValueId> wanted;
    std::vector<int> kept;
    for (size_t s = steps.size(); s-- > 0;) {
      const int i = steps[s];
      const bool member = std::binary_search(g.members.begin(), g.members.end(), i);
      if (!wanted.count(node(i).outputs[0]) && !(member && needed_outside(i, number))) continue;
      kept.push_back(i);
      for (ValueId v : node(i).inputs) wanted.insert(v);
    }
    std::reverse(kept.begin(), kept.end());
    return kept;
  }

  // The values that a unit (a group, or a node alone) reads from outside itself.
  std::vector<ValueId> unit_inputs(int unit) const {
    std::vector<ValueId> list;
    if (unit >= static_cast<int>(groups_.size())) {
      const Node& n = node(unit - static_cast<int>(groups_.size()));
      return std::vector<ValueId>(n.inputs.begin(), n.inputs.end());
    }
    const Group& g = groups_[unit];
    for (int i : needed_steps(steps_of(g), g, unit))
      for (ValueId v : node(i).inputs) {
        const int p = producer(v);
        if (constant(v) || (p >= 0 && in_group(p, g))) continue;
        if (std::find(list.begin(), list.end(), v) == list.end()) list.push_back(v);
      }
    return list;
  }
  int unit_of(int i) const { return group_of_[i] >= 0 ? group_of_[i] : static_cast<int>(groups_.size()) + i; }

  Graph emit() {
    const int units = static_cast<int>(groups_.size() + graph_.nodes.size());
    std::vector<std::vector<int>> readers(units);
    std::vector<int> waiting(units, 0), order(units, -1);
    std::vector<char> exists(units, 0);
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      const int u = unit_of(static_cast<int>(i));
      exists[u] = 1;
      if (order[u] < 0) order[u] = static_cast<int>(i);
    }
    for (int u = 0; u < units; ++u) {
      if (!exists[u]) continue;
      std::set<int> sources;
      for (ValueId v : unit_inputs(u))
        if (const int p = producer(v); p >= 0) sources.insert(unit_of(p));
      for (int s : sources) readers[s].push_back(u), ++waiting[u];
    }
    using Entry = std::pair<int, int>;
    std::priority_queue<Entry, std::vector<Entry>, std::greater<>> ready;
    for (int u = 0; u < units; ++u)
      if (exists[u] && waiting[u] == 0) ready.push({order[u], u});
    Rewriter rewriter(graph_);
    size_t left = static_cast<size_t>(std::count(exists.begin(), exists.end(), 1));
    while (!ready.empty()) {
      const int u = ready.top().second;
      ready.pop();
      --left;
      if (u >= static_cast<int>(groups_.size())) rewriter.copy(node(u - static_cast<int>(groups_.size())));
      else emit_group(rewriter, u);
      for (int r : readers[u])
        if (--waiting[r] == 0) ready.push({order[r], r});
    }
    check(left == 0, "fuse: groups depend on each other in a circle");
    return rewriter.finish();
  }

  void emit_group(Rewriter& rewriter, int number) {
    const Group& g = groups_[number];
    const std::vector<int> steps = steps_of(g);
    auto spec = std::make_shared<RegionSpec>();
    spec->domain = g.domain, spec->layout = g.layout, spec->row_rank = g.row_rank;
    Node fused;
    fused.op = &region_op();
    const Node& last = node(g.members.back());
    fused.path = last.path, fused.loc = last.loc, fused.recompute = last.recompute;
    std::map<ValueId, int32_t> known;  // value -> step, or -1 - input
    auto argument = [&](ValueId v) {
      if (const auto it = known.find(v); it != known.end()) return it->second;
      int32_t id;
      if (constant(v)) {
        const Node& full = node(producer(v));
        id = static_cast<int32_t>(spec->steps.size());
        RegionStep step{full.op, full.attrs, {}, Shape{}, desc(v).dtype};
        step.attrs.set("value", as_stored(full.attrs.number("value"), desc(v).dtype));
        spec->steps.push_back(std::move(step));
      } else {
        fused.inputs.push_back(rewriter.map(v));
        id = -static_cast<int32_t>(fused.inputs.size());
      }
      return known[v] = id;
    };
    for (int i : needed_steps(steps, g, number)) {
      const Node& n = node(i);
      RegionStep step{n.op, n.attrs, {}, desc(n.outputs[0]).shape, desc(n.outputs[0]).dtype};
      for (ValueId v : n.inputs) step.args.push_back(argument(v));
      known[n.outputs[0]] = static_cast<int32_t>(spec->steps.size());
      spec->steps.push_back(std::move(step));
    }
    for (int i : g.members) {
      if (!known.count(node(i).outputs[0]) || !needed_outside(i, number)) continue;
      const ValueId old_value = node(i).outputs[0];
      spec->outputs.push_back(known[old_value]);
      const ValueId fresh = rewriter.graph().add_value(desc(old_value));
      rewriter.set(old_value, fresh);
      fused.outputs.push_back(fresh);
    }
    if (fused.outputs.empty()) return;  // all of it is computed elsewhere again
    fused.region = spec;
    rewriter.graph().append(std::move(fused));
  }

  const Graph& graph_;
  const Backend& backend_;
  std::vector<Group> groups_;
  std::vector<int> group_of_;
  std::vector<std::vector<int>> readers_;
  std::set<ValueId> is_result_;
};

}  // namespace

Graph fuse(const Graph& graph, const Backend& backend) { return without_dead(Fuser(graph, backend).run()); }

}  // namespace cairn
