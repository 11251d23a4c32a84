// One item of the CTC loss. States alternate between blanks and labels; both are kept in rows of
// their own, so that neighbours in time and in the target are unit strides apart:
// blank i stands before label i, blank S after the last.
#pragma once
#include <cstdint>

namespace cairn::cpu::ctc {

inline constexpr float kImpossible = -1e30f;  // finite: the arithmetic needs no special cases
inline constexpr int64_t kMargin = 16;        // impossible states to the left of each row

struct Item {
  const float* log_probs;  // rows of C
  int64_t step_stride;
  const int32_t* target;
  int64_t steps, labels, classes;
  int32_t blank;
  int64_t pitch;    // of rows; a row is kMargin impossible states, then S + 1 states
  float* alpha;     // [2 * steps] rows: blanks and labels of a step. Saved.
  float* emission;  // row: log probability of each label at a step
  float* skip;      // row: 0 where label i may follow label i - 1 at once, else impossible
  float* beta;      // [4] rows: blanks and labels of this and of the next step
};

// The gradient of an item.
struct ItemGradient {
  float scale;  // of the loss
  bool through_softmax;
  float* dx;
  int64_t step_stride;
};

struct Kernels {
  float (*forward)(const Item& item);  // the loss: infinite if impossible, NaN if an input is
  void (*backward)(const Item& item, const ItemGradient& gradient);
};

const Kernels& kernels();

}  // namespace cairn::cpu::ctc
