// Networks with 8-bit weights, for inference.
#pragma once
#include "cairn/nn/module.h"

namespace cairn::nn {

// Replaces the weight of every Linear below (and of the module itself) by 8-bit values and a scale
// an output: the parameter "weight" goes, its memory is freed, and the buffers "weight_int8" and
// "weight_scale" take its place in the state dict. Weights that another layer uses too stay as they
// are. Returns how many bytes are less. Steps that were compiled before must be compiled again.
int64_t quantize_int8(const Module& module);

// What a Linear has in place of its weight, or undefined tensors.
struct QuantizedWeight {
  Tensor values, scale;
};
QuantizedWeight quantized_weight(const Module& linear);

}  // namespace cairn::nn
