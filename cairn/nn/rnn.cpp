#include "cairn/nn/rnn.h"

#include <cmath>

#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"

namespace cairn::nn {

Recurrent::Recurrent(Cell cell, int64_t in, int64_t hidden, const RecurrentOptions& options)
    : cell_(cell), in_(in), hidden_(hidden), options_(options) {
  check(in > 0 && hidden > 0 && options.num_layers > 0, "recurrent layer: sizes {}, {} and {} layers must be positive",
        in, hidden, options.num_layers);
  for (int64_t layer = 0; layer < options.num_layers; ++layer)
    for (int64_t direction = 0; direction < directions(); ++direction)
      add_weights(layer == 0 ? in : hidden * directions(), "_l" + std::to_string(layer) + (direction ? "_reverse" : ""));
}

void Recurrent::add_weights(int64_t in, const std::string& suffix) {
  const int64_t rows = gates_of(cell_) * hidden_;
  const double bound = 1 / std::sqrt(static_cast<double>(hidden_));
  const auto random = [&](const std::string& name, const Shape& shape) {
    return param(name + suffix, uniform(shape, -bound, bound));
  };
  Weights w;
  w.weight_ih = random("weight_ih", {rows, in});
  w.weight_hh = random("weight_hh", {rows, hidden_});
  if (options_.bias) {
    w.bias_ih = random("bias_ih", {rows});
    w.bias_hh = random("bias_hh", {rows});
  }
  weights_.push_back(std::move(w));
}

Tensor Recurrent::initial(const Tensor& given, const Tensor& x, const char* name) const {
  const Shape shape = {state_rows(), x.shape()[1], hidden_};
  if (!given.defined()) return zeros(shape, weights_[0].weight_hh.dtype());
  check(given.shape() == shape, "{}: initial {} is {} but must be {}{}", type(), name, to_string(given.shape()),
        to_string(shape), where(context().loc));
  return given;
}

RecurrentResult Recurrent::run(const Tensor& input, const Tensor& h, const Tensor& c, const Tensor& lengths) const {
  check(input.rank() == 3 && input.shape()[2] == in_, "{}: wants {}, not {}{}", type(),
        options_.batch_first ? fmt::format("[N, T, {}]", in_) : fmt::format("[T, N, {}]", in_),
        to_string(input.shape()), where(context().loc));
  Tensor x = options_.batch_first ? transpose(input, 0, 1) : input;
  const bool lstm = cell_ == Cell::lstm;
  const Tensor h0 = initial(h, x, "h"), c0 = lstm ? initial(c, x, "c") : Tensor();
  Tensors last_h, last_c;
  for (int64_t layer = 0; layer < options_.num_layers; ++layer) {
    Tensors outputs;
    for (int64_t direction = 0; direction < directions(); ++direction) {
      const int64_t row = layer * directions() + direction;
      const Weights& w = weights_[row];
      const RecurrentResult r = recurrent_basic(cell_, x, select(h0, 0, row), lstm ? select(c0, 0, row) : Tensor(),
                                                {w.weight_ih, w.weight_hh, w.bias_ih, w.bias_hh}, direction == 1, lengths);
      outputs.push_back(r.output);
      last_h.push_back(r.h);
      if (lstm) last_c.push_back(r.c);
    }
    x = outputs.size() == 1 ? outputs[0] : cat(outputs, 2);
    if (layer + 1 < options_.num_layers) x = dropout(x, options_.dropout, options_.dropout > 0 && training());
  }
  return {options_.batch_first ? transpose(x, 0, 1) : x, stack(last_h, 0), lstm ? stack(last_c, 0) : Tensor()};
}

LstmResult LSTM::operator()(const Tensor& x, const LstmState& state, const Tensor& lengths, Loc loc) const {
  const RecurrentResult r = called({x}, loc, [&] { return run(x, state.h, state.c, lengths); });
  return {r.output, r.h, r.c};
}
RnnResult GRU::operator()(const Tensor& x, const Tensor& h, const Tensor& lengths, Loc loc) const {
  const RecurrentResult r = called({x}, loc, [&] { return run(x, h, {}, lengths); });
  return {r.output, r.h};
}
RnnResult RNN::operator()(const Tensor& x, const Tensor& h, const Tensor& lengths, Loc loc) const {
  const RecurrentResult r = called({x}, loc, [&] { return run(x, h, {}, lengths); });
  return {r.output, r.h};
}

}  // namespace cairn::nn
