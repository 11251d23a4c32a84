// LSTM, GRU and RNN nodes.
#pragma once
#include "cairn/onnx/writer.h"

namespace cairn::onnx {

// PyTorch's gates in ONNX's order; GRU with linear_before_reset, as PyTorch's is. Sequences go in
// steps first, the only layout that onnxruntime runs.
void write_recurrent(Writer& w, const Node& node);

}  // namespace cairn::onnx
