#include <algorithm>
#include <map>
#include <set>

#include "cairn/compile/passes.h"

// An activation that the forward pass makes with a cheap region is read again much later, by the
// backward pass. Where what the region reads is kept until then anyway, the activation is computed
// again instead of kept: it costs one more pass over memory and halves what a convolution block
// holds. Where a region near by reads the same (the slope of the activation times a gradient), it
// computes the activation too, shares what both need, and may write it over what it read; the late
// readers then wait for that region.
namespace cairn {
namespace {

constexpr size_t kFewestBytes = size_t{2} << 20;  // below, there is nothing worth saving
constexpr int kFarApart = 40;       // nodes between the early readers and the late ones
constexpr int kOnTheWayApart = 10;  // the same, where computing it again costs but a store
constexpr int kNear = 20;           // nodes from a late reader to the region that serves it
constexpr size_t kMostSteps = 80,
                 kMostOperands = 40;  // of a region that computes more than its own

class Rematerializer {
 public:
  explicit Rematerializer(const Graph& graph)
      : graph_(graph),
        root_(graph.values.size()),
        uses_(graph.values.size()),
        aliases_(graph.values.size()) {
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
  // The steps that make one output of a region, from inputs of the region and from other outputs of
  // it.
  struct Recipe {
    std::vector<char> wanted;  // by step
    std::map<int32_t, ValueId>
        from;  // an argument (a step or an input) -> the value that is loaded for it
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
      if (o != output && spec.outputs[o] != spec.outputs[output] && alive(node.outputs[o], when))
        stored[spec.outputs[o]] = node.outputs[o];
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
      if (graph_.desc(v).bytes() < kFewestBytes || results_.count(v) ||
          graph_.desc(v).shape != node.region->domain || pinned_.count(v))
        continue;
      if (!consider_from(i, o, kFarApart, false)) consider_from(i, o, kOnTheWayApart, true);
    }
  }

  // Whether output o of node i is not kept for its readers after a gap of `apart` nodes.
  bool consider_from(int i, int o, int apart, bool only_on_the_way) {
    const ValueId v = graph_.nodes[i].outputs[o];
    const std::vector<int>& all = uses_[v];
    const auto late =
        std::find_if(all.begin(), all.end(), [&](int r) { return r > last_early(all, i, apart); });
    if (late == all.end() || late == all.begin()) return false;
    Recipe r = recipe(graph_.nodes[i], o, *late);
    for (const auto& [argument, in] : r.from)
      if (large(in) && !alive(in, *late)) return false;
    const int host = host_for(v, *late, i, r);
    if (host < 0 && only_on_the_way) return false;
    dropped_.insert(v);
    for (const auto& [argument, in] : r.from) pinned_.insert(root_[in]);
    (host >= 0 ? guests_[host] : clones_[*late]).push_back({i, o, *late, std::move(r)});
    return true;
  }

  // The region that can compute v on the way, or -1.
  int host_for(ValueId v, int late, int source, const Recipe& r) const {
    const RegionSpec& whole = *graph_.nodes[source].region;
    if (whole.row_rank != 0) return -1;
    std::vector<char> waits(graph_.nodes.size(), 0);  // for v
    for (int reader : uses_[v])
      if (reader >= late) waits[reader] = 1;
    const int end = std::min(late + kNear, static_cast<int>(graph_.nodes.size()));
    for (int i = late; i < end; ++i) {
      const Node& node = graph_.nodes[i];
      for (ValueId in : node.inputs)
        if (const int p = graph_.values[in].producer; p >= late && waits[p]) waits[i] = 1;
      if (waits[i] || !node.region || guests_.count(i)) continue;
      const RegionSpec& spec = *node.region;
      if (spec.domain != whole.domain || !(spec.layout == whole.layout) || spec.row_rank != 0)
        continue;
      if (spec.steps.size() + whole.steps.size() > kMostSteps) continue;
      if (node.inputs.size() + node.outputs.size() + r.from.size() > kMostOperands) continue;
      bool reads = true;
      for (const auto& [argument, in] : r.from)
        reads = reads && (!large(in) || std::find(node.inputs.begin(), node.inputs.end(), in) !=
                                            node.inputs.end());
      if (reads) return i;
    }
    return -1;
  }
  // The last reader before the first long gap.
  static int last_early(const std::vector<int>& readers, int producer, int apart) {
    int last = producer;
    for (int r : readers) {
      if (r - last > apart) break;
      last = r;
    }
    return last;
  }

  // The nodes in their order, but for late readers of what a region computes on the way: after that
  // region.
  std::vector<int> order() const {
    const int count = static_cast<int>(graph_.nodes.size());
    std::set<std::pair<int, int>> edges;
    for (int i = 0; i < count; ++i)
      for (ValueId v : graph_.nodes[i].inputs)
        if (const int p = graph_.values[v].producer; p >= 0) edges.insert({p, i});
    for (const auto& [host, guests] : guests_)
      for (const Clone& c : guests)
        for (int reader : uses_[graph_.nodes[c.node].outputs[c.output]])
          if (reader >= c.before) edges.insert({host, reader});
    std::vector<std::vector<int>> next(count);
    std::vector<int> waiting(count, 0), order;
    for (const auto& [from, to] : edges) next[from].push_back(to), ++waiting[to];
    std::set<int> ready;
    for (int i = 0; i < count; ++i)
      if (waiting[i] == 0) ready.insert(i);
    while (!ready.empty()) {
      const int i = *ready.begin();
      ready.erase(ready.begin());
      order.push_back(i);
      for (int n : next[i])
        if (--waiting[n] == 0) ready.insert(n);
    }
    return order;
  }

