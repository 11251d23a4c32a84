// Recurrent networks: stacked, bidirectional, with PyTorch's weight names, gate order and shapes.
//
//   nn::LSTM lstm(80, 256, {.num_layers = 2, .batch_first = true});
//   auto [output, h, c] = lstm(x);
//
// x [T, N, in] ([N, T, in] with batch_first); output the same with hidden * directions features;
// h and c [layers * directions, N, hidden], in the order layer 0, layer 0 reversed, layer 1, ...
// With a projection output and h have proj_size features for hidden.
#pragma once
#include "cairn/nn/module.h"
#include "cairn/ops/rnn.h"

namespace cairn::nn {

struct RecurrentOptions {
  int64_t num_layers = 1;
  bool bias = true, batch_first = false;
  double dropout = 0;  // after each layer but the last
  bool bidirectional = false;
  bool locked_dropout = false;  // drops the same features at every step
  // LSTM only: h = weight_hr [proj_size, hidden] s(o) tanh(c) (Sak, Senior, Beaufays 2014); 0:
  // none. Such sequences go step by step, more slowly.
  int64_t proj_size = 0;
};

enum class Cell { rnn_tanh, rnn_relu, lstm, gru };

// The common part. lengths [N], integers: a sample's state stops at its length and its output is
// zero from there (what PyTorch calls packed).
class Recurrent : public Module {
 public:
  int64_t hidden_size() const { return hidden_; }
  int64_t state_rows() const { return options_.num_layers * directions(); }

 protected:
  Recurrent(Cell cell, int64_t in, int64_t hidden, const RecurrentOptions& options);
  LstmResult run(const Tensor& x, const Tensor& h, const Tensor& c, const Tensor& lengths) const;

 private:
  struct Weights {
    Param weight_ih, weight_hh, bias_ih, bias_hh, weight_hr;
  };
  int64_t directions() const { return options_.bidirectional ? 2 : 1; }
  int64_t output_size() const { return options_.proj_size ? options_.proj_size : hidden_; }
  Tensor dropped(const Tensor& x) const;
  void add_weights(int64_t in, const std::string& suffix);
  Tensor rows(const Tensor& state, const Shape& shape, int64_t layer, const char* name) const;
  LstmResult run_layer(const Tensor& x, int64_t layer, const Tensor& h, const Tensor& c,
                       const Tensor& lengths) const;

  Cell cell_;
  int64_t in_, hidden_;
  RecurrentOptions options_;
  std::vector<Weights> weights_;  // one a row of the state
};

struct LstmState {
  Tensor h, c;  // undefined: zeros
};
class LSTM : public Recurrent {
 public:
  LSTM(int64_t in, int64_t hidden, const RecurrentOptions& options = {})
      : Recurrent(Cell::lstm, in, hidden, options) {}
  LstmResult operator()(const Tensor& x, const LstmState& state = {}, const Tensor& lengths = {},
                        Loc loc = Loc::current()) const;
};

class GRU : public Recurrent {
 public:
  GRU(int64_t in, int64_t hidden, const RecurrentOptions& options = {})
      : Recurrent(Cell::gru, in, hidden, options) {}
  RecurrentResult operator()(const Tensor& x, const Tensor& h = {}, const Tensor& lengths = {},
                             Loc loc = Loc::current()) const;
};

enum class Nonlinearity { tanh, relu };
class RNN : public Recurrent {
 public:
  RNN(int64_t in, int64_t hidden, const RecurrentOptions& options = {},
      Nonlinearity nonlinearity = Nonlinearity::tanh)
      : Recurrent(nonlinearity == Nonlinearity::tanh ? Cell::rnn_tanh : Cell::rnn_relu, in, hidden,
                  options) {}
  RecurrentResult operator()(const Tensor& x, const Tensor& h = {}, const Tensor& lengths = {},
                             Loc loc = Loc::current()) const;
};

}  // namespace cairn::nn
