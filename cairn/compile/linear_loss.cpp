// A linear layer, the cross-entropy of its result and both their gradients in one node. With a
// large vocabulary the logits and their gradient are the largest tensors of a step; the fused
// kernel has them for a block of rows at a time. Users write cross_entropy(linear(x, w, b),
// target); this pass finds what that traces to.
#include <map>
#include <optional>
#include <string_view>

#include "cairn/compile/chains.h"
#include "cairn/compile/passes.h"

namespace cairn {
namespace {

constexpr int64_t kFewestClasses = 512,
                  kFewestLogits = 1 << 20;  // below, storing the logits costs little

// The values of one such loss. Written as in ops/loss.cpp and its gradient:
//   log_p = log_softmax(logits), loss = sum(-log_p[target] kept) / count, count = sum(kept),
//   gradient = a - exp(log_p) sum(a), a = where(hit, -(upstream / count) kept, 0).
struct Loss {
  int softmax = -1;  // the node that makes log_p
  ValueId x = -1, weight = -1, bias = -1, target = -1, loss = -1, upstream = -1;
  int64_t ignored = 0;
  ValueId for_x = -1, for_weight = -1, for_bias = -1;  // what the gradients are called now
};

class Finder {
 public:
  explicit Finder(const Graph& graph) : graph_(graph), readers_(graph.values.size()) {
    for (size_t i = 0; i < graph.nodes.size(); ++i)
      for (ValueId v : graph.nodes[i].inputs) readers_[v].push_back(static_cast<int>(i));
    for (ValueId v : graph.results()) readers_[v].push_back(kResult);
  }

  // The loss whose gradient for the logits node i makes.
  std::optional<Loss> at(int i) const {
    Loss l;
    if (!is_named(node(i), "sub") || !match_gradient(node(i), &l) || !match_logits(&l) ||
        !match_readers(i, &l))
      return {};
    return l;
  }

 private:
  static constexpr int kResult = -1;
  const Node& node(int i) const { return graph_.nodes[i]; }
  const Node* made_by(ValueId v, const char* op) const {
    const int p = graph_.values[v].producer;
    return p >= 0 && is_named(node(p), op) ? &node(p) : nullptr;
  }
  // Behind reshapes and expansions.
  ValueId behind(ValueId v) const {
    while (const Node* n = made_by(v, "reshape") ? made_by(v, "reshape") : made_by(v, "expand"))
      v = n->inputs[0];
    return v;
  }
  bool is_full(ValueId v, double value) const {
    const Node* n = made_by(behind(v), "full");
    return n && n->attrs.number("value") == value;
  }

  // a - exp(log_p) sum(a).
  bool match_gradient(const Node& sub, Loss* l) const {
    const ValueId a = sub.inputs[0];
    const Node *where = made_by(a, "where"), *product = made_by(sub.inputs[1], "mul");
    if (!where || !product || !is_full(where->inputs[2], 0)) return false;
    const Node *exp = made_by(product->inputs[0], "exp"),
               *total = made_by(product->inputs[1], "sum");
    if (!exp || !total || total->inputs[0] != a || total->attrs.ints("axes") != Ints{1})
      return false;
    const Node* softmax = made_by(exp->inputs[0], "log_softmax");
    if (!softmax || softmax->attrs.integer("axis") != 1 ||
        graph_.desc(exp->inputs[0]).shape.size() != 2)
      return false;
    l->softmax = graph_.values[exp->inputs[0]].producer;
    return match_row_weight(where->inputs[1], where->inputs[0], l) &&
           match_loss(exp->inputs[0], where->inputs[0], l);
  }
  // -(upstream / count) kept, and from `kept` and `hit` the targets.
  bool match_row_weight(ValueId v, ValueId hit, Loss* l) const {
    const Node* minus = made_by(behind(v), "neg");
    const Node* weight = minus ? made_by(minus->inputs[0], "mul") : nullptr;
    const Node* each = weight ? made_by(behind(weight->inputs[0]), "div") : nullptr;
    if (!each) return false;
    l->upstream = each->inputs[0], kept_ = weight->inputs[1], count_ = each->inputs[1];
    const Node *cast = made_by(kept_, "cast"), *count = made_by(count_, "sum");
    const Node* differs = cast ? made_by(cast->inputs[0], "ne") : nullptr;
    if (!differs || !count || count->inputs[0] != kept_ || !graph_.desc(count_).shape.empty())
      return false;
    const Node* ignored = made_by(behind(differs->inputs[1]), "full");
    l->target = differs->inputs[0];
    if (!ignored || graph_.desc(l->target).shape.size() != 1) return false;
    l->ignored = static_cast<int64_t>(ignored->attrs.number("value"));
    return match_hit(hit, cast->inputs[0], l->target);
  }
  // hit[m, c]: class c is the target of row m.
  bool match_hit(ValueId hit, ValueId kept, ValueId target) const {
    const Node* equal = made_by(hit, "eq");
    const Node* index =
        equal ? made_by(behind(equal->inputs[0]), "where") : nullptr;  // -1 where it is ignored
    if (!index || index->inputs[0] != kept || !is_full(index->inputs[2], -1)) return false;
    const Node* checked = made_by(index->inputs[1], "check_index");
    const Node* label = checked ? made_by(checked->inputs[0], "where") : nullptr;
    if (!label || label->inputs[0] != kept || label->inputs[1] != target) return false;
    ValueId classes = behind(equal->inputs[1]);
    if (const Node* cast = made_by(classes, "cast")) classes = cast->inputs[0];
    const Node* range = made_by(classes, "arange");
    return range && range->attrs.integer("start") == 0 && range->attrs.integer("step") == 1;
  }
  // From log_p: where(hit, log_p, 0), sum, neg, * kept, sum, / count.
  bool match_loss(ValueId log_p, ValueId hit, Loss* l) const {
    ValueId v = log_p;
    bool exp = false;
    int next = -1;
    for (int r : readers_[log_p]) {
      if (r < 0) return false;
      if (is_named(node(r), "exp")) exp = true;
      else if (next >= 0) return false;
      else next = r;
    }
    for (const char* op : {"where", "sum", "neg", "mul", "sum", "div"}) {
      if (next < 0 || !is_named(node(next), op)) return false;
      const Node& n = node(next);
      const std::string_view name = op;
      if (name == "where" && (n.inputs[0] != hit || n.inputs[1] != v || !is_full(n.inputs[2], 0)))
        return false;
      if (name == "mul" && n.inputs[1] != kept_) return false;
      if (name == "div" && n.inputs[1] != count_) return false;
      v = n.outputs[0];
      if (name == "div") break;
      if (readers_[v].size() != 1) return false;
      next = readers_[v][0];
    }
    l->loss = v;
    return exp;
  }

