// Attention of one query a text to the steps of texts that branch, as beam search makes them: each
// step's keys and values stay where they were made, and a text says which row of each is its own.
#pragma once
#include <cstddef>
#include <cstdint>

#include "cairn/backend/cpu/attention/attention.h"

namespace cairn::cpu::attention {

struct StepShape {
  int64_t texts, heads, steps, dim;
};
// f32. TokenStrides: batch is between rows; of one token each.
struct Step {
  const float *keys, *values;
  TokenStrides key_strides, value_strides;
};
struct StepInputs {
  const float* q;  // [texts, heads, dim] by strides
  TokenStrides q_strides;
  const int64_t* rows;  // [texts, steps], each there
  const Step* steps;
};

size_t step_workspace(const StepShape& shape, int threads);  // bytes
// softmax(q k' / sqrt(dim)) v -> out [texts, heads, dim].
void attend_to_steps(const StepShape& shape, const StepInputs& in, int threads, float* out,
                     void* workspace);

}  // namespace cairn::cpu::attention
