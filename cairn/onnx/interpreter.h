// Runs the nodes of a graph one after another.
#pragma once
#include <string>
#include <unordered_map>

#include "cairn/onnx/file.h"
#include "cairn/onnx/node_call.h"

namespace cairn::onnx {

// The values of a graph by name, and those around it.
class Scope {
 public:
  explicit Scope(const Scope* outer = nullptr) : outer_(outer) {}
  const Value* find(const std::string& name) const;
  void set(const std::string& name, Value value) { values_[name] = std::move(value); }
  bool has_own(const std::string& name) const { return values_.count(name) != 0; }

 private:
  const Scope* outer_;
  std::unordered_map<std::string, Value> values_;
};

class Interpreter {
 public:
  Interpreter(const ModelFile& file, int64_t opset) : file_(file), opset_(opset) {}

  const ModelFile& file() const { return file_; }
  // Computes what the outputs need; `scope` holds the inputs (and constants).
  Tensors run(const onnx_proto::GraphProto& graph, Scope& scope);
  // The branch or body of the node that is being run, with these inputs.
  Tensors run_inner(const onnx_proto::GraphProto& graph, const Tensors& inputs);
  // One node; its outputs go into the scope.
  void run_node(const onnx_proto::NodeProto& node, Scope& scope);

 private:
  const ModelFile& file_;
  int64_t opset_;
  Scope* current_ = nullptr;  // of the node that is being run
};

// Whether it multiplies rows by its second input, a matrix [in, out].
bool is_product_of_rows(const onnx_proto::NodeProto& node);
// Names that the graphs inside a node read from around it.
void add_outer_names(const onnx_proto::NodeProto& node, std::vector<std::string>& names);

}  // namespace cairn::onnx
