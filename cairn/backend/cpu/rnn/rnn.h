// Whole-sequence LSTM, GRU and vanilla RNN on the CPU, forward and backward, f32.
//
// One call runs one layer over all time steps, in one direction or in both. The product of the
// inputs with weight_ih is done for many steps at once; the product with weight_hh, which has to
// wait for the step before, reads weights that were packed once for the whole call. Each thread
// owns rows of the batch (or a direction) and walks through time without waiting for the others.
//
// Equations, gate order and weight layouts are PyTorch's:
//   LSTM: i, f, g, o = W_ih x + b_ih + W_hh h + b_hh;  c = s(f) c + s(i) tanh(g);  h = s(o) tanh(c)
//   GRU:  r, z as above; n = tanh(W_in x + b_in + r (W_hn h + b_hn));  h = (1 - z) n + z h
//   RNN:  h = tanh or relu (W_ih x + b_ih + W_hh h + b_hh)
// Lengths mean what they mean to pack_padded_sequence: outputs past the length are zero, the final
// state is that of the last valid step, the reverse direction starts at the last valid step.
//
// Kernels never allocate. The plan says how large each buffer is (64-byte aligned, contents need
// no initialisation). The same plan, number of threads and inputs give the same bits.
#pragma once
#include <cstddef>
#include <cstdint>

namespace cairn::cpu {

enum class RnnCell { kLstm, kGru, kTanh, kRelu };
// Blocks of W: LSTM i f g o, GRU r z n, RNN one.
constexpr int rnn_gates(RnnCell cell) {
  return cell == RnnCell::kLstm ? 4 : cell == RnnCell::kGru ? 3 : 1;
}

struct RnnConfig {
  RnnCell cell = RnnCell::kLstm;
  int64_t steps = 0, batch = 0, input = 0, hidden = 0;  // T, N, I, H
  int directions = 1;                                   // 2: bidirectional
  bool reverse = false;    // one direction only: walk from the last step to the first
  bool training = true;    // save what backward needs in `reserve`
  bool prepacked = false;  // weights lie as rnn_pack leaves them; for inference in f32
  bool bf16 = false;       // products of numbers rounded to bf16, sums and all else in f32; where
                           // rnn_multiplies_bf16()
};

struct RnnPlan {
  RnnConfig config;
  size_t reserve_bytes = 0;   // kept from forward to backward; 0 when not training
  size_t forward_bytes = 0;   // workspace of rnn_forward
  size_t backward_bytes = 0;  // workspace of rnn_backward; 0 when not training
  // How the work is split.
  int threads = 1;  // teams * team_size
  int teams = 1;    // 2: each direction has a team of its own
  int team_size = 1;
  int groups = 1;              // batch rows are dealt out to so many groups, each walks alone
  bool split_columns = false;  // small batch: one group, each member owns columns of the state
  int64_t chunks = 1;          // time is cut into so many pieces that stay in cache
  int64_t panel = 0;           // columns in a packed panel
  int64_t padded_hidden = 0, padded_input = 0;  // rounded up to whole panels
};

bool rnn_multiplies_bf16();
// Plans for num_threads() threads. Throws Error on sizes below 1, or directions other than 1 or 2.
RnnPlan plan_rnn(const RnnConfig& config);

struct RnnWeights {
  const float* weight_ih;          // [G*H, I]
  const float* weight_hh;          // [G*H, H]
  const float* bias_ih = nullptr;  // [G*H] or null
  const float* bias_hh = nullptr;
};

struct RnnGradients {  // each may be null: not wanted
  float* weight_ih = nullptr;
  float* weight_hh = nullptr;
  float* bias_ih = nullptr;
  float* bias_hh = nullptr;
};

// Strides, in floats, of a sequence whose rows (one item at one step) are contiguous:
// time-major [T][N][C] is {N * C, C}, batch-first [N][T][C] is {C, T * C}.
struct RnnStrides {
  int64_t step, item;
};

struct RnnForward {
  const float* x;  // rows of I
  RnnStrides x_strides;
  float* y;  // rows of directions * H
  RnnStrides y_strides;
  const float* h0 = nullptr;  // [directions][N][H], null: zeros
  const float* c0 = nullptr;
  float* h_final = nullptr;  // [directions][N][H], null: not wanted
  float* c_final = nullptr;
  const int32_t* lengths = nullptr;  // [N], each 0..T, any order; null: all T
  RnnWeights weights[2] = {};
  void* reserve = nullptr;
  void* workspace = nullptr;
};

struct RnnBackward {
  // As given to, and left by, the forward pass:
  const float* x;
  RnnStrides x_strides;
  const float* y;
  RnnStrides y_strides;
  const float* h0 = nullptr;
  const float* c0 = nullptr;
  const int32_t* lengths = nullptr;
  RnnWeights weights[2] = {};
  const void* reserve = nullptr;
  // Gradients that come in, each may be null (zero):
  const float* dy = nullptr;  // rows of directions * H, dy_strides
  RnnStrides dy_strides = {};
  const float* dh_final = nullptr;  // [directions][N][H]
  const float* dc_final = nullptr;
  // Gradients that go out, each may be null (not wanted); overwritten, not added to:
  float* dx = nullptr;  // rows of I, dx_strides; zero past the lengths
  RnnStrides dx_strides = {};
  float* dh0 = nullptr;
  float* dc0 = nullptr;
  RnnGradients gradients[2] = {};
  void* workspace = nullptr;
};

// A weight [gates * hidden, columns], weight_ih or weight_hh, as forward reads it: what every call
// does with weights that are not prepacked.
size_t rnn_packed_bytes(RnnCell cell, int64_t hidden, int64_t columns);
void rnn_pack(RnnCell cell, int64_t hidden, int64_t columns, const float* weight, float* packed);
// Both throw Error, before any work, on a missing buffer or a length outside 0..T.
void rnn_forward(const RnnPlan& plan, const RnnForward& args);
void rnn_backward(const RnnPlan& plan, const RnnBackward& args);

}  // namespace cairn::cpu
