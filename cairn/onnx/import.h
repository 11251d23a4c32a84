// An ONNX file as a function of tensors: its nodes are interpreted by Cairn's own ops, so that a
// trace of it is compiled like any other function's. What depends on nothing but weights is
// computed once, when it is opened; what is known while tracing (shapes and numbers made of them)
// is computed by the host. docs/onnx.md says which ops are read.
#pragma once
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "cairn/graph/trace.h"
#include "cairn/onnx/file.h"
#include "cairn/onnx/node_call.h"
#include "cairn/tensor/named_tensors.h"

namespace cairn::onnx {

struct ImportedDim {
  int64_t size = -1;  // -1: free
  std::string name;   // of a free one, or ""
};
struct ImportedInput {
  std::string name;
  DType dtype = DType::f32;
  int32_t element = 0;   // ONNX's, which may be narrower
  bool has_rank = true;  // whether the file says how many dimensions it has
  std::vector<ImportedDim> dims;
};

class Imported {
 public:
  // Throws Error naming file, node and op: damaged files, ops that are not read, external data that
  // are missing.
  explicit Imported(ModelFile file);

  const std::string& name() const { return file_.name(); }
  const std::vector<ImportedInput>& inputs() const { return inputs_; }
  const std::vector<std::string>& outputs() const { return outputs_; }
  int64_t opset() const { return opset_; }
  int64_t ir() const;
  std::string producer() const;
  // "" where the file does not say it.
  std::string metadata(const std::string& key) const;
  const NamedTensors& weights() const { return weights_; }
  std::map<std::string, int64_t> op_counts() const;
  const ModelFile& file() const { return file_; }

  // Eagerly, or into a trace. Throws Error naming the file, the node and its op; DependsOnValues
  // (node_call.h) where a trace would have to know a value.
  Tensors run(std::span<const Tensor> in) const;
  // Whether it can be traced, as far as its ops tell.
  bool shapes_follow_values() const { return shapes_follow_values_; }

 private:
  void read_weights();
  void read_inputs();
  void check_ops() const;
  void fold();
  void turn_right_operands();

  ModelFile file_;
  int64_t opset_ = 1;
  std::vector<ImportedInput> inputs_;
  std::vector<std::string> outputs_;
  NamedTensors weights_;
  // Weights, and what is computed of them alone.
  std::unordered_map<std::string, Value> constants_;
  bool shapes_follow_values_ = false;
};

}  // namespace cairn::onnx
