// One step of a recurrent network, with PyTorch's names and gate order: for loops of one's own.
// Whole sequences are faster with nn::RNN, LSTM and GRU.
//
//   nn::LSTMCell cell(80, 256);
//   nn::LstmState s;
//   for (const Tensor& x : steps) s = cell(x, s);
#pragma once
#include "cairn/nn/rnn.h"

namespace cairn::nn {

// The common part: weight_ih [G * hidden, in], weight_hh [G * hidden, hidden], bias_ih and bias_hh.
class RecurrentCell : public Module {
 protected:
  RecurrentCell(Cell cell, int64_t in, int64_t hidden, bool bias);
  // x [N, in]; h and c [N, hidden], zeros when undefined.
  LstmState step(const Tensor& x, const Tensor& h, const Tensor& c) const;

 private:
  Cell cell_;
  int64_t in_, hidden_;
  Param weight_ih_, weight_hh_, bias_ih_, bias_hh_;
};

struct CellOptions {
  bool bias = true;
};
class LSTMCell : public RecurrentCell {
 public:
  LSTMCell(int64_t in, int64_t hidden, CellOptions options = {})
      : RecurrentCell(Cell::lstm, in, hidden, options.bias) {}
  LstmState operator()(const Tensor& x, const LstmState& state = {},
                       Loc loc = Loc::current()) const;
};

class GRUCell : public RecurrentCell {
 public:
  GRUCell(int64_t in, int64_t hidden, CellOptions options = {})
      : RecurrentCell(Cell::gru, in, hidden, options.bias) {}
  Tensor operator()(const Tensor& x, const Tensor& h = {}, Loc loc = Loc::current()) const;
};

struct RNNCellOptions {
  bool bias = true;
  Nonlinearity nonlinearity = Nonlinearity::tanh;
};
class RNNCell : public RecurrentCell {
 public:
  RNNCell(int64_t in, int64_t hidden, const RNNCellOptions& options = {})
      : RecurrentCell(options.nonlinearity == Nonlinearity::tanh ? Cell::rnn_tanh : Cell::rnn_relu,
                      in, hidden, options.bias) {}
  Tensor operator()(const Tensor& x, const Tensor& h = {}, Loc loc = Loc::current()) const;
};

}  // namespace cairn::nn
