// The passes of compile(), in the order in which they run; each in a file of its own.
#pragma once
#include <functional>
#include <vector>

#include "cairn/graph/graph.h"

namespace cairn {

// A linear layer, its cross-entropy over a large vocabulary and both their gradients become one
// node, where the back end has it: full logits are never stored. Rounds differently.
Graph fuse_linear_losses(const Graph& graph, const Backend& backend);

// Writes composite ops in basic ones: those that fuse better apart (kExpand), and those for which
// the back end has no kernel. Exact.
Graph expand_composites(const Graph& graph, const Backend& backend);

// Moves casts over reshapes and permutations: to smaller types towards the value's producer, to
// larger ones towards its readers. Exact.
Graph move_casts(const Graph& graph);

// Drops what nobody reads, computes equal things once, removes identities (x * 1, copies, casts to
// the same type, broadcasts that the next op does anyway). Exact.
Graph simplify(const Graph& graph);

// (x^T g)^T becomes g^T x: the gradient of a weight comes out as the weight lies. May round
// differently.
Graph turn_products(const Graph& graph);

// Folds scales of channels into weights that the step does not change (batch normalisation in
// evaluation mode). Rounds differently.
Graph fold(const Graph& graph);

// Convolution, bias, residual and relu in one node where the back end has it. Exact but for the
// rounding of sums.
Graph fuse_epilogues(const Graph& graph, const Backend& backend);

// Adds a bias, a residual or another product to a matrix product in its own kernel, where the back
// end has that. Exact but for the rounding of sums.
Graph fuse_products(const Graph& graph, const Backend& backend);

// Only the nodes that a result depends on.
Graph without_dead(const Graph& graph);

// Chooses blocked layouts where kernels want them, carries them through elementwise ops, and puts
// reorders where they end. Exact for elementwise ops; kernels may round differently by layout.
Graph assign_layouts(const Graph& graph, const Backend& backend);

// Turns views into aliases with strides, and copies strided values for kernels that cannot read
// them. Exact.
Graph resolve_views(const Graph& graph, const Backend& backend);

// Groups elementwise ops and reductions over one iteration space into regions that read memory
// once; values that are cheap to compute again are not stored. Exact.
Graph fuse(const Graph& graph, const Backend& backend);

// Computes large activations again before the backward pass reads them, where that costs one region
// and nothing more has to be kept. Exact.
Graph rematerialize(const Graph& graph);

// Orders nodes so that values die early and State updates come when nothing can fail any more.
// Exact.
Graph schedule(const Graph& graph);

// Nodes that depend on nothing but States and captured tensors which the step does not assign
// (reordered, transformed or folded weights): computed again only after one of these was assigned.
// By node.
std::vector<char> derived_nodes(const Graph& graph);
// What such nodes make, and what they may read. By value.
std::vector<bool> fixed_values(const Graph& graph);

// Where each value lives.
struct Place {
  enum Kind : uint8_t { arena, derived, alias, input, state, output } kind = arena;
  size_t offset = 0;  // arena and derived: bytes from the start
  ValueId base = -1;  // alias: the value whose buffer it shares
  int index = -1;     // input, output: its number; state: number of the assignment
};
struct MemoryPlan {
  std::vector<Place> places;            // one a value
  std::vector<size_t> workspace;        // one a node: offset in the arena
  std::vector<int> copied_assignments;  // assignments whose value is copied to the State at the end
  size_t arena_bytes = 0;
  size_t derived_bytes = 0;        // values of derived nodes, kept between replays
  size_t bytes_without_reuse = 0;  // what the values would take side by side
  struct Block {                   // of the arena
    size_t bytes;
    int from, to;   // the first and the last node that needs it
    ValueId value;  // or -1: the workspace of node `from`
    size_t offset = 0;
  };
  std::vector<Block> blocks;
};
// What is live at the node where most is, by op and shape: a table of `rows` lines for people.
std::string largest_at_peak(const Graph& graph, const MemoryPlan& plan, size_t rows);
// Whether node `index` can stop the step.
bool may_fault(const Graph& graph, int index);
// Decides which region outputs take over the memory of an input (RegionSpec::in_place_of). Needed
// before kernels are prepared.
void choose_in_place(Graph& graph, const std::vector<char>& derived);
// Lifetimes to offsets; in-place where a region's input dies; States updated where they lie when
// safe.
MemoryPlan plan_memory(const Graph& graph, const std::vector<size_t>& workspace_bytes,
                       const std::vector<char>& derived);

}  // namespace cairn
