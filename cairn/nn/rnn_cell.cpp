#include "cairn/nn/rnn_cell.h"

#include <cmath>

#include "cairn/nn/init.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"

namespace cairn::nn {

RecurrentCell::RecurrentCell(Cell cell, int64_t in, int64_t hidden, bool bias)
    : cell_(cell), in_(in), hidden_(hidden) {
  check(in > 0 && hidden > 0, "recurrent cell: sizes {} and {} must be positive", in, hidden);
  const int64_t rows = (cell == Cell::lstm ? 4 : cell == Cell::gru ? 3 : 1) * hidden;
  const double bound = 1 / std::sqrt(static_cast<double>(hidden));
  weight_ih_ = param("weight_ih", init::uniform({rows, in}, -bound, bound));
  weight_hh_ = param("weight_hh", init::uniform({rows, hidden}, -bound, bound));
  if (!bias) return;
  bias_ih_ = param("bias_ih", init::uniform({rows}, -bound, bound));
  bias_hh_ = param("bias_hh", init::uniform({rows}, -bound, bound));
}

// A sequence of one step.
LstmState RecurrentCell::step(const Tensor& x, const Tensor& h, const Tensor& c) const {
  check(x.rank() == 2 && x.size(1) == in_, "{}: wants [N, {}], not {}{}", type(), in_,
        to_string(x.shape()), where(context().loc));
  for (const Tensor& s : {h, c})
    check(!s.defined() || s.shape() == Shape{x.size(0), hidden_}, "{}: state {} is not {}{}",
          type(), s.defined() ? to_string(s.shape()) : "", to_string(Shape{x.size(0), hidden_}),
          where(context().loc));
  const auto row = [](const Tensor& s) { return s.defined() ? unsqueeze(s, 0) : s; };
  const std::vector<RecurrentWeights> weights = {{weight_ih_, weight_hh_, bias_ih_, bias_hh_}};
  const Tensor steps = unsqueeze(x, 0);
  if (cell_ == Cell::lstm) {
    const LstmResult r = lstm(steps, weights, row(h), row(c));
    return {select(r.h, 0, 0), select(r.c, 0, 0)};
  }
  const RecurrentResult r = cell_ == Cell::gru        ? gru(steps, weights, row(h))
                            : cell_ == Cell::rnn_tanh ? rnn_tanh(steps, weights, row(h))
                                                      : rnn_relu(steps, weights, row(h));
  return {select(r.h, 0, 0), {}};
}

LstmState LSTMCell::operator()(const Tensor& x, const LstmState& state, Loc loc) const {
  return called({x}, loc, [&] { return step(x, state.h, state.c); });
}
Tensor GRUCell::operator()(const Tensor& x, const Tensor& h, Loc loc) const {
  return called({x}, loc, [&] { return step(x, h, {}).h; });
}
Tensor RNNCell::operator()(const Tensor& x, const Tensor& h, Loc loc) const {
  return called({x}, loc, [&] { return step(x, h, {}).h; });
}

}  // namespace cairn::nn
