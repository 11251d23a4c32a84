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
  explicit Rematerializer(const Graph& graph) : graph_(graph), readers_(graph.values.size()) {
    for (size_t i = 0; i < graph.nodes.size(); ++i)
      for (ValueId v : graph.nodes[i].inputs) readers_[v].push_back(static_cast<int>(i));
    for (ValueId v : graph.results()) results_.insert(v);
  }

  Graph run() {
    for (size_t i = 0; i < graph_.nodes.size(); ++i) consider(static_cast<int>(i));
    return emit();
  }

 private:
  struct Clone {
    int node, output;  // what is computed again
    int before;        // ahead of this reader
  };

  bool large(ValueId v) const { return graph_.desc(v).bytes() >= kFewestBytes / 8; }

  // Whether v lies in memory at node `when` without our doing.
  bool alive(ValueId v, int when) const {
    if (graph_.values[v].producer < 0 || results_.count(v)) return true;
    if (dropped_.count(v)) return false;
    if (graph_.nodes[graph_.values[v].producer].alias) return false;
    return !readers_[v].empty() && readers_[v].back() >= when;
  }

  void consider(int i) {
    const Node& node = graph_.nodes[i];
    if (!node.region) return;
    for (int o = 0; o < node.outputs.ssize(); ++o) {
      const ValueId v = node.outputs[o];
      if (graph_.desc(v).bytes() < kFewestBytes || results_.count(v) || graph_.desc(v).shape != node.region->domain) continue;
      const std::vector<int>& all = readers_[v];
      const auto late = std::find_if(all.begin(), all.end(), [&](int r) { return r > last_early(all, i); });
      if (late == all.end() || late == all.begin()) continue;
      bool pays = true;
      for (int r : all) pays = pays && !graph_.nodes[r].alias;
      for (ValueId in : node.inputs) pays = pays && (!large(in) || alive(in, *late));
      if (!pays) continue;
      dropped_.insert(v);
      clones_[*late].push_back({i, o, *late});
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
    return rewriter.finish();
  }

  void compute_again(Rewriter& rewriter, const Clone& clone) {
    const Node& source = graph_.nodes[clone.node];
    const RegionSpec& whole = *source.region;
    auto spec = std::make_shared<RegionSpec>();
    spec->domain = whole.domain, spec->layout = whole.layout, spec->row_rank = whole.row_rank;
    std::vector<char> wanted(whole.steps.size(), 0);
    wanted[whole.outputs[clone.output]] = 1;
    for (size_t s = whole.steps.size(); s-- > 0;)
      if (wanted[s])
        for (int32_t a : whole.steps[s].args)
          if (a >= 0) wanted[a] = 1;
    Node node;
    node.op = source.op, node.path = source.path, node.loc = source.loc;
    std::map<int32_t, int32_t> place;
    for (size_t s = 0; s < whole.steps.size(); ++s) {
      if (!wanted[s]) continue;
      RegionStep step = whole.steps[s];
      for (int32_t& a : step.args) {
        if (a < 0 && !place.count(a)) {
          node.inputs.push_back(rewriter.map(source.inputs[-1 - a]));
          place[a] = -node.inputs.ssize();
        }
        a = place.at(a);
      }
      place[static_cast<int32_t>(s)] = static_cast<int32_t>(spec->steps.size());
      spec->steps.push_back(std::move(step));
    }
    spec->outputs.push_back(place.at(whole.outputs[clone.output]));
    const ValueId old_value = source.outputs[clone.output];
    const ValueId fresh = rewriter.graph().add_value(graph_.desc(old_value));
    node.outputs = {fresh};
    node.region = spec;
    rewriter.graph().append(std::move(node));
    rewriter.set(old_value, fresh);  // for the readers from here on
  }

  const Graph& graph_;
  std::vector<std::vector<int>> readers_;
  std::set<ValueId> results_, dropped_;
  std::map<int, std::vector<Clone>> clones_;
};

}  // namespace

Graph rematerialize(const Graph& graph) { return Rematerializer(graph).run(); }

}  // namespace cairn
