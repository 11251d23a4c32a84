// Sizes and places inside the buffers of the recurrent layers.
#pragma once
#include "cairn/backend/cpu/gemm/panels.h"
#include "cairn/backend/cpu/rnn/rnn.h"
#include "cairn/backend/cpu/rnn/schedule.h"
#include "cairn/base/round.h"

namespace cairn::cpu::rnn {

using panels::kernels, panels::Product;
using panels::kPackedSlice, panels::kRowPadding, panels::kSliceColumns, panels::kSliceDepth;

// Blocks of W, and of rows of pre-activations.
constexpr int gate_count(RnnCell cell) { return rnn_gates(cell); }
// Blocks that a row of saved gates, or of gradients of gates, has: GRU keeps q as well.
constexpr int block_count(RnnCell cell) { return cell == RnnCell::kGru ? 4 : gate_count(cell); }
constexpr bool saves_gates(RnnCell cell) {  // the RNN's gate is its output
  return cell == RnnCell::kLstm || cell == RnnCell::kGru;
}

inline constexpr int64_t kTileRows = 48;    // rows of x or dx that a thread multiplies at a time
inline constexpr int64_t kChunkRows = 512;  // rows that all threads work on before the next chunk

// Rows are kRowPadding longer than they need: powers of two would fall into the same cache sets.
inline int64_t gates_pitch(const RnnPlan& p) {
  return block_count(p.config.cell) * p.padded_hidden + kRowPadding;
}
inline constexpr int64_t kSliceFloats = kSliceDepth * kSliceColumns + kRowPadding;
inline int64_t state_pitch(const RnnPlan& p) { return p.padded_hidden + kRowPadding; }
inline int64_t input_pitch(const RnnPlan& p) { return p.padded_input + kRowPadding; }
// From panel to panel of inputs or states of a chunk of so many rows.
inline int64_t chunk_panel_stride(const RnnPlan& p, int64_t rows) {
  return rows * p.panel + kRowPadding;
}

inline int64_t chunk_begin(const RnnPlan& p, int64_t chunk) {
  return p.config.steps * chunk / p.chunks;
}
inline int64_t most_chunk_steps(const RnnPlan& p) { return ceil_div(p.config.steps, p.chunks); }
inline int64_t most_chunk_rows(const RnnPlan& p) { return most_chunk_steps(p) * p.config.batch; }
inline bool walks_backward(const RnnConfig& config, int direction) {
  return direction == 1 || config.reverse;
}

// Throws Error unless each is within 0..T.
void check_lengths(const RnnConfig& config, const int32_t* lengths);

// Hands out pieces of one buffer in cache lines; with a null base it only measures.
class Carver {
 public:
  explicit Carver(void* base) : base_(static_cast<char*>(base)) {}
  template <class T>
  T* take(int64_t count) {
    char* piece = base_ ? base_ + used_ : nullptr;
    used_ += round_up_bytes(count * sizeof(T), 64);
    return reinterpret_cast<T*>(piece);
  }
  size_t used() const { return used_; }

 private:
  char* base_;
  size_t used_ = 0;
};

inline Schedule take_schedule(const RnnPlan& p, Carver& carver) {
  const int64_t steps = p.config.steps, batch = p.config.batch;
  Schedule s{steps, batch, p.groups, nullptr, nullptr, nullptr};
  s.item = carver.take<int32_t>(batch);
  s.length = carver.take<int32_t>(batch);
  s.offset = carver.take<int64_t>(p.groups * (steps + 1));
  return s;
}

// Weights of one direction as the forward pass reads them: panels of W^T, gate after gate.
struct PackedForward {
  float *ih, *hh;  // [gates * padded_hidden / panel][I or H][panel]
  float* bias;     // [blocks * padded_hidden]: what r, z, n or i, f, g, o, then q starts from

  PackedForward() = default;
  PackedForward(const RnnPlan& p, Carver& carver) {
    const int64_t columns = gate_count(p.config.cell) * p.padded_hidden;
    ih = p.config.prepacked ? nullptr : carver.take<float>(columns * p.config.input);
    hh = p.config.prepacked ? nullptr : carver.take<float>(columns * p.config.hidden);
    bias = carver.take<float>(block_count(p.config.cell) * p.padded_hidden);
  }
};

// What one direction saves for the backward pass. Row (group, step, i) lies at
// first_slot(group) * steps + rows_before(group, step) + i.
struct Reserve {
  float* gates = nullptr;  // [rows][gates_pitch], activated
  float* cells = nullptr;  // [rows][padded_hidden]

  Reserve() = default;
  Reserve(const RnnPlan& p, Carver& carver) {
    const int64_t rows = p.config.steps * p.config.batch;
    if (saves_gates(p.config.cell)) gates = carver.take<float>(rows * gates_pitch(p));
    if (p.config.cell == RnnCell::kLstm) cells = carver.take<float>(rows * p.padded_hidden);
  }
};

struct ForwardWorkspace {
  Schedule schedule;
  PackedForward packed[2];
  float* h[2][2];  // [direction][parity of the step]: [slot][state_pitch]
  float* c[2];
  float* gates[2];   // [team]: [chunk rows][gates_pitch], where the reserve does not hold them
  float* tiles;      // [thread][kTileRows][input_pitch]
  uint16_t* narrow;  // [thread][forward_narrow], for rows in bf16
  ForwardWorkspace(const RnnPlan& p, Carver& carver);
};

struct PackedBackward {
  float* hh;  // [padded_hidden / panel][gates * padded_hidden][panel]
  float* ih;  // [padded_input / panel][gates * padded_hidden][panel]
};

struct BackwardWorkspace {
  Schedule schedule;
  PackedBackward packed[2];
  float *dh[2], *dc[2];  // [direction]: [slot][state_pitch]
  float* zeros;
  float* dgates[2];                  // [team]: [chunk rows][gates_pitch]
  float *x_panels[2], *h_panels[2];  // [team]: inputs and previous states of the chunk, packed
  float* tiles;                      // [thread][kTileRows][input_pitch]
  float* slices;                     // [thread][kSliceFloats]
  float* rows;                       // [thread][2][padded_hidden]
  uint16_t* narrow;                  // [thread][backward_narrow], for rows and slices in bf16
  BackwardWorkspace(const RnnPlan& p, Carver& carver);
};

}  // namespace cairn::cpu::rnn
