#include "cairn/quantize/layers.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "cairn/compile/channel_chain.h"
#include "cairn/compile/passes.h"
#include "cairn/graph/recorder.h"
#include "cairn/ops/qlinear.h"

namespace cairn::quantize {

namespace {

// Names in the graph begin at the network, whoever calls it.
struct OuterPath {
  OuterPath() { std::swap(saved, context().path); }
  ~OuterPath() { std::swap(saved, context().path); }
  std::vector<PathEntry> saved;
};

}  // namespace

Graph inference_graph(const nn::Module& network, const TensorDesc& input) {
  Graph graph;
  {
    GraphRecorder recorder(graph);
    const RecorderScope scope(&recorder);
    const NoGrad no_grad;
    const OuterPath outer;
    const bool training = network.training();
    network.eval();
    const Tensor y = network(recorder.argument(input, 0));
    network.train(training);
    graph.outputs.push_back(recorder.value_of(y));
    recorder.finish();
  }
  check(graph.assignments.empty(), "quantize: the network changes its State in evaluation mode");
  return fold(simplify(graph));
}

namespace {

class Finder {
 public:
  explicit Finder(Plan8& plan)
      : p_(plan),
        g_(plan.graph),
        readers_(plan.graph),
        fixed_(fixed_values(plan.graph)),
        taken_(plan.graph.nodes.size(), 0) {}

  void run() {
    note_roots();
    for (int i = 0; i < count(); ++i)
      if (is_named(node(i), "conv")) find_conv(i);
    for (int i = 0; i < count(); ++i)
      if (is_named(node(i), "matmul")) find_linear(i);
    for (int i = 0; i < count(); ++i)
      if (!taken_[i]) find_other(i);
    decide_who_wants_8_bits();
    share_params();
    name_values();
    name_layers();
    for (int i = 0; i < count(); ++i) note_kept(i);
  }

 private:
  int count() const { return static_cast<int>(g_.nodes.size()); }
  const Node& node(int i) const { return g_.nodes[i]; }
  ValueId out(int i) const { return node(i).outputs[0]; }
  const Shape& shape(ValueId v) const { return g_.desc(v).shape; }
  bool is_f32(ValueId v) const { return g_.desc(v).dtype == DType::f32; }

  // [N, C, ...] as [N, C * ...] and the like: one tensor in 8 bits.
  void note_roots() {
    p_.root.resize(g_.values.size());
    for (size_t v = 0; v < p_.root.size(); ++v) p_.root[v] = static_cast<ValueId>(v);
    for (const Node& n : g_.nodes) {
      if (!is_named(n, "reshape")) continue;
      const Shape &from = shape(n.inputs[0]), &to = shape(n.outputs[0]);
      if (from.size() >= 2 && to.size() >= 2 && from[0] == to[0])
        p_.root[n.outputs[0]] = p_.root[n.inputs[0]];
    }
  }

  // The only reader of value v, if it is this op and free; -1.
  int next(ValueId v, const char* op) const {
    const int reader = readers_.only(v);
    return reader >= 0 && is_named(node(reader), op) && !taken_[reader] ? reader : -1;
  }
  void take(Layer layer, const std::vector<int>& nodes) {
    for (int i : nodes) taken_[i] = 1;
    p_.layers.push_back(std::move(layer));
  }

  void find_conv(int i) {
    if (!why_not_conv(i).empty()) return;
    Layer l{.kind = Layer::conv,
            .node = i,
            .x = node(i).inputs[0],
            .weight = node(i).inputs[1],
            .out = out(i)};
    std::vector<int> chain = {i};
    auto follow = [&](int reader) { chain.push_back(reader), l.out = out(reader); };
    if (const int add = next(l.out, "add"); add >= 0) {
      const ValueId bias = other_input(node(add), l.out);
      if (bias >= 0 && fixed_[bias] && is_per_channel(g_.desc(bias), g_.desc(l.out)))
        l.bias = bias, follow(add);
    }
    if (const int add = next(l.out, "add"); add >= 0) {
      const ValueId other = other_input(node(add), l.out);
      if (other >= 0 && !fixed_[other] && shape(other) == shape(l.out))
        l.other = other, follow(add);
    }
    if (const int relu = next(l.out, "relu"); relu >= 0) l.relu = true, follow(relu);
    take(l, chain);
  }

