#include "cairn/nn/rnn.h"

#include <cmath>

#include "cairn/nn/init.h"
#include "cairn/nn/linear.h"
#include "cairn/nn/rnn_projected.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"

namespace cairn::nn {
namespace {

int64_t gates_of(Cell cell) { return cell == Cell::lstm ? 4 : cell == Cell::gru ? 3 : 1; }

}  // namespace

Recurrent::Recurrent(Cell cell, int64_t in, int64_t hidden, const RecurrentOptions& options)
    : cell_(cell), in_(in), hidden_(hidden), options_(options) {
  check(in > 0 && hidden > 0 && options.num_layers > 0,
        "recurrent layer: sizes {}, {} and {} layers must be positive", in, hidden,
        options.num_layers);
  check(options.proj_size == 0 ||
            (cell == Cell::lstm && options.proj_size > 0 && options.proj_size < hidden),
        "recurrent layer: proj_size is {}; only an LSTM projects, to fewer than its {} features",
        options.proj_size, hidden);
  for (int64_t layer = 0; layer < options.num_layers; ++layer)
    for (int64_t direction = 0; direction < directions(); ++direction)
      add_weights(layer == 0 ? in : output_size() * directions(),
                  "_l" + std::to_string(layer) + (direction ? "_reverse" : ""));
}

void Recurrent::add_weights(int64_t in, const std::string& suffix) {
  const int64_t rows = gates_of(cell_) * hidden_;
  const double bound = 1 / std::sqrt(static_cast<double>(hidden_));
  const auto random = [&](const std::string& name, const Shape& shape) {
    return param(name + suffix, init::uniform(shape, -bound, bound));
  };
  Weights w;
  w.weight_ih = random("weight_ih", {rows, in});
  w.weight_hh = random("weight_hh", {rows, output_size()});
  if (options_.bias) {
    w.bias_ih = random("bias_ih", {rows});
    w.bias_hh = random("bias_hh", {rows});
  }
  if (options_.proj_size) w.weight_hr = random("weight_hr", {options_.proj_size, hidden_});
  weights_.push_back(std::move(w));
}

// The rows of one layer in a state of this shape; undefined (zeros) stays so.
Tensor Recurrent::rows(const Tensor& state, const Shape& shape, int64_t layer,
                       const char* name) const {
  if (!state.defined()) return {};
  check(state.shape() == shape, "{}: initial {} is {} but must be {}{}", type(), name,
        to_string(state.shape()), to_string(shape), where(context().loc));
  return state_rows() == directions() ? state : slice(state, 0, layer * directions(), directions());
}

LstmResult Recurrent::run_layer(const Tensor& x, int64_t layer, const Tensor& h, const Tensor& c,
                                const Tensor& lengths) const {
  std::vector<RecurrentWeights> weights;
  Tensors projections;
  for (int64_t direction = 0; direction < directions(); ++direction) {
    const Weights& w = weights_[static_cast<size_t>(layer * directions() + direction)];
    weights.push_back({w.weight_ih, w.weight_hh, w.bias_ih, w.bias_hh});
    projections.push_back(w.weight_hr);
  }
  const cairn::RecurrentOptions options{.batch_first = options_.batch_first, .lengths = lengths};
  if (options_.proj_size) return projected_lstm(x, weights, projections, h, c, options);
  if (cell_ == Cell::lstm) return lstm(x, weights, h, c, options);
  const RecurrentResult r = cell_ == Cell::gru        ? gru(x, weights, h, options)
                            : cell_ == Cell::rnn_tanh ? rnn_tanh(x, weights, h, options)
                                                      : rnn_relu(x, weights, h, options);
  return {r.output, r.h, {}};
}

Tensor Recurrent::dropped(const Tensor& x) const {
  const bool active = options_.dropout > 0 && training();
  return options_.locked_dropout ? locked_dropout(x, options_.dropout, active, options_.batch_first)
                                 : dropout(x, options_.dropout, active);
}

LstmResult Recurrent::run(const Tensor& input, const Tensor& h, const Tensor& c,
                          const Tensor& lengths) const {
  check(input.rank() == 3 && input.shape()[2] == in_, "{}: wants {}, not {}{}", type(),
        options_.batch_first ? fmt::format("[N, T, {}]", in_) : fmt::format("[T, N, {}]", in_),
        to_string(input.shape()), where(context().loc));
  const int64_t batch = input.shape()[options_.batch_first ? 0 : 1];
  Tensor x = input;
  Tensors last_h, last_c;
  const Shape h_shape = {state_rows(), batch, output_size()};
  const Shape c_shape = {state_rows(), batch, hidden_};
  for (int64_t layer = 0; layer < options_.num_layers; ++layer) {
    const LstmResult r =
        run_layer(x, layer, rows(h, h_shape, layer, "h"), rows(c, c_shape, layer, "c"), lengths);
    x = r.output;
    last_h.push_back(r.h), last_c.push_back(r.c);
    if (layer + 1 < options_.num_layers) x = dropped(x);
  }
  const auto joined = [](const Tensors& parts) {
    return parts.size() == 1 ? parts[0] : cat(parts, 0);
  };
  return {x, joined(last_h), cell_ == Cell::lstm ? joined(last_c) : Tensor()};
}

LstmResult LSTM::operator()(const Tensor& x, const LstmState& state, const Tensor& lengths,
                            Loc loc) const {
  return called({x}, loc, [&] { return run(x, state.h, state.c, lengths); });
}
RecurrentResult GRU::operator()(const Tensor& x, const Tensor& h, const Tensor& lengths,
                                Loc loc) const {
  const LstmResult r = called({x}, loc, [&] { return run(x, h, {}, lengths); });
  return {r.output, r.h};
}
RecurrentResult RNN::operator()(const Tensor& x, const Tensor& h, const Tensor& lengths,
                                Loc loc) const {
  const LstmResult r = called({x}, loc, [&] { return run(x, h, {}, lengths); });
  return {r.output, r.h};
}

}  // namespace cairn::nn
