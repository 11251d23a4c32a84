// The decoding path of attention_forward; its plan has `decode` set.
#pragma once
#include "cairn/backend/cpu/attention/attention.h"

namespace cairn::cpu::attention {

void decode_forward(const AttentionPlan& plan, const AttentionInputs& in, float* out,
                    const TokenStrides& out_strides, float* lse, void* workspace);

}  // namespace cairn::cpu::attention
