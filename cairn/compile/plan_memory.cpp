#include <algorithm>
#include <cstring>
#include <map>
#include <numeric>
#include <set>

#include "cairn/base/round.h"
#include "cairn/compile/passes.h"

namespace cairn {
namespace {

constexpr size_t kAlign = 64;
size_t aligned(size_t bytes) { return round_up_bytes(bytes, kAlign); }

// Writes a part of its first input and passes on the rest.
bool replaces_range(const Node& node) {
  return std::strcmp(node.op->name, "dynamic_update_slice") == 0;
}

class Planner {
 public:
  Planner(const Graph& graph, const std::vector<size_t>& workspace_bytes,
          const std::vector<char>& derived)
      : graph_(graph),
        workspace_bytes_(workspace_bytes),
        derived_(derived),
        last_use_(graph.values.size(), -1),
        root_(graph.values.size()) {
    plan_.places.resize(graph.values.size());
    std::iota(root_.begin(), root_.end(), 0);
  }

  MemoryPlan run() {
    lifetimes_and_sharing();
    assign_offsets();
    return std::move(plan_);
  }

  // Outputs that lie where an input of their region does.
  void note_in_place(Graph& graph) {
    lifetimes_and_sharing();
    for (size_t i = 0; i < graph.nodes.size(); ++i) {
      Node& node = graph.nodes[i];
      if (!node.region) continue;
      node.region->in_place_of.assign(node.outputs.begin(), node.outputs.end());
      for (int o = 0; o < node.outputs.ssize(); ++o)
        node.region->in_place_of[o] = shared_input(node, node.outputs[o]);
    }
  }

 private:
  Place& place(ValueId v) { return plan_.places[v]; }
  int end() const { return static_cast<int>(graph_.nodes.size()); }
  // The value whose buffer v uses.
  ValueId root(ValueId v) const {
    while (root_[v] != v) v = root_[v];
    return v;
  }

  void lifetimes_and_sharing() {
    place_inputs();
    find_aliases();
    find_lifetimes();
    place_results();
    place_derived();
    share_in_place();
  }

  // Kept between replays, so side by side in memory of their own; but what only derived nodes read
  // is done with when they have run.
  void place_derived() {
    std::vector<char> kept(graph_.values.size(), 0);
    for (size_t i = 0; i < graph_.nodes.size(); ++i)
      for (ValueId v : graph_.nodes[i].inputs) kept[root(v)] |= !derived_[i];
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      if (!derived_[i]) continue;
      for (ValueId v : graph_.nodes[i].outputs) {
        if (place(v).kind != Place::arena || !kept[v]) continue;
        place(v) = {Place::derived, plan_.derived_bytes, -1, -1};
        plan_.derived_bytes += aligned(std::max<size_t>(graph_.desc(v).bytes(), 1) + kAlign);
      }
    }
  }

  int32_t shared_input(const Node& node, ValueId out) const {
    const Place& p = plan_.places[out];
    for (int i = 0; i < node.inputs.ssize(); ++i) {
      const ValueId in = node.inputs[i];
      if (p.kind == Place::alias && p.base == in) return i;
      const Place& q = plan_.places[in];
      if (p.kind == Place::state && q.kind == Place::input &&
          graph_.inputs[q.index].reads(graph_.assignments[p.index].state))
        return i;
    }
    return -1;
  }

  void place_inputs() {
    for (size_t i = 0; i < graph_.inputs.size(); ++i)
      place(graph_.inputs[i].value) = {Place::input, 0, -1, static_cast<int>(i)};
  }

  // Views have no memory of their own.
  void find_aliases() {
    for (const Node& node : graph_.nodes)
      if (node.alias) {
        root_[node.outputs[0]] = root(node.inputs[0]);
        place(node.outputs[0]) = {Place::alias, 0, node.inputs[0], -1};
      }
  }

  void find_lifetimes() {
    for (size_t i = 0; i < graph_.nodes.size(); ++i)
      for (ValueId v : graph_.nodes[i].inputs) last_use_[root(v)] = static_cast<int>(i);
    for (ValueId v : graph_.results()) last_use_[root(v)] = end();
  }

  int birth(ValueId v) const { return graph_.values[v].producer; }

  void place_results() {
    for (size_t i = 0; i < graph_.outputs.size(); ++i) {
      const ValueId v = graph_.outputs[i];
      if (place(v).kind == Place::arena && !taken_.count(v))
        place(v) = {Place::output, 0, -1, static_cast<int>(i)}, taken_.insert(v);
    }
    for (size_t i = 0; i < graph_.assignments.size(); ++i) {
      const ValueId v = graph_.assignments[i].value;
      if (may_write_state(static_cast<int>(i)))
        place(v) = {Place::state, 0, -1, static_cast<int>(i)}, taken_.insert(v);
      else plan_.copied_assignments.push_back(static_cast<int>(i));
    }
  }

