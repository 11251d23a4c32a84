#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "cairn/autograd/tape.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"

namespace cairn {
namespace {

// One sweep over the tape from `outputs` down.
class Sweep {
 public:
  Sweep(bool create_graph, bool accumulate, bool stop = false)
      : create_graph_(create_graph), accumulate_(accumulate), stop_(stop) {}

  // Gradients are wanted for this leaf or intermediate value.
  void want(const Edge& edge) {
    if (edge.leaf) leaves_.insert(edge.leaf.get());
    else if (edge.node) values_.insert({edge.node.get(), edge.index});
  }

  void seed(const Tensor& output, const Tensor& gradient) { flow(edge_of(output), gradient); }

  void run() {
    while (!queue_.empty()) {
      const auto last = std::prev(queue_.end());
      const Ref<GradNode> node = last->second;
      queue_.erase(last);
      std::vector<Tensor> grads = std::move(pending_[node.get()]);
      pending_.erase(node.get());
      visit(*node, grads);
    }
  }

  Tensor of_leaf(TensorImpl* leaf) { return leaf_grads_[leaf]; }
  Tensor of_value(GradNode* node, int index) { return value_grads_[{node, index}]; }
  const std::vector<Ref<TensorImpl>>& reached_leaves() const { return order_; }

 private:
  void visit(GradNode& node, const std::vector<Tensor>& grads) {
    bool wanted = false;
    for (size_t i = 0; i < grads.size(); ++i) {
      const std::pair<GradNode*, int> value = {&node, static_cast<int>(i)};
      if (values_.count(value)) value_grads_[value] = grads[i], wanted = true;
    }
    if (wanted && stop_) return;
    SmallVector<bool, 16> needs(node.edges.size(), false);
    bool any = false;
    for (size_t i = 0; i < node.edges.size(); ++i) any |= needs[i] = leads_to_wanted(node.edges[i]);
    if (!any) return;
    const std::span<const bool> view(needs.data(), needs.size());
    std::vector<Tensor> results = run_vjp(node, grads, view);
    for (size_t i = 0; i < results.size() && i < node.edges.size(); ++i)
      if (results[i].defined() && view[i]) flow(node.edges[i], check_shape(node, i, results[i]));
  }

  std::vector<Tensor> run_vjp(GradNode& node, const std::vector<Tensor>& grads,
                              std::span<const bool> needs) {
    NoGrad mode(create_graph_);
    if (!context().recorder) return node.vjp(grads, needs);
    const PathScope scope(node);
    return node.vjp(grads, needs);
  }

  // What is recorded for a node's gradient belongs to its module and line.
  struct PathScope {
    explicit PathScope(const GradNode& node)
        : saved(std::exchange(context().path, {{node.path, node.loc}})) {}
    ~PathScope() { context().path = std::move(saved); }
    std::vector<PathEntry> saved;
  };

  Tensor check_shape(const GradNode& node, size_t i, const Tensor& gradient) {
    if (!node.input_shapes.empty() && gradient.shape() != node.input_shapes[i])
      fail("gradient of {}: input {} is {} but its gradient {}",
           node.op ? node.op->name : "custom op", i, to_string(node.input_shapes[i]),
           to_string(gradient.shape()));
    return gradient;
  }

  void flow(const Edge& edge, const Tensor& gradient) {
    if (edge.leaf) {
      if (!accumulate_ && !leaves_.count(edge.leaf.get())) return;
      Tensor& sum = leaf_grads_[edge.leaf.get()];
      if (!sum.defined()) order_.push_back(edge.leaf);
      accumulate(sum, gradient);
    } else if (edge.node) {
      auto& grads = pending_[edge.node.get()];
      if (grads.empty()) {
        grads.resize(edge.node->output_descs.size());
        queue_.insert({edge.node->sequence, edge.node});
      }
      accumulate(grads[edge.index], gradient);
    }
  }

  void accumulate(Tensor& sum, const Tensor& gradient) {
    NoGrad mode(create_graph_);
    sum = sum.defined() ? add(sum, gradient) : gradient;
  }

  bool leads_to_wanted(const Edge& edge) {
    if (edge.leaf) return accumulate_ || leaves_.count(edge.leaf.get());
    if (!edge.node) return false;
    return accumulate_ || values_.count({edge.node.get(), edge.index}) ||
           node_leads(edge.node.get());
  }

