// The graph with a region in the place of each group, in an order in which every unit (a group, or
// a node alone) finds its inputs.
#include <algorithm>
#include <map>
#include <queue>

#include "cairn/compile/fuse/fusion.h"

namespace cairn::fusing {
namespace {

// What a tensor of this type holds of a number: a region's registers would keep all of a narrow
// constant's digits.
double as_stored(double value, DType dtype) {
  char bytes[8];
  store_element(bytes, dtype, value);
  return load_element(bytes, dtype);
}

class Writer {
 public:
  explicit Writer(const Fusion& fusion) : f_(fusion), cloned_readers_(fusion.graph.values.size()) {
    for (size_t g = 0; g < f_.groups.size(); ++g)
      for (int c : f_.groups[g].clones)
        for (ValueId v : f_.node(c).inputs) cloned_readers_[v].push_back(static_cast<int>(g));
  }

  Graph run() {
    const int units = static_cast<int>(f_.groups.size() + f_.graph.nodes.size());
    std::vector<std::vector<int>> readers(units);
    std::vector<int> waiting(units, 0), order(units, -1);
    std::vector<char> exists(units, 0);
    for (size_t i = 0; i < f_.graph.nodes.size(); ++i) {
      const int u = unit_of(static_cast<int>(i));
      exists[u] = 1;
      if (order[u] < 0) order[u] = static_cast<int>(i);
    }
    for (int u = 0; u < units; ++u) {
      if (!exists[u]) continue;
      std::set<int> sources;
      for (ValueId v : unit_inputs(u))
        if (const int p = f_.producer(v); p >= 0) sources.insert(unit_of(p));
      for (int s : sources) readers[s].push_back(u), ++waiting[u];
    }
    using Entry = std::pair<int, int>;
    std::priority_queue<Entry, std::vector<Entry>, std::greater<>> ready;
    for (int u = 0; u < units; ++u)
      if (exists[u] && waiting[u] == 0) ready.push({order[u], u});
    Rewriter rewriter(f_.graph);
    size_t left = static_cast<size_t>(std::count(exists.begin(), exists.end(), 1));
    while (!ready.empty()) {
      const int u = ready.top().second;
      ready.pop();
      --left;
      if (u >= static_cast<int>(f_.groups.size()))
        rewriter.copy(f_.node(u - static_cast<int>(f_.groups.size())));
      else emit_group(rewriter, u);
      for (int r : readers[u])
        if (--waiting[r] == 0) ready.push({order[r], r});
    }
    check(left == 0, "fuse: groups depend on each other in a circle");
    return rewriter.finish();
  }

 private:
  bool in_group(int i, const Group& g) const {
    return std::binary_search(g.members.begin(), g.members.end(), i) ||
           std::find(g.clones.begin(), g.clones.end(), i) != g.clones.end();
  }
  bool needed_outside(int i, int g) const {
    const ValueId v = f_.node(i).outputs[0];
    if (f_.results.count(v)) return true;
    for (int r : f_.readers[v]) {
      if (f_.group_of[r] < 0) return true;
      if (f_.group_of[r] != g && !in_group(i, f_.groups[f_.group_of[r]])) return true;
    }
    for (int other : cloned_readers_[v])
      if (other != g && !in_group(i, f_.groups[other])) return true;
    return false;
  }

  std::vector<int> steps_of(const Group& g) const {
    std::vector<int> all = g.members;
    all.insert(all.end(), g.clones.begin(), g.clones.end());
    std::sort(all.begin(), all.end());
    return all;
  }

