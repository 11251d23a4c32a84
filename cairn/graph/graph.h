// The one intermediate form: a list of nodes in an order that can be run, over SSA values.
//
// A graph reads arguments, captured tensors and States; it returns outputs and, for each assigned
// State, its last value. Each value is written once; passes rewrite the list and keep it runnable.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "cairn/ops/op.h"

namespace cairn {

using ValueId = int32_t;
using ValueList = SmallVector<ValueId, 6>;

// A fused elementwise region: ops over one iteration space, in registers.
struct RegionStep {
  const OpDef* op;
  Attrs attrs;
  // Each argument: >= 0 an earlier step, < 0 the region's input number -1 - argument.
  SmallVector<int32_t, 4> args;
  Shape shape;  // logical shape of the result (broadcasts to the domain)
  DType dtype;
};
struct RegionSpec {
  Shape domain;      // logical iteration space
  Layout layout;     // of tensors over the whole domain: plain, or blocked
  int row_rank = 0;  // trailing domain dimensions that row reductions combine; 0: none
  std::vector<RegionStep> steps;
  SmallVector<int32_t, 8> outputs;  // the steps whose results are stored, one a node output
  // For each output: the input whose memory it takes over, or -1; filled once lifetimes are known.
  SmallVector<int32_t, 8> in_place_of;
};

struct Node {
  const OpDef* op = nullptr;
  Attrs attrs;
  ValueList inputs, outputs;
  std::string path;  // module path
  Loc loc;
  int recompute = 0;                   // the recomputed region it belongs to
  bool alias = false;                  // a view: its output shares the memory of its input
  std::shared_ptr<RegionSpec> region;  // op "region" only
};

struct Value {
  TensorDesc desc;
  int32_t producer = -1;  // node; -1: an input of the graph
};

// What a graph reads at each replay.
enum class InputKind : uint8_t {
  argument,   // the argument of that number
  captured,   // a tensor that the function refers to, and whose value never changes
  constant,   // one that the function made while it was traced, from numbers of the host
  state,      // a State: its value now
  gradient,   // the .grad() of a State, of a captured tensor, or of the argument of that number
  generator,  // the random generator's words
};
struct GraphInput {
  InputKind kind;
  ValueId value;
  int argument = -1;        // its number, for arguments and their gradients
  Held<TensorImpl> tensor;  // captured, constant, state; the leaf of a gradient
  bool reads(const Held<TensorImpl>& state) const {
    return kind == InputKind::state && tensor == state;
  }
  // What stays as it is from one replay to the next, but for assignments to States.
  bool lasting() const {
    return kind == InputKind::captured || kind == InputKind::constant || kind == InputKind::state;
  }
};
struct Assignment {  // a State's value after the step
  Held<TensorImpl> state;
  ValueId value;
};
struct Gradient {         // what .grad() of a leaf is after the step
  Held<TensorImpl> leaf;  // a State or a captured tensor
  int argument = -1;      // or the argument of that number
  ValueId value = -1;     // -1: it has none
};

struct Graph {
  std::vector<Node> nodes;
  std::vector<Value> values;
  std::vector<GraphInput> inputs;
  std::vector<ValueId> outputs;
  std::vector<Assignment> assignments;
  std::vector<Gradient> gradients;
  int64_t random_ops = 0;  // how far a replay moves the generator

  const TensorDesc& desc(ValueId v) const { return values[v].desc; }
  ValueId add_value(const TensorDesc& desc, int32_t producer = -1);
  // Appends a node whose output values exist already.
  void append(Node node);
  // The call that a node makes, over this graph's own descriptions.
  OpCall call_of(const Node& node);
  // Every value that must survive: outputs, assignments, gradients.
  std::vector<ValueId> results() const;
  // How often each value is read by nodes and results.
  std::vector<int> use_counts() const;
};

// Checks that every value is written before it is read, once, and that descriptions are what the
// ops infer. Throws Error that names the pass and the node.
void verify(const Graph& graph, const char* pass);
std::string to_text(const Graph& graph);  // one line a node
std::string to_dot(const Graph& graph);   // Graphviz

const OpDef& region_op();  // the op of fused nodes; its meaning is the node's RegionSpec

// Rebuilds a graph node by node: `emit` appends to the new graph and maps old values to new ones.
class Rewriter {
 public:
  explicit Rewriter(const Graph& old);
  Graph& graph() { return graph_; }
  ValueId map(ValueId old_value) const { return map_[old_value]; }
  void set(ValueId old_value, ValueId new_value) { map_[old_value] = new_value; }
  void copy(const Node& node);  // with its inputs mapped and new outputs
  // Adds a node of one output; returns it.
  ValueId add(const Node& like, const OpDef& op, const Attrs& attrs, const ValueList& inputs,
              const TensorDesc& out);
  Graph finish();  // maps the results

 private:
  const Graph& old_;
  Graph graph_;
  std::vector<ValueId> map_;
};

}  // namespace cairn
