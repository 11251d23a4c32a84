// Connectionist temporal classification (Graves et al., ICML 2006): the loss of a label sequence
// summed over all its alignments with the frames, and its gradient. f32, in log space.
//
// Each step's row of log weights is shifted by the largest of the step before, and the shifts are
// summed in double: long sequences lose no precision, and hopeless alignments do not underflow.
// Items run in parallel. Kernels never allocate: ctc_sizes() says how large each buffer is (64-byte
// aligned, contents need no initialisation).
#pragma once
#include <cstddef>
#include <cstdint>

namespace cairn::cpu {

struct CtcConfig {
  int64_t steps = 0, batch = 0, classes = 0, target = 0;  // T, N, C, S (longest target)
  int32_t blank = 0;
  // A target that fits no alignment has infinite loss and NaN gradients; true makes both zero.
  bool zero_infinity = false;
  // false: dx is the gradient with respect to the log probabilities. true: with respect to the
  // logits they came from by log_softmax (what PyTorch hands to log_softmax, too).
  bool through_softmax = false;
};

struct CtcSizes {
  size_t reserve_bytes;    // kept from forward to backward
  size_t workspace_bytes;  // of either pass
};

struct CtcInput {
  const float* log_probs;                   // rows of C contiguous
  int64_t step_stride, item_stride;         // in floats; [T][N][C] is {N * C, C}
  const int32_t* targets;                   // [N][S], entries past an item's length are not read
  const int32_t* input_lengths = nullptr;   // [N], 0..T; null: all T
  const int32_t* target_lengths = nullptr;  // [N], 0..S; null: all S
};

// Throws Error on sizes below 1 (S may be 0) or a blank outside the classes.
CtcSizes ctc_sizes(const CtcConfig& config);

// losses [N]: -log p(target | item). Throws Error on lengths out of range, and on targets that are
// the blank or no class.
void ctc_forward(const CtcConfig& config, const CtcInput& input, float* losses, void* reserve,
                 void* workspace);

// dx gets dlosses[n] times the gradient, rows of C at the strides given; zero past the lengths.
// `reserve` is what ctc_forward left.
void ctc_backward(const CtcConfig& config, const CtcInput& input, const void* reserve,
                  const float* dlosses, float* dx, int64_t dx_step_stride, int64_t dx_item_stride,
                  void* workspace);

}  // namespace cairn::cpu
