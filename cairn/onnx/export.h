// A function of tensors as an ONNX file (https://onnx.ai/onnx/intro), which onnxruntime and others
// run: opset 20, IR 10. Batch and length stay free. docs/onnx.md says what is written how.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "cairn/graph/trace.h"
#include "cairn/nn/module.h"

namespace cairn::onnx {

inline constexpr int64_t kOpset = 20, kIr = 10;

struct Function {
  std::vector<Port> takes;
  std::vector<std::string> gives;
  TensorFunction run;
  nn::NamedTensors weights = {};  // names of the States that it reads, for the file
};
struct ExportOptions {
  std::string name = "cairn";
  std::map<std::string, std::string> metadata = {};  // kept in the file
};

// The file's bytes. Throws Error naming the op and the module's path for what has no ONNX form
// here, for sizes that do not follow batch and length, and beyond protobuf's 2 GB.
std::string to_onnx(const Function& function, const ExportOptions& options = {});

}  // namespace cairn::onnx
