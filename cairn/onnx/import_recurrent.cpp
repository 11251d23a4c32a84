// LSTM, GRU and RNN: by Cairn's ops where they are PyTorch's, else step by step.
#include <algorithm>
#include <functional>

#include "cairn/onnx/node_call.h"
#include "cairn/ops/context.h"

namespace cairn::onnx {
namespace {

// Runs what depends on weights alone on the host.
template <class F>
Tensor of_weights(const Tensor& weight, F&& f) {
  const RecorderScope scope(is_known(weight) ? nullptr : context().recorder);
  return f();
}

struct Recurrence {
  NodeCall& c;
  int64_t gates, directions, hidden, steps, batch;
  bool batch_first, reverse_only;
  Tensor x;  // [T, N, I]
  std::vector<std::string> activations;

  explicit Recurrence(NodeCall& call, int64_t gates) : c(call), gates(gates) {
    const std::string direction = c.text("direction", "forward");
    directions = direction == "bidirectional" ? 2 : 1, reverse_only = direction == "reverse";
    batch_first = c.integer("layout", 0) != 0;
    x = batch_first ? transpose(c.in(0), 0, 1) : c.in(0);
    check(x.rank() == 3 && c.in(1).rank() == 3 && c.in(2).rank() == 3 &&
              c.in(2).size(0) == directions,
          "input {}, weights {} and {} for {} directions", to_string(x.shape()),
          to_string(c.in(1).shape()), to_string(c.in(2).shape()), directions);
    steps = x.size(0), batch = x.size(1), hidden = c.in(2).size(2);
    activations = c.texts("activations");
  }
  // Rows of gate `g` of a direction's weights, [H, ...].
  Tensor gate_rows(const Tensor& all, int64_t direction, int64_t g) const {
    return of_weights(all, [&] { return slice(select(all, 0, direction), 0, g * hidden, hidden); });
  }
  // Gates of input `i` in this order, [gates H, ...]; `from`: of which gate they begin.
  Tensor rows(size_t i, int64_t direction, const Ints& order, int64_t from = 0) const {
    return of_weights(c.in(i), [&] {
      Tensors parts;
      for (int64_t g : order) parts.push_back(gate_rows(c.in(i), direction, from + g));
      return contiguous(cat(parts, 0));
    });
  }
  Tensor initial(size_t i) const {  // [D, N, H]
    if (!c.has(i)) return full({directions, batch, hidden}, 0, x.dtype());
    return batch_first ? transpose(c.in(i), 0, 1) : c.in(i);
  }
  Tensor lengths() const { return c.maybe(4); }
  std::string activation(int64_t direction, size_t which, const char* usual) const {
    const size_t per = directions > 0 ? activations.size() / static_cast<size_t>(directions) : 0;
    const size_t at = static_cast<size_t>(direction) * per + which;
    return which < per && at < activations.size() ? activations[at] : usual;
  }
  bool usual_activations(std::initializer_list<const char*> usual) const {
    for (int64_t d = 0; d < directions; ++d) {
      size_t i = 0;
      for (const char* name : usual)
        if (activation(d, i++, name) != name) return false;
    }
    return true;
  }
  bool is_plain() const {
    return !c.gives_attribute("clip") && !c.gives_attribute("activation_alpha") &&
           !c.gives_attribute("activation_beta");
  }
  // output [T, N, D H] -> Y [T, D, N, H]; states [D, N, H].
  void give(const Tensor& output, const Tensor& h, const Tensor& cell = {}) const {
    const Tensor by_direction = reshape(output, {steps, batch, directions, hidden});
    c.give(permute(by_direction, batch_first ? Ints{1, 0, 2, 3} : Ints{0, 2, 1, 3}), 0);
    c.give(batch_first ? transpose(h, 0, 1) : h, 1);
    if (cell.defined()) c.give(batch_first ? transpose(cell, 0, 1) : cell, 2);
  }
};

// `alpha`, `beta`: numbers of those that have some.
struct Activation {
  std::string name;
  double alpha = 0, beta = 0;
  Tensor of(const Tensor& x) const {
    if (name == "Sigmoid") return sigmoid(x);
    if (name == "Tanh") return tanh(x);
    if (name == "Relu") return relu(x);
    if (name == "Softsign") return softsign(x);
    if (name == "Softplus") return softplus(x);
    if (name == "HardSigmoid") return clamp(x * alpha + beta, 0, 1);
    if (name == "LeakyRelu") return leaky_relu(x, alpha);
    if (name == "Elu") return elu(x, alpha);
    if (name == "ThresholdedRelu") return threshold(x, alpha, 0);
    if (name == "Affine") return x * alpha + beta;
    if (name == "ScaledTanh") return tanh(x * beta) * alpha;
    fail("activation '{}' is not read", name);
  }
};

// The activations of a node, direction by direction. Their numbers stand in the order of those that
// have some; what is not given is as in the op of that name.
class Activations {
 public:
  Activations(const Recurrence& r, std::initializer_list<const char*> usual)
      : clip_(r.c.number("clip", 0)) {
    const auto alphas = r.c.numbers("activation_alpha"), betas = r.c.numbers("activation_beta");
    size_t next_alpha = 0, next_beta = 0;
    for (int64_t d = 0; d < r.directions; ++d) {
      size_t which = 0;
      for (const char* name : usual) {
        Activation a{r.activation(d, which++, name)};
        for (const Numbers& n : kNumbers) {
          if (a.name != n.name) continue;
          const bool gives = next_alpha < alphas.size();
          if (!gives && !n.is_usual) r.c.refuse("activation '{}' needs activation_alpha", n.name);
          a.alpha = gives ? alphas[next_alpha++] : n.alpha, a.beta = n.beta;
          if (n.has_beta && next_beta < betas.size()) a.beta = betas[next_beta++];
        }
        all_.push_back(std::move(a));
      }
    }
    each_ = usual.size();
  }
  // Of what is cut to what the node allows; an LSTM's cell is not, as in onnxruntime.
  Tensor operator()(int64_t direction, size_t which, const Tensor& x) const {
    return all_[static_cast<size_t>(direction) * each_ + which].of(
        clip_ > 0 && which < 2 ? clamp(x, -clip_, clip_) : x);
  }

