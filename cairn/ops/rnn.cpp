#include "cairn/ops/rnn.h"

#include <algorithm>

#include "cairn/ops/context.h"
#include "cairn/ops/families.h"
#include "cairn/ops/functions.h"
#include "cairn/ops/lengths.h"

// Inputs: x, h0, c0 (LSTM), then weight_ih, weight_hh and, with "bias", bias_ih, bias_hh of each
// direction, and with "lengths" i32 [N]. Outputs: the sequence, h, c (LSTM), and what the back
// end's kernel keeps for its backward kernel (bytes; none unless "training"). "bf16": products may
// round what they multiply to bf16.
namespace cairn {
namespace {

enum class Cell { lstm, gru, tanh, relu };
Cell cell_of(const char* op_name) {
  const std::string name = op_name;
  return name.starts_with("lstm")       ? Cell::lstm
         : name.starts_with("gru")      ? Cell::gru
         : name.starts_with("rnn_tanh") ? Cell::tanh
                                        : Cell::relu;
}
int64_t gates_of(Cell cell) { return cell == Cell::lstm ? 4 : cell == Cell::gru ? 3 : 1; }
const char* forward_name(Cell cell) {
  constexpr const char* names[] = {"lstm", "gru", "rnn_tanh", "rnn_relu"};
  return names[static_cast<int>(cell)];
}

// Where things lie among the inputs.
struct Places {
  int states, directions, per_direction, inputs;
  bool bias, lengths, batch_first;
  Places(Cell cell, const Attrs& a)
      : states(cell == Cell::lstm ? 2 : 1),
        directions(static_cast<int>(a.integer("directions"))),
        per_direction(a.integer("bias") ? 4 : 2),
        inputs(1 + states + directions * per_direction + static_cast<int>(a.integer("lengths"))),
        bias(a.integer("bias")),
        lengths(a.integer("lengths")),
        batch_first(a.integer("batch_first")) {}
  int weight(int direction) const { return 1 + states + direction * per_direction; }
};

void check_inputs(OpCall& c, Cell cell, const Places& at) {
  const Shape& x = c.shape(0);
  if (x.size() != 3)
    c.error("the input must be [steps, batch, features] or, batch first, [batch, steps, features]");
  for (int i = 0; i < at.inputs - at.lengths; ++i)
    if (c.dtype(i) != c.dtype(0) || !is_float(c.dtype(i))) c.error("wants floats of one dtype");
  const int64_t batch = x[at.batch_first ? 0 : 1],
                hidden = c.shape(at.weight(0) + 1)[c.rank(at.weight(0) + 1) - 1];
  const int64_t rows = gates_of(cell) * hidden;
  for (int s = 0; s < at.states; ++s)
    if (c.shape(1 + s) != Shape{at.directions, batch, hidden})
      c.error("the initial state must be {}, not {}",
              to_string(Shape{at.directions, batch, hidden}), to_string(c.shape(1 + s)));
  for (int d = 0; d < at.directions; ++d) {
    const int w = at.weight(d);
    if (c.shape(w) != Shape{rows, x[2]})
      c.error("weight_ih must be {} for this input, not {}", to_string(Shape{rows, x[2]}),
              to_string(c.shape(w)));
    if (c.shape(w + 1) != Shape{rows, hidden})
      c.error("weight_hh must be {}, not {}", to_string(Shape{rows, hidden}),
              to_string(c.shape(w + 1)));
    for (int b = 2; b < at.per_direction; ++b)
      if (c.shape(w + b) != Shape{rows}) c.error("a bias must be [{}]", rows);
  }
  if (at.lengths &&
      (c.dtype(at.inputs - 1) != DType::i32 || c.shape(at.inputs - 1) != Shape{batch}))
    c.error("lengths must be i32 [{}]", batch);
}
void infer_sequence(OpCall& c) {
  const Cell cell = cell_of(c.op->name);
  const Places at(cell, *c.attrs);
  check_inputs(c, cell, at);
  Shape y = c.shape(0);
  y[2] = at.directions * c.shape(1)[2];
  c.set(0, c.dtype(), y);
  for (int s = 0; s < at.states; ++s) c.set(1 + s, c.dtype(), c.shape(1));
  const bool keep = c.attrs->integer("training");
  c.set(1 + at.states, DType::u8, {0});
  if (keep)
    c.set(1 + at.states, DType::u8, {static_cast<int64_t>(current_backend().reserve_bytes(c))});
}
// (inputs of the forward op, its sequence, its reserve, gradients of the sequence, h and c) ->
// gradients of all inputs but the lengths; that of x only with "want_x", else empty.
void infer_backward(OpCall& c) {
  const Cell cell = cell_of(c.op->name);
  const Places at(cell, *c.attrs);
  check_inputs(c, cell, at);
  for (int i = 0; i < at.inputs - at.lengths; ++i) c.set(i, c.dtype(), c.shape(i));
  if (!c.attrs->integer("want_x")) c.set(0, c.dtype(), {0});
}

// One direction in basic ops. Steps where an item has ended keep its state.
struct Walk {
  Cell cell;
  Tensor h, c;     // [N, H]
  Tensors output;  // one a step, [N, H]
  void step(const Tensor& from_x, const Tensor& weight_hh, const Tensor& bias_hh) {
    const Tensor from_h = linear(h, weight_hh, bias_hh);
    if (cell == Cell::lstm) {
      const Tensors g = chunk(from_x + from_h, 4, 1);
      c = sigmoid(g[1]) * c + sigmoid(g[0]) * cairn::tanh(g[2]);
      h = sigmoid(g[3]) * cairn::tanh(c);
    } else if (cell == Cell::gru) {
      const Tensors x = chunk(from_x, 3, 1), r = chunk(from_h, 3, 1);
      const Tensor update = sigmoid(x[1] + r[1]);
      const Tensor fresh = cairn::tanh(x[2] + sigmoid(x[0] + r[0]) * r[2]);
      h = fresh + update * (h - fresh);
    } else {
      h = cell == Cell::tanh ? cairn::tanh(from_x + from_h) : relu(from_x + from_h);
    }
  }
};
Walk walk(Cell cell, const Places& at, std::span<const Tensor> in, int direction) {
  const Tensor x = at.batch_first ? transpose(in[0], 0, 1) : in[0];
  const Tensor* w = &in[at.weight(direction)];
  const int64_t steps = x.shape()[0];
  Walk state{cell,
             select(in[1], 0, direction),
             cell == Cell::lstm ? select(in[2], 0, direction) : Tensor(),
             {}};
  state.output.resize(steps);
  const Tensor from_x = linear(x, w[0], at.bias ? w[2] : Tensor());
  const Tensor lengths =
      at.lengths ? reshape(checked_lengths(in[at.inputs - 1], steps), {-1, 1}) : Tensor();
  const Tensor zero = full({}, 0, x.dtype());
  for (int64_t k = 0; k < steps; ++k) {
    const int64_t t = direction == 0 ? k : steps - 1 - k;
    const Tensor h = state.h, c = state.c;
    state.step(select(from_x, 0, t), w[1], at.bias ? w[3] : Tensor());
    state.output[t] = state.h;
    if (!lengths.defined()) continue;
    const Tensor valid = gt(lengths, static_cast<double>(t));
    state.output[t] = where(valid, state.h, zero);
    state.h = where(valid, state.h, h);
    if (c.defined()) state.c = where(valid, state.c, c);
  }
  return state;
}
template <Cell cell>
void sequence_in_basics(std::span<const Tensor> in, const Attrs& a, std::span<Tensor> out) {
  const Places at(cell, a);
  Tensors sequences, h, c;
  Shape shape = in[0].shape();
  shape[2] = in[1].shape()[2];
  for (int d = 0; d < at.directions; ++d) {
    const Walk state = walk(cell, at, in, d);
    sequences.push_back(state.output.empty() ? full(shape, 0, in[0].dtype())
                                             : stack(state.output, at.batch_first ? 1 : 0));
    h.push_back(state.h), c.push_back(state.c);
  }
  const Shape reserve = out.back().defined() ? out.back().shape() : Shape{0};
  out[0] = cat(sequences, 2);
  out[1] = stack(h, 0);
  if (cell == Cell::lstm) out[2] = stack(c, 0);
  out.back() = full(reserve, 0, DType::u8);
}

void vjp_sequence(VjpCall& c) {
  const Cell cell = cell_of(c.op.name);
  const Places at(cell, c.attrs);
  Tensors inputs(c.inputs.begin(), c.inputs.end());
  inputs.push_back(c.outputs[0]);
  inputs.push_back(c.outputs[1 + at.states]);
  for (int i = 0; i <= at.states; ++i)
    inputs.push_back(c.grads[i].defined() ? c.grads[i]
                                          : full(c.outputs[i].shape(), 0, c.outputs[i].dtype()));
  Attrs attrs = c.attrs;
  attrs.set("want_x", int64_t{c.needs[0]});
  Tensors gradients(static_cast<size_t>(at.inputs - at.lengths));
  apply(op_named((std::string(forward_name(cell)) + "_backward").c_str()), inputs, attrs, gradients,
        context().loc);
  for (size_t i = 0; i < gradients.size(); ++i)
    if (c.needs[i]) c.results[i] = gradients[i];
}
template <Cell cell>
void backward_in_basics(std::span<const Tensor> in, const Attrs& a, std::span<Tensor> out) {
  const Places at(cell, a);
  const size_t count = static_cast<size_t>(at.inputs),
               differentiable = static_cast<size_t>(at.inputs - at.lengths);
  SmallVector<bool, 16> needs(count, true);
  if (at.lengths) needs[count - 1] = false;
  needs[0] = a.integer("want_x");
  Tensors grads(in.end() - (1 + at.states), in.end());
  grads.emplace_back();  // of the reserve
  const auto all = gradient_by_decomposition(op_named(forward_name(cell)), in.first(count), a,
                                             grads, {needs.data(), count});
  for (size_t i = 0; i < differentiable; ++i) {
    const Shape shape = needs[i] ? in[i].shape() : Shape{0};
    out[i] = all[i].defined() ? contiguous(all[i]) : full(shape, 0, in[i].dtype());
  }
}

constexpr unsigned kSaveAll = kSaveInputs | kSaveOutputs;
template <Cell cell>
constexpr OpDef forward_row(const char* name, const char* doc, int outputs) {
  return OpDef{name,
               doc,
               -1,
               outputs,
               infer_sequence,
               kSaveAll,
               vjp_sequence,
               nullptr,
               sequence_in_basics<cell>}
      .with_autocast(Autocast::f32);
}
template <Cell cell>
constexpr OpDef backward_row(const char* name, const char* doc) {
  return OpDef{name,
               doc,
               -1,
               -1,
               infer_backward,
               kSaveInputs,
               vjp_by_decomposition,
               nullptr,
               backward_in_basics<cell>}
      .with_autocast(Autocast::f32);
}
const OpDef kOps[] = {
    forward_row<Cell::lstm>("lstm",
                            "one LSTM layer over a sequence (Hochreiter & Schmidhuber 1997)", 4)
        .with_onnx("LSTM"),
    forward_row<Cell::gru>("gru", "one GRU layer over a sequence (Cho et al. 2014)", 3)
        .with_onnx("GRU"),
    forward_row<Cell::tanh>("rnn_tanh",
                            "one recurrent layer with tanh over a sequence (Elman 1990)", 3)
        .with_onnx("RNN"),
    forward_row<Cell::relu>("rnn_relu", "one recurrent layer with relu over a sequence", 3)
        .with_onnx("RNN"),
    backward_row<Cell::lstm>("lstm_backward", "gradients of lstm"),
    backward_row<Cell::gru>("gru_backward", "gradients of gru"),
    backward_row<Cell::tanh>("rnn_tanh_backward", "gradients of rnn_tanh"),
    backward_row<Cell::relu>("rnn_relu_backward", "gradients of rnn_relu"),
};

Tensors run_layer(Cell cell, const In& x, const std::vector<RecurrentWeights>& weights,
                  Tensors states, const RecurrentOptions& o) {
  const char* name = forward_name(cell);
  check(weights.size() == 1 || weights.size() == 2, "{}: weights of {} directions, wants 1 or 2{}",
        name, weights.size(), where(x.loc));
  check(x.t.rank() == 3, "{}: the input must have three dimensions, not {}{}", name,
        to_string(x.t.shape()), where(x.loc));
  check(weights[0].weight_hh.defined() && weights[0].weight_hh.rank() == 2,
        "{}: weight_hh must be [gates * hidden, hidden]{}", name, where(x.loc));
  const int64_t directions = static_cast<int64_t>(weights.size()),
                hidden = weights[0].weight_hh.shape()[1];
  Tensors inputs = {x.t};
  for (const Tensor& s : states)
    inputs.push_back(s.defined() ? s
                                 : full({directions, x.t.shape()[o.batch_first ? 0 : 1], hidden}, 0,
                                        x.t.dtype()));
  const bool bias = weights[0].bias_ih.defined();
  for (const RecurrentWeights& w : weights) {
    inputs.push_back(w.weight_ih), inputs.push_back(w.weight_hh);
    check(w.bias_ih.defined() == bias && w.bias_hh.defined() == bias,
          "{}: give all biases or none{}", name, where(x.loc));
    if (bias) inputs.push_back(w.bias_ih), inputs.push_back(w.bias_hh);
  }
  bool training = false;
  for (const Tensor& t : inputs)
    training |= context().grad_mode && t.defined() && t.requires_grad();
  if (o.lengths.defined()) inputs.push_back(cast(o.lengths, DType::i32));
  Attrs attrs = {{"directions", directions},
                 {"bias", int64_t{bias}},
                 {"lengths", int64_t{o.lengths.defined()}},
                 {"batch_first", int64_t{o.batch_first}},
                 {"training", int64_t{training}}};
  // States and sums stay in f32; the products need not.
  if (context().autocast && context().autocast_dtype == DType::bf16) attrs.set("bf16", int64_t{1});
  Tensors out(states.size() + 2);
  apply(op_named(name), inputs, attrs, out, x.loc);
  return out;
}

}  // namespace

std::span<const OpDef> rnn_ops() { return kOps; }

LstmResult lstm(In x, const std::vector<RecurrentWeights>& weights, const Tensor& h0,
                const Tensor& c0, const RecurrentOptions& options) {
  const Tensors out = run_layer(Cell::lstm, x, weights, {h0, c0}, options);
  return {out[0], out[1], out[2]};
}
RecurrentResult gru(In x, const std::vector<RecurrentWeights>& weights, const Tensor& h0,
                    const RecurrentOptions& options) {
  const Tensors out = run_layer(Cell::gru, x, weights, {h0}, options);
  return {out[0], out[1]};
}
RecurrentResult rnn_tanh(In x, const std::vector<RecurrentWeights>& weights, const Tensor& h0,
                         const RecurrentOptions& options) {
  const Tensors out = run_layer(Cell::tanh, x, weights, {h0}, options);
  return {out[0], out[1]};
}
RecurrentResult rnn_relu(In x, const std::vector<RecurrentWeights>& weights, const Tensor& h0,
                         const RecurrentOptions& options) {
  const Tensors out = run_layer(Cell::relu, x, weights, {h0}, options);
  return {out[0], out[1]};
}

}  // namespace cairn
