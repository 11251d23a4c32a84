// What is in an ONNX file, whether or not it can be run: for `cairn info FILE`.
#pragma once
#include "cairn/io/info.h"

namespace cairn::onnx {

// Throws Error when it is damaged.
io::FileInfo inspect_model(const std::string& path);

}  // namespace cairn::onnx
