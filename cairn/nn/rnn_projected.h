// What nn::LSTM with a projection runs.
#pragma once
#include "cairn/ops/rnn.h"

namespace cairn::nn {

// One layer of an LSTM whose state is projected (Sak, Senior, Beaufays 2014): h = W_hr s(o)
// tanh(c), with W_hr [P, H] of each direction. As lstm(), but for h [directions, N, P], weight_hh
// [4 * H, P] and the output's P features a direction.
LstmResult projected_lstm(const Tensor& x, const std::vector<RecurrentWeights>& weights,
                          const Tensors& projections, const Tensor& h, const Tensor& c,
                          const cairn::RecurrentOptions& options);

}  // namespace cairn::nn