  void find_linear(int i) {
    if (!why_not_linear(i).empty()) return;
    Layer l{.kind = Layer::linear,
            .node = i,
            .x = node(i).inputs[0],
            .weight = node(i).inputs[1],
            .out = out(i)};
    const int64_t outputs = shape(l.out)[1];
    std::vector<int> chain = {i};
    ValueId at = l.out;
    for (int reader = readers_.only(at); reader >= 0 && !taken_[reader];
         reader = readers_.only(at)) {
      const Node& n = node(reader);
      const ValueId other = other_input(n, at);
      const bool shaped = is_named(n, "reshape") && shape(n.outputs[0]).back() == outputs;
      const bool biased = is_named(n, "add") && l.bias < 0 && !l.relu && other >= 0 &&
                          fixed_[other] && numel(shape(other)) == outputs &&
                          shape(other).back() == outputs;
      const bool rectified = is_named(n, "relu") && !l.relu;
      if (!shaped && !biased && !rectified) break;
      if (biased) l.bias = other;
      l.relu |= rectified;
      chain.push_back(reader), at = n.outputs[0];
      if (!shaped) l.out = at;
    }
    while (out(chain.back()) != l.out) chain.pop_back();  // reshapes that nothing follows
    take(l, chain);
  }

  std::string why_not_conv(int i) const {
    const Shape& w = shape(node(i).inputs[1]);
    if (!fixed_[node(i).inputs[1]]) return "its weight is computed from the input";
    if (!is_f32(node(i).inputs[1])) return "it is not f32";
    if (w.size() != 4)
      return fmt::format(
          "only two-dimensional convolution has 8-bit kernels, this has {} dimensions",
          w.size() - 2);
    if (numel(w) / w[0] > kQConvMostTerms) return "sums of so many products may not fit 32 bits";
    return "";
  }
  std::string why_not_linear(int i) const {
    const ValueId x = node(i).inputs[0], w = node(i).inputs[1];
    if (fixed_[x] || !fixed_[w]) return "its weight is computed from the input";
    if (!is_f32(w)) return "it is not f32";
    if (shape(x).size() != 2) return "it is batched";
    if (shape(w)[0] > kQConvMostTerms) return "sums of so many products may not fit 32 bits";
    return "";
  }

  void find_other(int i) {
    const Node& n = node(i);
    if (n.inputs.empty() || !is_f32(n.inputs[0]) || !is_f32(out(i))) return;
    const Shape& x = shape(n.inputs[0]);
    Layer l{.kind = Layer::max_pool, .node = i, .x = n.inputs[0], .out = out(i)};
    const bool plain_window =  // the 8-bit kernels have no other
        !n.attrs.has("dilation") && !n.attrs.has("ceil") && !n.attrs.has("divisor");
    if (is_named(n, "max_pool") && x.size() == 4 && plain_window) return take(l, {i});
    if (is_named(n, "amax") && over_pixels(n, x)) return take(l, {i});
    l.kind = Layer::mean;
    if (is_named(n, "avg_pool") && x.size() == 4 && plain_window) return take(l, {i});
    if (is_named(n, "sum") && over_pixels(n, x)) return find_mean(i, l);
    if (is_named(n, "cat") && n.attrs.integer("axis") == 1 && x.size() >= 2) {
      l.kind = Layer::cat, l.parts = n.inputs;
      return take(l, {i});
    }
    if (!is_named(n, "add") || shape(n.inputs[0]) != shape(n.inputs[1]) || x.size() < 2) return;
    if (fixed_[n.inputs[0]] || fixed_[n.inputs[1]]) return;
    l.kind = Layer::add, l.other = n.inputs[1];
    std::vector<int> chain = {i};
    if (const int relu = next(l.out, "relu"); relu >= 0)
      l.relu = true, l.out = out(relu), chain.push_back(relu);
    take(l, chain);
  }
  static bool over_pixels(const Node& n, const Shape& x) {
    return x.size() == 4 && n.attrs.ints("axes") == Ints{2, 3};
  }

  // A sum times one over the count.
  void find_mean(int i, Layer l) {
    const int mul = next(out(i), "mul_scalar");
    if (mul < 0) return;
    const Shape& x = shape(l.x);
    if (std::abs(node(mul).attrs.number("value") * static_cast<double>(x[2] * x[3]) - 1) > 1e-6)
      return;
    l.out = out(mul);
    take(l, {i, mul});
  }

