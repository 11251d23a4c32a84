#include "cairn/nn/recurrent_basic.h"

#include "cairn/ops/functions.h"

namespace cairn::nn {
namespace {

struct StepState {
  Tensor h, c;
};

// Hochreiter & Schmidhuber 1997 with forget gates; gates i, f, g, o.
StepState lstm_step(const Tensor& input, const StepState& s, const RecurrentWeights& w) {
  const Tensors gate = chunk(input + linear(s.h, w.weight_hh, w.bias_hh), 4, 1);
  const Tensor c = sigmoid(gate[1]) * s.c + sigmoid(gate[0]) * tanh(gate[2]);
  return {sigmoid(gate[3]) * tanh(c), c};
}

// Cho et al. 2014; gates r, z, n, the reset applied after the product as in cuDNN and PyTorch.
StepState gru_step(const Tensor& input, const StepState& s, const RecurrentWeights& w) {
  const Tensors in = chunk(input, 3, 1), hidden = chunk(linear(s.h, w.weight_hh, w.bias_hh), 3, 1);
  const Tensor r = sigmoid(in[0] + hidden[0]), z = sigmoid(in[1] + hidden[1]);
  const Tensor n = tanh(in[2] + r * hidden[2]);
  return {n + z * (s.h - n), {}};
}

StepState cell_step(Cell cell, const Tensor& input, const StepState& s, const RecurrentWeights& w) {
  switch (cell) {
    case Cell::lstm: return lstm_step(input, s, w);
    case Cell::gru: return gru_step(input, s, w);
    case Cell::rnn_tanh: return {tanh(input + linear(s.h, w.weight_hh, w.bias_hh)), {}};
    case Cell::rnn_relu: return {relu(input + linear(s.h, w.weight_hh, w.bias_hh)), {}};
  }
  return {};
}

}  // namespace

int64_t gates_of(Cell cell) { return cell == Cell::lstm ? 4 : cell == Cell::gru ? 3 : 1; }

RecurrentResult recurrent_basic(Cell cell, const Tensor& x, Tensor h, Tensor c, const RecurrentWeights& weights,
                                bool reverse, const Tensor& lengths) {
  const int64_t steps = x.shape()[0];
  const Tensor inputs = linear(x, weights.weight_ih, weights.bias_ih);  // all steps in one product
  Tensors outputs(static_cast<size_t>(steps));
  StepState state{std::move(h), std::move(c)};
  for (int64_t i = 0; i < steps; ++i) {
    const int64_t t = reverse ? steps - 1 - i : i;
    const StepState next = cell_step(cell, select(inputs, 0, t), state, weights);
    if (lengths.defined()) {
      const Tensor alive = unsqueeze(gt(lengths, static_cast<double>(t)), 1);
      outputs[t] = where(alive, next.h, full({}, 0, next.h.dtype()));
      state.h = where(alive, next.h, state.h);
      if (state.c.defined()) state.c = where(alive, next.c, state.c);
    } else {
      outputs[t] = next.h;
      state = next;
    }
  }
  return {stack(outputs, 0), state.h, state.c};
}

}  // namespace cairn::nn