  // The logits: x times the transpose of the weight, perhaps plus a bias; read by nothing else.
  bool match_logits(Loss* l) const {
    ValueId v = node(l->softmax).inputs[0];
    const int64_t classes = graph_.desc(v).shape[1];
    while (true) {
      if (readers_[v].size() != 1) return false;
      if (const Node* n = made_by(v, "reshape")) v = n->inputs[0];
      else if (const Node* add = made_by(v, "add");
               add && l->bias < 0 && graph_.desc(add->inputs[1]).shape == Shape{classes})
        l->bias = add->inputs[1], v = add->inputs[0];
      else break;
    }
    const Node* product = made_by(v, "matmul");
    const Node* turned = product ? made_by(product->inputs[1], "permute") : nullptr;
    if (!turned || graph_.desc(v).shape.size() != 2 || graph_.desc(v).shape[1] != classes)
      return false;
    l->x = product->inputs[0], l->weight = turned->inputs[0];
    return true;
  }

  // v is the weight again: its transpose transposed.
  bool is_weight(ValueId v, ValueId weight) const {
    if (v == weight) return true;
    const Node* once = made_by(v, "permute");
    const Node* twice = once ? made_by(once->inputs[0], "permute") : nullptr;
    return twice && twice->inputs[0] == weight;
  }
  // The gradient of the logits goes to x, to the weight and to the bias, and nowhere else.
  bool match_readers(int sub, Loss* l) const {
    std::vector<ValueId> names = {node(sub).outputs[0]};
    for (size_t k = 0; k < names.size(); ++k)
      for (int r : readers_[names[k]]) {
        if (r < 0) return false;
        const Node& n = node(r);
        ValueId* place = nullptr;
        if (is_named(n, "reshape")) {
          names.push_back(n.outputs[0]);
          continue;
        }
        if (is_named(n, "sum") && l->bias >= 0 &&
            numel(graph_.desc(n.outputs[0]).shape) == graph_.desc(l->bias).shape[0])
          place = &l->for_bias;
        else if (is_named(n, "matmul") && n.inputs[0] == names[k] &&
                 is_weight(n.inputs[1], l->weight))
          place = &l->for_x;
        else if (const Node* turned =
                     is_named(n, "matmul") ? made_by(n.inputs[0], "permute") : nullptr;
                 turned && turned->inputs[0] == l->x)
          place = &l->for_weight;
        if (!place || *place >= 0) return false;
        *place = n.outputs[0];
      }
    return l->for_x >= 0 || l->for_weight >= 0;
  }

