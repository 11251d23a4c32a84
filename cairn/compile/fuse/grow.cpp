// Which nodes become one region: each elementwise op or reduction joins the groups that make or
// read its inputs, when they share its iteration space and no path through other nodes leads from
// the group to it. Greedy, in the order of the nodes.
#include <algorithm>

#include "cairn/compile/chains.h"
#include "cairn/compile/fuse/fusion.h"

namespace cairn::fusing {
namespace {

class Grower {
 public:
  Grower(Fusion& fusion, const Backend& backend) : f_(fusion), backend_(backend) {}

  void run() {
    for (size_t i = 0; i < f_.graph.nodes.size(); ++i) place(static_cast<int>(i));
  }

 private:
  // ---- which nodes, over what

  // Integers are exact in f32 registers only where a bound is known.
  bool bounded(ValueId v) const {
    const int p = f_.producer(v);
    if (p < 0) return false;
    if (is_named(f_.node(p), "full")) return std::abs(f_.node(p).attrs.number("value")) < (1 << 24);
    const ValueId source = f_.node(p).op->is(kView) ? f_.node(p).inputs[0] : v;
    if (source != v) return bounded(source);
    if (is_named(f_.node(p), "cast")) return bounded(f_.node(p).inputs[0]);
    return is_named(f_.node(p), "arange") && f_.node(p).attrs.integer("start") == 0 &&
           f_.node(p).attrs.integer("count") * f_.node(p).attrs.integer("step") < (1 << 24);
  }
  bool fits_registers(const Node& n) const {
    bool integers = false, any_bound = false;
    for (ValueId v : n.inputs) {
      const DType t = f_.desc(v).dtype;
      if (t == DType::f64) return false;
      integers |= t == DType::i64 || t == DType::i32;
      any_bound |= bounded(v);
    }
    const DType out = f_.desc(n.outputs[0]).dtype;
    if (out == DType::f64 || out == DType::i64 || out == DType::i32) return false;
    if (!integers) return true;
    return is_named(n, "cast") || (any_bound && out == DType::boolean);
  }
  bool fusible(int i) const {
    const Node& n = f_.node(i);
    if (n.outputs.size() != 1 || n.alias) return false;
    if (!n.op->is(kElementwise) && !n.op->is(kReduction)) return false;
    if (!fits_registers(n)) return false;
    OpCall call = const_cast<Graph&>(f_.graph).call_of(n);
    return backend_.can_fuse(call);
  }
  const TensorDesc& domain_desc(int i) const {
    return f_.node(i).op->is(kReduction) ? f_.desc(f_.node(i).inputs[0])
                                         : f_.desc(f_.node(i).outputs[0]);
  }
  static Layout domain_layout(const TensorDesc& d) {
    return d.layout.blocked() ? d.layout : Layout::contiguous(d.shape);
  }

  static Shape row_shape(const Shape& domain, int row_rank) {
    Shape kept = domain;
    for (int d = domain.ssize() - row_rank; d < domain.ssize(); ++d) kept[d] = 1;
    return kept;
  }

  // ---- grouping

  bool has_room(const Group& g, int i) const {
    std::vector<int> all = g.members;
    all.push_back(i);
    return f_.has_room(all);
  }

  // What node i would need to be part of g, or why not.
  bool may_join(int i, const Group& g, int* row_rank) const {
    const Node& n = f_.node(i);
    const TensorDesc& d = domain_desc(i);
    int rows = g.row_rank;
    for (ValueId v : n.inputs) {
      const int p = f_.producer(v);
      if (p < 0 || f_.group_of[p] < 0 || &f_.groups[f_.group_of[p]] != &g ||
          !f_.node(p).op->is(kReduction))
        continue;
      const int r = f_.row_rank_of(p);
      if (r == 0 || (rows != 0 && rows != r)) return false;
      rows = r;
    }
    *row_rank = rows;
    if (d.shape == g.domain) return domain_layout(d) == g.layout;
    return rows > 0 && !n.op->is(kReduction) && !d.layout.blocked() &&
           d.shape == row_shape(g.domain, rows);
  }

  bool must_part(bool checks, bool updates, const Group& g) const {
    return (checks && g.updates) || (updates && g.checks);
  }

  std::vector<int> candidates(int i) const {
    std::vector<int> list;
    auto add = [&](int g) {
      if (g >= 0 && std::find(list.begin(), list.end(), g) == list.end()) list.push_back(g);
    };
    for (ValueId v : f_.node(i).inputs)
      if (const int p = f_.producer(v); p >= 0) add(f_.group_of[p]);
    for (ValueId v : f_.node(i).inputs)
      if (numel(f_.desc(v).shape) >= kLarge && !f_.constant(v))
        for (int r : f_.readers[v])
          if (r < i) add(f_.group_of[r]);
    return list;
  }

  void add(int i, Group& g) {
    g.members.push_back(i);
    g.checks |= f_.checks[i] != 0, g.updates |= f_.updates[i] != 0;
  }

  void place(int i) {
    if (!fusible(i)) return;
    int chosen = -1;
    for (int g : candidates(i)) {
      if (g == chosen) continue;
      int rows = 0;
      if (must_part(f_.checks[i], f_.updates[i], f_.groups[g]) || !may_join(i, f_.groups[g], &rows))
        continue;
      if (chosen < 0) {
        if (!has_room(f_.groups[g], i) || f_.outside_path({g}, {i})) continue;
        f_.groups[g].row_rank = rows;
        add(i, f_.groups[g]);
        f_.group_of[i] = chosen = g;
      } else {
        try_merge(chosen, g);
      }
    }
    if (chosen >= 0) return;
    Group fresh;
    fresh.domain = domain_desc(i).shape;
    fresh.layout = domain_layout(domain_desc(i));
    add(i, fresh);
    f_.group_of[i] = static_cast<int>(f_.groups.size());
    f_.groups.push_back(std::move(fresh));
  }

  void try_merge(int a, int b) {
    Group &into = f_.groups[a], &from = f_.groups[b];
    if (into.dead || from.dead || into.domain != from.domain || !(into.layout == from.layout))
      return;
    if (must_part(from.checks, from.updates, into)) return;
    if (into.row_rank && from.row_rank && into.row_rank != from.row_rank) return;
    const int rows = std::max(into.row_rank, from.row_rank);
    std::vector<int> all = into.members;
    all.insert(all.end(), from.members.begin(), from.members.end());
    std::sort(all.begin(), all.end());
    for (int m : all)  // results of reductions are used inside only along rows
      for (ValueId v : f_.node(m).inputs) {
        const int p = f_.producer(v);
        if (p < 0 || (f_.group_of[p] != a && f_.group_of[p] != b) || !f_.node(p).op->is(kReduction))
          continue;
        if (f_.row_rank_of(p) == 0 || f_.row_rank_of(p) != rows) return;
      }
    if (!f_.has_room(all) || f_.outside_path({a, b}, all)) return;
    into.members = all;
    into.row_rank = rows;
    into.checks |= from.checks, into.updates |= from.updates;
    for (int m : from.members) f_.group_of[m] = a;
    from.dead = true;
    from.members.clear();
  }

  Fusion& f_;
  const Backend& backend_;
};

}  // namespace

void grow_groups(Fusion& fusion, const Backend& backend) { Grower(fusion, backend).run(); }

}  // namespace cairn::fusing