  // Convolutions and linear layers want 8 bits; the others only where what reads them does.
  void decide_who_wants_8_bits() {
    p_.eight.assign(g_.values.size(), 0);
    auto place = [&](const Layer& l) { return g_.values[l.out].producer; };
    std::sort(p_.layers.begin(), p_.layers.end(),
              [&](const Layer& a, const Layer& b) { return place(a) < place(b); });
    auto want = [&](ValueId v) {
      if (v >= 0) p_.eight[p_.root[v]] = 1;
    };
    std::vector<Layer> used;
    for (size_t i = p_.layers.size(); i-- > 0;) {
      Layer& l = p_.layers[i];
      const bool weighs = l.kind == Layer::conv || l.kind == Layer::linear,
                 wanted = p_.eight[l.out];
      if (!weighs && !wanted) continue;
      // Rows of a matrix that are more than examples have their channels last already.
      if (l.kind == Layer::linear && shape(l.out).size() > 2) l.floats = true;
      l.floats |= !wanted;
      want(l.x), want(l.other);
      for (ValueId v : l.parts) want(v);
      used.push_back(l);
    }
    p_.layers.assign(used.rbegin(), used.rend());
    p_.layer_of.assign(g_.values.size(), -1);
    for (size_t i = 0; i < p_.layers.size(); ++i)
      p_.layer_of[p_.layers[i].out] = static_cast<int>(i);
  }

  // The largest of a window has the scale of the window; what is only put beside others takes the
  // scale of the whole.
  void share_params() {
    p_.params_of = p_.root;
    for (size_t i = p_.layers.size(); i-- > 0;) {
      const Layer& l = p_.layers[i];
      if (l.kind != Layer::cat) continue;
      for (ValueId v : l.parts)
        if (readers_.only(v) == l.node && chooses_params(v)) p_.params_of[v] = p_.params_of[l.out];
    }
    for (const Layer& l : p_.layers)
      if (l.kind == Layer::max_pool && p_.params_of[l.out] == l.out)
        p_.params_of[l.out] = p_.params_of[p_.root[l.x]];
    for (size_t v = 0; v < p_.root.size(); ++v) p_.params_of[v] = p_.params_of[p_.root[v]];
  }

  bool chooses_params(ValueId v) const {
    return p_.layer_of[v] >= 0 && p_.layers[p_.layer_of[v]].kind != Layer::max_pool;
  }

  void name_values() {
    p_.names.assign(g_.values.size(), "");
    for (const GraphInput& in : g_.inputs)
      if (in.kind == InputKind::argument) p_.names[in.value] = "input";
    std::map<std::string, int> seen;
    for (const Node& n : g_.nodes) {
      const std::string name = n.path + ":" + n.op->name;
      const int before = seen[name]++;
      for (size_t o = 0; o < n.outputs.size(); ++o)
        p_.names[n.outputs[o]] =
            (before ? fmt::format("{}#{}", name, before) : name) + (o ? fmt::format(".{}", o) : "");
    }
  }
  void name_layers() {
    std::map<std::string, int> seen;
    for (Layer& l : p_.layers) {
      if (l.kind != Layer::conv && l.kind != Layer::linear) continue;
      const std::string path = node(l.node).path.empty() ? "root" : node(l.node).path;
      const int before = seen[path]++;
      l.name = before ? fmt::format("{}#{}", path, before) : path;
    }
  }

  // Ops that read weights and are no 8-bit layer.
  void note_kept(int i) {
    constexpr const char* kOthers[] = {"conv_grad_input", "embedding", "lstm",       "gru",
                                       "rnn_tanh",        "rnn_relu",  "linear_int8"};
    const Node& n = node(i);
    const std::string where =
        n.path.empty() ? n.op->name : fmt::format("{} ({})", n.path, n.op->name);
    if (is_named(n, "conv") || is_named(n, "matmul")) {
      const std::string why = is_named(n, "conv") ? why_not_conv(i) : why_not_linear(i);
      const bool weighs = fixed_[n.inputs[0]] || fixed_[n.inputs[1]];
      if (!taken_[i] && weighs) p_.kept.push_back(where + ": " + why);
      return;
    }
    for (const char* op : kOthers)
      if (is_named(n, op)) p_.kept.push_back(where + ": this op has no 8-bit kernel");
  }

  Plan8& p_;
  Graph& g_;
  Readers readers_;
  std::vector<bool> fixed_;
  std::vector<char> taken_;
};

}  // namespace

Plan8 plan_8bit(Graph graph) {
  Plan8 plan{.graph = std::move(graph)};
  Finder(plan).run();
  return plan;
}

}  // namespace cairn::quantize