  const Graph& graph_;
  std::vector<std::vector<int>> readers_;  // nodes; kResult for a result
  mutable ValueId kept_ = -1, count_ = -1;
};

class Fusion {
 public:
  Fusion(const Graph& graph, std::vector<Loss> losses)
      : old_(graph), losses_(std::move(losses)), rewriter_(graph) {}

  Graph run() {
    for (size_t i = 0; i < old_.nodes.size(); ++i) {
      const Node& node = old_.nodes[i];
      for (Loss& l : losses_)
        if (l.softmax == static_cast<int>(i)) emit(node, l);
      if (!replaced(node)) rewriter_.copy(node);
    }
    return rewriter_.finish();
  }

 private:
  ValueId map(ValueId v) const { return rewriter_.map(v); }

  void emit(const Node& like, const Loss& l) {
    const OpDef& op = op_named("linear_cross_entropy");
    Node fused = like;
    fused.op = &op;
    fused.attrs = {{"bias", int64_t{l.bias >= 0}},
                   {"training", int64_t{1}},
                   {"ignore_index", l.ignored},
                   {"label_smoothing", 0.0}};
    fused.inputs = {map(l.x), map(l.weight)};
    if (l.bias >= 0) fused.inputs.push_back(map(l.bias));
    ValueId target = map(l.target);
    if (old_.desc(l.target).dtype != DType::i64)
      target = rewriter_.add(like, op_named("cast"), {{"dtype", static_cast<int64_t>(DType::i64)}},
                             {target}, TensorDesc(DType::i64, old_.desc(l.target).shape));
    fused.inputs.push_back(target);
    const DType t = old_.desc(l.x).dtype;
    fused.outputs.clear();
    const Shape classes = {old_.desc(l.weight).shape[0]};
    for (const Shape& shape : {Shape{}, old_.desc(l.x).shape, old_.desc(l.weight).shape,
                               l.bias >= 0 ? classes : Shape{0}})
      fused.outputs.push_back(rewriter_.graph().add_value(TensorDesc(t, shape)));
    made_[l.softmax] = fused.outputs;
    rewriter_.graph().append(std::move(fused));
  }

  // A node that gave the loss or one of its gradients: from the fused node, times what flowed into
  // the loss.
  bool replaced(const Node& node) {
    for (const Loss& l : losses_) {
      const ValueId v = node.outputs.empty() ? -1 : node.outputs[0];
      if (v < 0 || !made_.count(l.softmax)) continue;
      const ValueList& made = made_.at(l.softmax);
      if (v == l.loss) return rewriter_.set(v, made[0]), true;
      if (v == l.for_x) return rewriter_.set(v, scaled(node, made[1], l)), true;
      if (v == l.for_bias)
        return rewriter_.set(v, in_shape(node, scaled(node, made[3], l), old_.desc(v))), true;
      if (v == l.for_weight)
        return rewriter_.set(v, rewriter_.add(node, op_named("permute"), {{"order", Ints{1, 0}}},
                                              {scaled(node, made[2], l)}, old_.desc(v))),
               true;
    }
    return false;
  }
  ValueId scaled(const Node& like, ValueId gradient, const Loss& l) {
    const int p = old_.values[l.upstream].producer;
    if (p >= 0 && is_named(old_.nodes[p], "full") && old_.nodes[p].attrs.number("value") == 1)
      return gradient;
    const TensorDesc desc = rewriter_.graph().desc(gradient);
    return rewriter_.add(like, op_named("mul"), {}, {gradient, map(l.upstream)}, desc);
  }
  ValueId in_shape(const Node& like, ValueId v, const TensorDesc& desc) {
    return rewriter_.add(like, op_named("reshape"), {{"shape", desc.shape}}, {v}, desc);
  }

  const Graph& old_;
  std::vector<Loss> losses_;
  Rewriter rewriter_;
  std::map<int, ValueList> made_;  // by the softmax node
};

}  // namespace

Graph fuse_linear_losses(const Graph& graph, const Backend& backend) {
  const Finder finder(graph);
  std::vector<Loss> losses;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const std::optional<Loss> loss = finder.at(static_cast<int>(i));
    if (!loss) continue;
    const Shape logits = graph.desc(graph.nodes[loss->softmax].inputs[0]).shape;
    TensorDesc x = graph.desc(loss->x), weight = graph.desc(loss->weight), out(x.dtype, Shape{});
    const Attrs attrs;
    const OpCall call{&op_named("linear_cross_entropy"), &attrs, {&x, &weight}, {&out}, nullptr};
    if (logits[1] >= kFewestClasses && numel(logits) >= kFewestLogits && backend.supports(call))
      losses.push_back(*loss);
  }
  return losses.empty() ? graph : without_dead(Fusion(graph, std::move(losses)).run());
}

}  // namespace cairn
