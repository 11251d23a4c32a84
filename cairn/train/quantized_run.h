// A run in 8 bits: config.json as the run that it was made of has it, with "quantization" besides,
// and model.safetensors with the 8-bit weights. There is nothing in it to train on.
#pragma once
#include "cairn/quantize/quantize.h"
#include "cairn/train/saved_model.h"

namespace cairn::train {

bool is_quantized(const Json& config);

// Writes the folder `out`. `how`: what was chosen (percentile, examples, ...), noted in the
// configuration. Throws Error when `out` holds a run.
RunFolder save_quantized(const std::string& out, const Json& config,
                         const quantize::Quantized& quantized, const Json& how);

// The network with the weights of the file: as it is, or in 8 bits where these are. Throws Error
// that names the file when they do not fit or are not finite.
nn::AnyModule with_weights(const SavedModel& saved, const nn::AnyModule& network);

}  // namespace cairn::train
