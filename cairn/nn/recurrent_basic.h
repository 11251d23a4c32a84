// Recurrent layers composed of basic ops, one step after another: one layer, one direction.
// Time first: x [T, N, in]; weight_ih [gates * H, in], weight_hh [gates * H, H], biases [gates * H] or
// undefined, in PyTorch's gate order. lengths [N] (i32 or i64) or undefined: a sample's state stops at its
// length, and its output is zero from there (what PyTorch calls packed).
#pragma once
#include "cairn/tensor/tensor.h"

namespace cairn::nn {

struct RecurrentWeights {
  Tensor weight_ih, weight_hh, bias_ih, bias_hh;
};
struct RecurrentResult {
  Tensor output;  // [T, N, H]
  Tensor h, c;    // last state [N, H]; c for LSTM only
};
enum class Cell { rnn_tanh, rnn_relu, lstm, gru };
int64_t gates_of(Cell cell);

// h and c [N, H]: the state before the first step (after the last, when reversed).
RecurrentResult recurrent_basic(Cell cell, const Tensor& x, Tensor h, Tensor c, const RecurrentWeights& weights,
                                bool reverse, const Tensor& lengths = {});

}  // namespace cairn::nn
