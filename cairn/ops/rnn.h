// Recurrent layers over whole sequences, one op a layer, in one direction or both. Equations, gate
// order and weight shapes are PyTorch's:
//   LSTM: i, f, g, o = W_ih x + b_ih + W_hh h + b_hh;  c = s(f) c + s(i) tanh(g);  h = s(o) tanh(c)
//   GRU:  r, z as above; n = tanh(W_in x + b_in + r (W_hn h + b_hn));  h = (1 - z) n + z h
//   RNN:  h = tanh or relu (W_ih x + b_ih + W_hh h + b_hh)
#pragma once
#include "cairn/ops/op.h"

namespace cairn {

struct RecurrentWeights {             // of one direction, G gates: 4, 3 or 1
  Tensor weight_ih;                   // [G * H, I]
  Tensor weight_hh;                   // [G * H, H]
  Tensor bias_ih = {}, bias_hh = {};  // [G * H], both or none
};
struct RecurrentOptions {
  bool batch_first = false;  // x and output [N, T, ...] instead of [T, N, ...]
  // Integers [N], each 0..T: outputs past them are zero, the final state is that of the last valid
  // step and the reverse direction starts there (PyTorch's packed sequences).
  Tensor lengths = {};
};
// output [T, N, D * H] for D directions; h and c [D, N, H].
struct LstmResult {
  Tensor output, h, c;
};
struct RecurrentResult {
  Tensor output, h;
};
// x [T, N, I]; weights of one direction or of two (the second runs backward); h0 and c0 [D, N, H],
// zeros when undefined.
LstmResult lstm(In x, const std::vector<RecurrentWeights>& weights, const Tensor& h0 = {},
                const Tensor& c0 = {}, const RecurrentOptions& options = {});
RecurrentResult gru(In x, const std::vector<RecurrentWeights>& weights, const Tensor& h0 = {},
                    const RecurrentOptions& options = {});
RecurrentResult rnn_tanh(In x, const std::vector<RecurrentWeights>& weights, const Tensor& h0 = {},
                         const RecurrentOptions& options = {});
RecurrentResult rnn_relu(In x, const std::vector<RecurrentWeights>& weights, const Tensor& h0 = {},
                         const RecurrentOptions& options = {});

}  // namespace cairn