  // A State is updated where it lies when nothing can fail later and nobody reads its old value
  // later; a reader in the same region works element by element, so it may be the writer itself.
  bool may_write_state(int number) {
    const Assignment& a = graph_.assignments[number];
    const ValueId v = a.value;
    if (place(v).kind != Place::arena || taken_.count(v)) return false;
    const int writer = birth(v);
    if (writer < last_fault()) return false;
    for (const GraphInput& in : graph_.inputs) {
      if (!in.reads(a.state)) continue;
      if (last_use_[in.value] > writer) return false;
      if (last_use_[in.value] == writer && !elementwise_reader(writer, in.value, v)) return false;
      if (last_use_[in.value] == end()) return false;
    }
    return true;
  }

  int last_fault() {
    if (last_fault_ < -1) {
      last_fault_ = -1;
      for (size_t i = 0; i < graph_.nodes.size(); ++i)
        if (may_fault(graph_, static_cast<int>(i))) last_fault_ = static_cast<int>(i);
    }
    return last_fault_;
  }

  // Node `i` reads `in` point by point and may therefore write `out` over it.
  bool elementwise_reader(int i, ValueId in, ValueId out) const {
    const Node& node = graph_.nodes[i];
    for (ValueId v : node.inputs)
      if (v != in && root(v) == root(in)) return false;  // also through a view
    if (!(graph_.desc(in) == graph_.desc(out))) return false;
    if (replaces_range(node)) return node.inputs[0] == in && node.inputs[1] != in;
    return node.region && node.region->domain == graph_.desc(in).shape;
  }

  // Whether a view is another shape of all that lies in the buffer.
  bool covers(ValueId view, ValueId whole) const {
    const TensorDesc &a = graph_.desc(view), &b = graph_.desc(whole);
    return view == whole || (a.contiguous() && b.contiguous() && a.dtype == b.dtype &&
                             numel(a.shape) == numel(b.shape));
  }

  void share_in_place() {
    for (size_t i = 0; i < graph_.nodes.size(); ++i) {
      const Node& node = graph_.nodes[i];
      if (!node.region && !replaces_range(node)) continue;
      std::vector<ValueId> given;
      for (ValueId out : node.outputs) {
        if (place(out).kind != Place::arena) continue;
        for (ValueId in : node.inputs) {
          const ValueId whole = root(in);
          if (place(whole).kind != Place::arena || last_use_[whole] != static_cast<int>(i))
            continue;
          if (!covers(in, whole) || std::find(given.begin(), given.end(), whole) != given.end())
            continue;
          if (!elementwise_reader(static_cast<int>(i), in, out)) continue;
          given.push_back(whole);
          root_[out] = whole;
          place(out) = {Place::alias, 0, in, -1};
          last_use_[whole] = std::max(last_use_[whole], last_use_[out]);
          break;
        }
      }
    }
  }

  using Block = MemoryPlan::Block;

  // Largest first, each at the lowest offset where it meets no block alive at the same time.
  void assign_offsets() {
    std::vector<Block> blocks;
    for (ValueId v = 0; v < static_cast<ValueId>(graph_.values.size()); ++v) {
      if (place(v).kind != Place::arena || birth(v) < 0) continue;
      const size_t bytes = aligned(std::max<size_t>(graph_.desc(v).bytes(), 1) + kAlign);
      blocks.push_back({bytes, birth(v), std::max(last_use_[v], birth(v)), v});
      plan_.bytes_without_reuse += bytes;
    }
    plan_.workspace.assign(graph_.nodes.size(), 0);
    for (size_t i = 0; i < graph_.nodes.size(); ++i)
      if (workspace_bytes_[i])
        blocks.push_back(
            {aligned(workspace_bytes_[i]), static_cast<int>(i), static_cast<int>(i), -1});
    std::stable_sort(blocks.begin(), blocks.end(),
                     [](const Block& a, const Block& b) { return a.bytes > b.bytes; });
    plan_.blocks = blocks;
    std::vector<Block> placed;  // by offset
    for (Block& block : blocks) {
      size_t offset = 0;
      for (const Block& other : placed) {
        if (other.to < block.from || block.to < other.from) continue;
        if (offset + block.bytes <= other.offset) break;
        offset = std::max(offset, other.offset + other.bytes);
      }
      block.offset = offset;
      placed.insert(
          std::upper_bound(placed.begin(), placed.end(), block,
                           [](const Block& a, const Block& b) { return a.offset < b.offset; }),
          block);
      plan_.arena_bytes = std::max(plan_.arena_bytes, offset + block.bytes);
      if (block.value >= 0) place(block.value).offset = offset;
      else plan_.workspace[block.from] = offset;
    }
  }

