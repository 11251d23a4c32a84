// Weights of an ONNX file by the names of a network's parameters: of files that `cairn export`
// wrote, and of others that keep such names.
#pragma once
#include "cairn/onnx/import.h"

namespace cairn::onnx {

// Values for parameters and buffers of those names and shapes, as far as they can be told: matrices
// that the file has turned are turned back, a normalisation that was folded into a convolution
// becomes one that adds its shift alone, the weights of recurrent nodes are taken apart.
NamedTensors weights_for(const Imported& file, const NamedTensors& own);

}  // namespace cairn::onnx