 private:
  struct Numbers {
    const char* name;
    double alpha, beta;
    bool has_beta, is_usual;
  };
  static constexpr Numbers kNumbers[] = {{"HardSigmoid", 0.2, 0.5, true, true},
                                         {"LeakyRelu", 0.01, 0, false, true},
                                         {"Elu", 1, 0, false, true},
                                         {"ThresholdedRelu", 1, 0, false, true},
                                         {"Affine", 0, 0, true, false},
                                         {"ScaledTanh", 0, 0, true, false}};
  std::vector<Activation> all_;
  size_t each_ = 0;
  double clip_;
};

// A cell: gates W x + R h + b [N, G H] in ONNX's order -> the next states.
using Step = std::function<void(int64_t direction, const Tensor& from_x, Tensor& h, Tensor& cell)>;

// x in the order of a direction's steps; of each sequence, where it has a length.
Tensor in_order_of(const Recurrence& r, const Tensor& t, bool backward) {
  if (!backward) return t;
  if (!r.lengths().defined()) return flip(t, {0});
  const Tensor at = reshape(arange(0, r.steps), {r.steps, 1, 1});
  const Tensor n = reshape(cast(r.lengths(), DType::i64), {1, r.batch, 1});
  const Tensor from = where(lt(at, n), n - at - 1.0, at);
  return gather(t, 0, contiguous(expand(from, t.shape())));
}

void step_by_step(const Recurrence& r, const Step& step, bool has_cell) {
  const Tensor h0 = r.initial(5), c0 = has_cell ? r.initial(6) : Tensor();
  Tensors outputs, last, last_cell;
  for (int64_t d = 0; d < r.directions; ++d) {
    const bool backward = r.reverse_only || d == 1;
    const Tensor x = in_order_of(r, r.x, backward);
    const Tensor w = select(r.c.in(1), 0, d);
    Tensor from_x = linear(x, w);
    if (r.c.has(3)) {
      const Tensor bias = select(r.c.in(3), 0, d);
      from_x = from_x + slice(bias, 0, 0, r.gates * r.hidden);
    }
    Tensor h = select(h0, 0, d), cell = has_cell ? select(c0, 0, d) : Tensor();
    Tensors all;
    for (int64_t t = 0; t < r.steps; ++t) {
      Tensor next = h, next_cell = cell;
      step(d, select(from_x, 0, t), next, next_cell);
      if (r.lengths().defined()) {
        const Tensor live = reshape(gt(r.lengths(), static_cast<double>(t)), {r.batch, 1});
        all.push_back(where(live, next, scalar(0, next.dtype())));
        h = where(live, next, h);
        if (has_cell) cell = where(live, next_cell, cell);
      } else {
        all.push_back(next);
        h = next, cell = next_cell;
      }
    }
    outputs.push_back(in_order_of(r, stack(all, 0), backward));
    last.push_back(h);
    if (has_cell) last_cell.push_back(cell);
  }
  r.give(cat(outputs, 2), stack(last, 0), has_cell ? stack(last_cell, 0) : Tensor());
}

// A direction that runs backward alone: time turned, run, and turned back.
template <class Run>
void forward_op(const Recurrence& r, const Ints& order, Run&& run) {
  std::vector<RecurrentWeights> weights;
  for (int64_t d = 0; d < r.directions; ++d) {
    RecurrentWeights w{r.rows(1, d, order), r.rows(2, d, order)};
    if (r.c.has(3)) w.bias_ih = r.rows(3, d, order), w.bias_hh = r.rows(3, d, order, r.gates);
    weights.push_back(w);
  }
  run(in_order_of(r, r.x, r.reverse_only), weights, RecurrentOptions{false, r.lengths()});
}

void read_lstm(NodeCall& c) {
  const Recurrence r(c, 4);
  if (r.is_plain() && r.usual_activations({"Sigmoid", "Tanh", "Tanh"}) && !c.has(7) &&
      c.integer("input_forget", 0) == 0)
    return forward_op(r, {0, 2, 3, 1}, [&](const Tensor& x, const auto& weights, const auto& o) {
      const LstmResult y = lstm(x, weights, r.initial(5), r.initial(6), o);
      r.give(in_order_of(r, y.output, r.reverse_only), y.h, y.c);
    });
  const Activations f(r, {"Sigmoid", "Tanh", "Tanh"});
  step_by_step(
      r,
      [&](int64_t d, const Tensor& from_x, Tensor& h, Tensor& cell) {
        Tensor all = from_x + linear(h, select(c.in(2), 0, d));
        if (c.has(3)) all = all + slice(select(c.in(3), 0, d), 0, 4 * r.hidden, 4 * r.hidden);
        const auto gate = [&](int64_t g) { return slice(all, 1, g * r.hidden, r.hidden); };
        const auto peephole = [&](int64_t p, const Tensor& of) -> Tensor {  // i, o, f
          return c.has(7) ? slice(select(c.in(7), 0, d), 0, p * r.hidden, r.hidden) * of : of * 0.0;
        };
        const Tensor i = f(d, 0, gate(0) + peephole(0, cell));
        const Tensor forget =
            c.integer("input_forget", 0) != 0 ? 1.0 - i : f(d, 0, gate(2) + peephole(2, cell));
        const Tensor next = forget * cell + i * f(d, 1, gate(3));
        const Tensor o = f(d, 0, gate(1) + peephole(1, next));
        cell = next;
        h = o * f(d, 2, cell);
      },
      true);
}

void read_gru(NodeCall& c) {
  const Recurrence r(c, 3);
  const bool linear_first = c.integer("linear_before_reset", 0) != 0;
  if (r.is_plain() && r.usual_activations({"Sigmoid", "Tanh"}) && linear_first)
    return forward_op(r, {1, 0, 2}, [&](const Tensor& x, const auto& weights, const auto& o) {
      const RecurrentResult y = gru(x, weights, r.initial(5), o);
      r.give(in_order_of(r, y.output, r.reverse_only), y.h);
    });
  const Activations f(r, {"Sigmoid", "Tanh"});
  step_by_step(
      r,
      [&](int64_t d, const Tensor& from_x, Tensor& h, Tensor&) {
        const auto part = [&](const Tensor& t, int64_t g) {
          return slice(t, t.rank() - 1, g * r.hidden, r.hidden);
        };
        const auto recurrent = [&](const Tensor& from, int64_t g) {
          const Tensor y = linear(from, r.gate_rows(c.in(2), d, g));
          return c.has(3) ? y + r.gate_rows(c.in(3), d, 3 + g) : y;
        };
        const Tensor z = f(d, 0, part(from_x, 0) + recurrent(h, 0));
        const Tensor reset = f(d, 0, part(from_x, 1) + recurrent(h, 1));
        const Tensor n =
            f(d, 1,
              part(from_x, 2) + (linear_first ? reset * recurrent(h, 2) : recurrent(reset * h, 2)));
        h = (1.0 - z) * n + z * h;
      },
      false);
}

void read_rnn(NodeCall& c) {
  const Recurrence r(c, 1);
  const bool is_tanh = r.usual_activations({"Tanh"});
  bool is_relu = !r.activations.empty();
  for (const std::string& a : r.activations) is_relu &= a == "Relu";
  if (r.is_plain() && (is_tanh || is_relu))
    return forward_op(r, {0}, [&](const Tensor& x, const auto& weights, const auto& o) {
      const RecurrentResult y =
          is_tanh ? rnn_tanh(x, weights, r.initial(5), o) : rnn_relu(x, weights, r.initial(5), o);
      r.give(in_order_of(r, y.output, r.reverse_only), y.h);
    });
  const Activations f(r, {"Tanh"});
  step_by_step(
      r,
      [&](int64_t d, const Tensor& from_x, Tensor& h, Tensor&) {
        Tensor all = from_x + linear(h, select(c.in(2), 0, d));
        if (c.has(3)) all = all + slice(select(c.in(3), 0, d), 0, r.hidden, r.hidden);
        h = f(d, 0, all);
      },
      false);
}

constexpr OpRow kRecurrent[] = {
    {"GRU", read_gru},
    {"LSTM", read_lstm},
    {"RNN", read_rnn},
};

}  // namespace

OpRows recurrent_rows() { return kRecurrent; }

}  // namespace cairn::onnx
