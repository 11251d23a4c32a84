#include <algorithm>
#include <map>
#include <set>

#include "cairn/compile/passes.h"

// An activation that the forward pass makes with a cheap region is read again much later, by the backward
// pass. Where what the region reads is kept until then anyway, the activation is computed again instead of
// kept: it costs one more pass over memory and halves what a convolution block holds.
namespace cairn {
namespace {

constexpr size_t kFewestBytes = size_t{2} << 20;  // below, there is nothing worth saving
constexpr int kFarApart = 40;                     // nodes between the early readers and the late ones

class Rematerializer {
 public:
  explicit Rematerializer(const Graph& graph)
      : graph_(graph), root_(graph.values.size()), uses_(graph.values.size()), aliases_(graph.values.size()) {
    for (size_t v = 0; v < root_.size(); ++v) root_[v] = static_cast<ValueId>(v);
    for (size_t i = 0; i < graph.nodes.size(); ++i) {
      const Node& node = graph.nodes[i];
      if (node.alias) {
        root_[node.outputs[0]] = root_[node.inputs[0]];
        aliases_[root_[node.inputs[0]]].push_back(static_cast<int>(i));
        continue;
      }
      for (ValueId v : node.inputs) uses_[root_[v]].push_back(static_cast<int>(i));
    }
    for (ValueId v : graph.results()) results_.insert(root_[v]);
  }

  Graph run() {
    for (size_t i = 0; i < graph_.nodes.size(); ++i) consider(static_cast<int>(i));
    return emit();
  }

 private:
  // The steps that make one output of a region, from inputs of the region and from other outputs of it.
  struct Recipe {
    std::vector<char> wanted;             // by step
    std::map<int32_t, ValueId> from;      // an argument (a step or an input) -> the value that is loaded for it
  };
  struct Clone {
    int node, output;  // what is computed again
    int before;        // ahead of this reader
    Recipe recipe;
  };

  bool large(ValueId v) const { return graph_.desc(v).bytes() >= kFewestBytes / 8; }

  // Whether v lies in memory at node `when` without our doing.
  bool alive(ValueId v, int when) const {
    const ValueId r = root_[v];
    if (graph_.values[r].producer < 0 || results_.count(r)) return true;
    return !dropped_.count(r) && !uses_[r].empty() && uses_[r].back() >= when;
  }

  Recipe recipe(const Node& node, int output, int when) const {
    const RegionSpec& spec = *node.region;
    Recipe r{std::vector<char>(spec.steps.size(), 0), {}};
    std::map<int32_t, ValueId> stored;  // steps whose results lie in memory
    for (int o = 0; o < node.outputs.ssize(); ++o)
      if (o != output && spec.outputs[o] != spec.outputs[output] && alive(node.outputs[o], when)) stored[spec.outputs[o]] = node.outputs[o];
    r.wanted[spec.outputs[output]] = 1;
    for (size_t s = spec.steps.size(); s-- > 0;) {
      if (!r.wanted[s]) continue;
      for (int32_t a : spec.steps[s].args)
        if (a < 0) r.from[a] = node.inputs[-1 - a];
        else if (const auto it = stored.find(a); it != stored.end()) r.from[a] = it->second;
        else r.wanted[a] = 1;
    }
    return r;
  }

  void consider(int i) {
    const Node& node = graph_.nodes[i];
    if (!node.region) return;
    for (int o = 0; o < node.outputs.ssize(); ++o) {
      const ValueId v = node.outputs[o];
      if (graph_.desc(v).bytes() < kFewestBytes || results_.count(v) || graph_.desc(v).shape != node.region->domain || pinned_.count(v)) continue;
      const std::vector<int>& all = uses_[v];
      const auto late = std::find_if(all.begin(), all.end(), [&](int r) { return r > last_early(all, i); });
      if (late == all.end() || late == all.begin()) continue;
      Recipe r = recipe(node, o, *late);
      bool pays = true;
      for (const auto& [argument, in] : r.from) pays = pays && (!large(in) || alive(in, *late));
      if (!pays) continue;
      dropped_.insert(v);
      for (const auto& [argument, in] : r.from) pinned_.insert(root_[in]);
      clones_[*late].push_back({i, o, *late, std::move(r)});
    }
  }
  // The last reader before the first long gap.
  static int last_early(const std::vector<int>& readers, int producer) {
    int last = producer;
    for (int r : readers) {
      if (r - last > kFarApart) break;
      last = r;
    }
    return last;
  }

  Graph emit() {
    Rewriter rewriter(graph_);
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      if (const auto it = clones_.find(static_cast<int>(i)); it != clones_.end())
        for (const Clone& c : it->second) compute_again(rewriter, c);
      rewriter.copy(graph_.nodes[i]);
    }
    return without_dead(rewriter.finish());
  }

  void compute_again(Rewriter& rewriter, const Clone& clone) {
    const Node& source = graph_.nodes[clone.node];
    const RegionSpec& whole = *source.region;
    const Recipe& r = clone.recipe;
    auto spec = std::make_shared<RegionSpec>();
    spec->domain = whole.domain, spec->layout = whole.layout, spec->row_rank = whole.row_rank;
    Node node;
    node.op = source.op, node.path = source.path, node.loc = source.loc;
    std::map<int32_t, int32_t> place;
    for (const auto& [argument, value] : r.from) {
      node.inputs.push_back(rewriter.map(value));
      place[argument] = -node.inputs.ssize();
    }
    for (size_t s = 0; s < whole.steps.size(); ++s) {
      if (!r.wanted[s]) continue;
      RegionStep step = whole.steps[s];
      for (int32_t& a : step.args) a = place.at(a);
      place[static_cast<int32_t>(s)] = static_cast<int32_t>(spec->steps.size());
      spec->steps.push_back(std::move(step));
    }
    spec->outputs.push_back(place.at(whole.outputs[clone.output]));
    const ValueId old_value = source.outputs[clone.output];
    const ValueId fresh = rewriter.graph().add_value(graph_.desc(old_value));
    node.outputs = {fresh};
    node.region = spec;
    rewriter.graph().append(std::move(node));
    rewriter.set(old_value, fresh);  // for the readers from here on, its views too
    for (int alias : aliases_[old_value])
      if (alias < clone.before) rewriter.copy(graph_.nodes[alias]);
  }

  const Graph& graph_;
  std::vector<ValueId> root_;             // what a view is a view of
  std::vector<std::vector<int>> uses_;    // of a root: the nodes that read it or a view of it
  std::vector<std::vector<int>> aliases_; // of a root: the nodes that make its views
  std::set<ValueId> results_, dropped_;
  std::set<ValueId> pinned_;              // kept for what is computed again from them
  std::map<int, std::vector<Clone>> clones_;
};

}  // namespace

Graph rematerialize(const Graph& graph) { return Rematerializer(graph).run(); }

}  // namespace cairn
