// The inner loops of the recurrent cells, compiled once for each instruction set and chosen at run
// time. They work on padded rows: widths are multiples of a panel, padding is zero.
#pragma once
#include <cstdint>

#include "cairn/backend/cpu/rnn/rnn.h"

namespace cairn::cpu::rnn {

// One row (one item at one step) of a cell, `count` columns of it.
// `gates` holds pre-activations and is overwritten by what backward needs:
//   LSTM i f g o; GRU r z n q, where q = W_hn h + b_hn; RNN h.
struct ForwardRow {
  float* gates;
  int64_t gate_stride;
  const float* h_previous;
  float* h;
  float* c;        // LSTM: updated in place
  float* c_saved;  // LSTM: a copy for backward, or null
  int64_t count;
};

// `dgates` gets the gradients of the pre-activations: LSTM i f g o; GRU n r z q, so that the blocks
// that belong to W_ih (n r z) and to W_hh (r z q) both lie side by side; RNN h.
struct BackwardRow {
  const float* gates;
  int64_t gate_stride;
  const float* h;           // RNN
  const float* h_previous;  // GRU
  const float* c;           // LSTM
  const float* c_previous;
  const float* dy;
  float* dh;  // in: from later steps; out: what reaches the step before without W_hh (GRU), else 0
  float* dc;  // LSTM: updated in place
  float* dgates;
  int64_t count;
};

struct CellKernels {
  void (*forward_row)(RnnCell cell, const ForwardRow& row);
  void (*backward_row)(RnnCell cell, const BackwardRow& row);
};

const CellKernels& cell_kernels();

}  // namespace cairn::cpu::rnn