  const Graph& graph_;
  const std::vector<size_t>& workspace_bytes_;
  const std::vector<char>& derived_;
  MemoryPlan plan_;
  std::vector<int> last_use_;
  std::vector<ValueId> root_;
  std::set<ValueId> taken_;
  int last_fault_ = -2;
};

}  // namespace

std::string largest_at_peak(const Graph& graph, const MemoryPlan& plan, size_t rows) {
  std::vector<size_t> live(graph.nodes.size() + 1, 0);
  for (const MemoryPlan::Block& b : plan.blocks)
    for (int i = b.from; i <= b.to; ++i) live[i] += b.bytes;
  const int peak = static_cast<int>(std::max_element(live.begin(), live.end()) - live.begin());
  std::map<std::string, std::pair<size_t, size_t>> kinds;  // bytes, how many
  for (const MemoryPlan::Block& b : plan.blocks) {
    if (b.from > peak || b.to < peak) continue;
    const Node& node = graph.nodes[b.from];
    std::string name = b.value < 0 ? "workspace of " : "";
    name += node.region ? std::string("region ending in ") + node.region->steps.back().op->name
                        : node.op->name;
    if (b.value >= 0) name += " " + to_string(graph.desc(b.value));
    auto& [bytes, count] = kinds[name];
    bytes += b.bytes, ++count;
  }
  std::vector<std::pair<std::string, std::pair<size_t, size_t>>> order(kinds.begin(), kinds.end());
  std::sort(order.begin(), order.end(),
            [](const auto& a, const auto& b) { return a.second.first > b.second.first; });
  const auto megabytes = [](size_t bytes) { return static_cast<double>(bytes) / 1e6; };
  std::string text;
  if (peak < static_cast<int>(graph.nodes.size()))
    text = fmt::format("cairn: {:.1f} MB live at node {} ({} {})\n", megabytes(live[peak]), peak,
                       graph.nodes[peak].op->name, graph.nodes[peak].path);
  for (size_t i = 0; i < std::min(rows, order.size()); ++i)
    text += fmt::format("  {:8.1f} MB {:4} x {}\n", megabytes(order[i].second.first),
                        order[i].second.second, order[i].first);
  return text;
}

bool may_fault(const Graph& graph, int index) {
  const Node& node = graph.nodes[index];
  if (!node.op->is(kMayFault)) return false;
  if (std::strcmp(node.op->name, "embedding_grad") != 0) return true;
  // The forward lookup has met every index already.
  for (int i = 0; i < index; ++i) {
    const Node& earlier = graph.nodes[i];
    if (std::strcmp(earlier.op->name, "embedding") == 0 && earlier.inputs[1] == node.inputs[1] &&
        graph.desc(earlier.inputs[0]).shape[0] == node.attrs.integer("rows"))
      return false;
  }
  return true;
}

void choose_in_place(Graph& graph, const std::vector<char>& derived) {
  const std::vector<size_t> no_workspace(graph.nodes.size(), 0);
  Planner(graph, no_workspace, derived).note_in_place(graph);
}

MemoryPlan plan_memory(const Graph& graph, const std::vector<size_t>& workspace_bytes,
                       const std::vector<char>& derived) {
  return Planner(graph, workspace_bytes, derived).run();
}

std::vector<bool> fixed_values(const Graph& graph) {
  std::set<const TensorImpl*> assigned;
  for (const Assignment& a : graph.assignments) assigned.insert(a.state.get());
  std::vector<bool> fixed(graph.values.size(), false);
  for (const GraphInput& in : graph.inputs)
    fixed[in.value] = in.lasting() && !assigned.count(in.tensor.get());
  const std::vector<ValueId> results = graph.results();
  const std::set<ValueId> is_result(results.begin(), results.end());
  for (const Node& node : graph.nodes) {
    bool all = !node.op->is(kRandom) && !node.op->is(kMayFault);
    for (ValueId v : node.inputs) all = all && fixed[v];
    for (ValueId v : node.outputs) all = all && !is_result.count(v);
    for (ValueId v : node.outputs) fixed[v] = all;
  }
  return fixed;
}

std::vector<char> derived_nodes(const Graph& graph) {
  const std::vector<bool> fixed = fixed_values(graph);
  std::vector<char> nodes(graph.nodes.size(), 0);
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    nodes[i] = !node.outputs.empty() && fixed[node.outputs[0]];
  }
  return nodes;
}

}  // namespace cairn