  Graph emit() {
    std::vector<int> sequence = order();
    if (sequence.size() != graph_.nodes.size()) {  // regions that wait for each other's guests
      for (auto& [host, guests] : guests_)
        for (Clone& c : guests) clones_[c.before].push_back(std::move(c));
      guests_.clear();
      sequence = order();
    }
    Rewriter rewriter(graph_);
    emitted_.assign(graph_.nodes.size(), 0);
    for (int i : sequence) {
      if (const auto it = clones_.find(i); it != clones_.end())
        for (const Clone& c : it->second) compute_again(rewriter, c);
      if (const auto it = guests_.find(i); it != guests_.end())
        compute_on_the_way(rewriter, graph_.nodes[i], it->second);
      else rewriter.copy(graph_.nodes[i]);
      emitted_[i] = 1;
    }
    return without_dead(rewriter.finish());
  }

  void compute_again(Rewriter& rewriter, const Clone& clone) {
    const Node& source = graph_.nodes[clone.node];
    auto spec = std::make_shared<RegionSpec>();
    spec->domain = source.region->domain, spec->layout = source.region->layout,
    spec->row_rank = source.region->row_rank;
    Node node;
    node.op = source.op, node.path = source.path, node.loc = source.loc;
    add_output(rewriter, clone, node, *spec);
    node.region = spec;
    finish(rewriter, std::move(node), {clone});
  }

  void compute_on_the_way(Rewriter& rewriter, const Node& host, const std::vector<Clone>& guests) {
    Node node = host;
    auto spec = std::make_shared<RegionSpec>(*host.region);
    for (ValueId& v : node.inputs) v = rewriter.map(v);
    for (ValueId& v : node.outputs) {
      const ValueId fresh = rewriter.graph().add_value(graph_.desc(v));
      rewriter.set(v, fresh);
      v = fresh;
    }
    for (const Clone& c : guests) add_output(rewriter, c, node, *spec);
    node.region = spec;
    finish(rewriter, std::move(node), guests);
  }

  // The steps of a clone and its output, as a part of `node`.
  void add_output(Rewriter& rewriter, const Clone& clone, Node& node, RegionSpec& spec) {
    const RegionSpec& whole = *graph_.nodes[clone.node].region;
    std::map<int32_t, int32_t> place;
    for (const auto& [argument, value] : clone.recipe.from) {
      const ValueId in = rewriter.map(value);
      const auto found = std::find(node.inputs.begin(), node.inputs.end(), in);
      place[argument] = -1 - static_cast<int32_t>(found - node.inputs.begin());
      if (found == node.inputs.end()) node.inputs.push_back(in);
    }
    for (size_t s = 0; s < whole.steps.size(); ++s) {
      if (!clone.recipe.wanted[s]) continue;
      RegionStep step = whole.steps[s];
      for (int32_t& a : step.args) a = place.at(a);
      const auto same =
          std::find_if(spec.steps.begin(), spec.steps.end(), [&](const RegionStep& other) {
            return other.op == step.op && other.args == step.args && other.attrs == step.attrs &&
                   other.dtype == step.dtype && other.shape == step.shape;
          });
      place[static_cast<int32_t>(s)] = static_cast<int32_t>(same - spec.steps.begin());
      if (same == spec.steps.end()) spec.steps.push_back(std::move(step));
    }
    spec.outputs.push_back(place.at(whole.outputs[clone.output]));
    node.outputs.push_back(
        rewriter.graph().add_value(graph_.desc(graph_.nodes[clone.node].outputs[clone.output])));
  }

  // Appends the node, whose last outputs are the clones'; readers from here on read those, through
  // views too.
  void finish(Rewriter& rewriter, Node node, const std::vector<Clone>& clones) {
    const ValueList outputs = node.outputs;
    rewriter.graph().append(std::move(node));
    size_t at = outputs.size() - clones.size();
    for (const Clone& c : clones) {
      const ValueId old_value = graph_.nodes[c.node].outputs[c.output];
      rewriter.set(old_value, outputs[at++]);
      for (int alias : aliases_[old_value])
        if (emitted_[alias]) rewriter.copy(graph_.nodes[alias]);
    }
  }

  const Graph& graph_;
  std::vector<ValueId> root_;              // what a view is a view of
  std::vector<std::vector<int>> uses_;     // of a root: the nodes that read it or a view of it
  std::vector<std::vector<int>> aliases_;  // of a root: the nodes that make its views
  std::set<ValueId> results_, dropped_;
  std::set<ValueId> pinned_;                  // kept for what is computed again from them
  std::map<int, std::vector<Clone>> clones_;  // by the node that they come before
  std::map<int, std::vector<Clone>> guests_;  // by the region that computes them on the way
  std::vector<char> emitted_;
};

}  // namespace

Graph rematerialize(const Graph& graph) { return Rematerializer(graph).run(); }

}  // namespace cairn