  // Depth-first without recursion, remembering answers.
  bool node_leads(GradNode* start) {
    if (const auto known = leads_.find(start); known != leads_.end()) return known->second;
    std::vector<std::pair<GradNode*, size_t>> stack = {{start, 0}};
    std::unordered_map<GradNode*, bool> open = {{start, false}};
    while (!stack.empty()) {
      auto& [node, next] = stack.back();
      if (next == node->edges.size()) {
        const bool answer = open[node];
        leads_[node] = answer;
        stack.pop_back();
        if (!stack.empty() && answer) open[stack.back().first] = true;
        continue;
      }
      const Edge& edge = node->edges[next++];
      if (edge.leaf && leaves_.count(edge.leaf.get())) open[node] = true;
      if (!edge.node) continue;
      if (values_.count({edge.node.get(), edge.index})) {
        open[node] = true;
        if (stop_) continue;
      }
      if (const auto known = leads_.find(edge.node.get()); known != leads_.end()) {
        if (known->second) open[node] = true;
      } else {
        open[edge.node.get()] = false;
        stack.push_back({edge.node.get(), 0});
      }
    }
    return leads_[start];
  }

  bool create_graph_, accumulate_;
  bool stop_;  // nothing flows behind a wanted value
  std::unordered_set<TensorImpl*> leaves_;
  std::set<std::pair<GradNode*, int>> values_;
  std::multimap<uint64_t, Ref<GradNode>> queue_;
  std::unordered_map<GradNode*, std::vector<Tensor>> pending_;
  std::unordered_map<TensorImpl*, Tensor> leaf_grads_;
  std::map<std::pair<GradNode*, int>, Tensor> value_grads_;
  std::vector<Ref<TensorImpl>> order_;
  std::unordered_map<GradNode*, bool> leads_;
};

Tensor seed_of(const char* fn, const Tensor& output, const Tensor& given) {
  if (given.defined()) {
    check(given.shape() == output.shape(), "{}: output is {} but its gradient {}", fn,
          to_string(output.shape()), to_string(given.shape()));
    return given;
  }
  check(output.numel() == 1,
        "{}: an output of shape {} needs its gradient given; only scalars start from 1", fn,
        to_string(output.shape()));
  return full(output.shape(), 1.0, output.dtype());
}

}  // namespace

Tensors grad(const Tensors& outputs, const Tensors& inputs, const GradOptions& options) {
  Sweep sweep(options.create_graph, false);
  for (const Tensor& input : inputs) {
    check(input.defined() && input.requires_grad(), "grad: an input does not require a gradient");
    sweep.want(edge_of(input));
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    check(outputs[i].defined(), "grad: output {} is undefined", i);
    const Tensor given = i < options.grad_outputs.size() ? options.grad_outputs[i] : Tensor();
    if (outputs[i].requires_grad()) sweep.seed(outputs[i], seed_of("grad", outputs[i], given));
  }
  sweep.run();
  Tensors results;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Edge edge = edge_of(inputs[i]);
    Tensor g =
        edge.leaf ? sweep.of_leaf(edge.leaf.get()) : sweep.of_value(edge.node.get(), edge.index);
    check(g.defined() || options.allow_unused,
          "grad: no output depends on input {} of shape {}; "
          "pass allow_unused for an undefined gradient",
          i, to_string(inputs[i].shape()));
    results.push_back(g);
  }
  return results;
}

Tensors gradients_up_to(const Tensors& outputs, const Tensors& output_grads, const Tensors& inputs,
                        bool create_graph) {
  Sweep sweep(create_graph, false, true);
  for (const Tensor& input : inputs) sweep.want(edge_of(input));
  for (size_t i = 0; i < outputs.size(); ++i) sweep.seed(outputs[i], output_grads[i]);
  sweep.run();
  Tensors results;
  for (const Tensor& input : inputs) {
    const Edge edge = edge_of(input);
    results.push_back(edge.leaf ? sweep.of_leaf(edge.leaf.get())
                                : sweep.of_value(edge.node.get(), edge.index));
  }
  return results;
}

void backward(const Tensor& loss, const Tensor& gradient, bool create_graph) {
  check(loss.defined() && loss.requires_grad(),
        "backward: the loss does not depend on anything that "
        "requires a gradient");
  Sweep sweep(create_graph, true);
  sweep.seed(loss, seed_of("backward", loss, gradient));
  sweep.run();
  NoGrad mode(create_graph);
  for (const Ref<TensorImpl>& leaf : sweep.reached_leaves()) {
    const Tensor handle(leaf);
    const Tensor before = handle.grad(), now = sweep.of_leaf(leaf.get());
    handle.set_grad(before.defined() ? add(before, now) : now);
  }
}

Tensors call(const CustomFunction& function, const Tensors& inputs) {
  Tensors outputs;
  {
    NoGrad no_grad;
    outputs = function.forward(inputs);
  }
  bool wanted = false;
  for (const Tensor& t : inputs) wanted |= t.requires_grad();
  if (!wanted || !context().grad_mode) return outputs;
  Ref<GradNode> node(new GradNode);
  node->custom = function.vjp;
  for (const Tensor& t : inputs) {
    node->edges.push_back(edge_of(t));
    node->input_shapes.push_back(t.shape());
    node->inputs.push_back(context().recorder ? context().recorder->read(t) : t);
  }
  for (Tensor& t : outputs) node->outputs.push_back(t.detach());
  attach(node, outputs);
  return outputs;
}

}  // namespace cairn