  // Steps whose results nobody outside wants and no needed step reads are left out: their readers
  // compute them again.
  std::vector<int> needed_steps(const std::vector<int>& steps, const Group& g, int number) const {
    std::set<ValueId> wanted;
    std::vector<int> kept;
    for (size_t s = steps.size(); s-- > 0;) {
      const int i = steps[s];
      const bool member = std::binary_search(g.members.begin(), g.members.end(), i);
      if (!wanted.count(f_.node(i).outputs[0]) && !(member && needed_outside(i, number))) continue;
      kept.push_back(i);
      for (ValueId v : f_.node(i).inputs) wanted.insert(v);
    }
    std::reverse(kept.begin(), kept.end());
    return kept;
  }

  // The values that a unit (a group, or a node alone) reads from outside itself.
  std::vector<ValueId> unit_inputs(int unit) const {
    std::vector<ValueId> list;
    if (unit >= static_cast<int>(f_.groups.size())) {
      const Node& n = f_.node(unit - static_cast<int>(f_.groups.size()));
      return std::vector<ValueId>(n.inputs.begin(), n.inputs.end());
    }
    const Group& g = f_.groups[unit];
    for (int i : needed_steps(steps_of(g), g, unit))
      for (ValueId v : f_.node(i).inputs) {
        const int p = f_.producer(v);
        if (f_.constant(v) || (p >= 0 && in_group(p, g))) continue;
        if (std::find(list.begin(), list.end(), v) == list.end()) list.push_back(v);
      }
    return list;
  }
  int unit_of(int i) const {
    return f_.group_of[i] >= 0 ? f_.group_of[i] : static_cast<int>(f_.groups.size()) + i;
  }

  void emit_group(Rewriter& rewriter, int number) {
    const Group& g = f_.groups[number];
    const std::vector<int> steps = steps_of(g);
    auto spec = std::make_shared<RegionSpec>();
    spec->domain = g.domain, spec->layout = g.layout, spec->row_rank = g.row_rank;
    Node fused;
    fused.op = &region_op();
    const Node& last = f_.node(g.members.back());
    fused.path = last.path, fused.loc = last.loc, fused.recompute = last.recompute;
    std::map<ValueId, int32_t> known;  // value -> step, or -1 - input
    auto argument = [&](ValueId v) {
      if (const auto it = known.find(v); it != known.end()) return it->second;
      int32_t id;
      if (f_.constant(v)) {
        const Node& full = f_.node(f_.producer(v));
        id = static_cast<int32_t>(spec->steps.size());
        RegionStep step{full.op, full.attrs, {}, Shape{}, f_.desc(v).dtype};
        step.attrs.set("value", as_stored(full.attrs.number("value"), f_.desc(v).dtype));
        spec->steps.push_back(std::move(step));
      } else {
        fused.inputs.push_back(rewriter.map(v));
        id = -static_cast<int32_t>(fused.inputs.size());
      }
      return known[v] = id;
    };
    for (int i : needed_steps(steps, g, number)) {
      const Node& n = f_.node(i);
      RegionStep step{n.op, n.attrs, {}, f_.desc(n.outputs[0]).shape, f_.desc(n.outputs[0]).dtype};
      for (ValueId v : n.inputs) step.args.push_back(argument(v));
      known[n.outputs[0]] = static_cast<int32_t>(spec->steps.size());
      spec->steps.push_back(std::move(step));
    }
    for (int i : g.members) {
      if (!known.count(f_.node(i).outputs[0]) || !needed_outside(i, number)) continue;
      const ValueId old_value = f_.node(i).outputs[0];
      spec->outputs.push_back(known[old_value]);
      const ValueId fresh = rewriter.graph().add_value(f_.desc(old_value));
      rewriter.set(old_value, fresh);
      fused.outputs.push_back(fresh);
    }
    if (fused.outputs.empty()) return;  // all of it is computed elsewhere again
    fused.region = spec;
    rewriter.graph().append(std::move(fused));
  }

  const Fusion& f_;
  std::vector<std::vector<int>> cloned_readers_;  // of each value: groups that clone what reads it
};

}  // namespace

Graph write_regions(const Fusion& fusion) { return Writer(fusion).run(); }

}  // namespace cairn::fusing
