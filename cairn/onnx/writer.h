// Writes the nodes of an ONNX graph; what the rows of lower.cpp speak to.
#pragma once
#include <map>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "cairn/onnx/dims.h"
#include "cairn/onnx/export.h"
#include "cairn/onnx/file.h"
#include "cairn/quantize/replay.h"

namespace cairn::onnx_proto {
class GraphProto;
class TensorProto;
}  // namespace cairn::onnx_proto

namespace cairn::onnx {

using Names = std::vector<std::string>;
using Attribute = std::variant<int64_t, float, const char*, Ints, Names>;
using Attributes = std::vector<std::pair<const char*, Attribute>>;

class Writer {
 public:
  Writer(const Function& function, onnx_proto::GraphProto& graph);
  void write();

  const Traces& traces() const { return traces_; }
  const Graph& graph() const { return traces_.graph(); }
  const TensorDesc& desc(ValueId v) const { return graph().desc(v); }
  // The node that is being lowered.
  int current() const { return current_; }
  [[noreturn]] void refuse(const std::string& reason) const;

  std::string name_of(ValueId v);  // of a value that was written, an input, or a constant
  bool is_constant(ValueId v) const { return constant_[v]; }
  Tensor constant_value(ValueId v) { return constants_.of(v); }
  bool is_used(ValueId v) const { return used_[v]; }

  // A node of one output; returns its name. The last node of a row names `out` itself.
  std::string node(const char* op, const Names& inputs, const Attributes& attributes = {});
  void node_for(ValueId out, const char* op, const Names& inputs,
                const Attributes& attributes = {});
  void node_of(const char* op, const Names& inputs, const Names& outputs,
               const Attributes& attributes);
  std::string output_name(ValueId v);  // of a value that the current node writes

  std::string fresh(const std::string& stem);  // a name that nothing has

  // Constants.
  std::string tensor(const Tensor& value, const std::string& name = "");
  std::string ints(const Ints& values);           // [n] i64
  std::string scalar(double value, DType dtype);  // []
  std::string sizes(const Dims& dims);            // [n] i64; free ones are computed
  std::string cast_to(const std::string& name, DType from, DType to);

 private:
  void find_constants();
  void write_inputs();
  void write_outputs();
  std::string symbol(bool batch, bool length);  // [1] i64

  const Function& function_;
  onnx_proto::GraphProto& out_;
  Traces traces_;
  quantize::Constants constants_;
  std::vector<char> constant_, used_;
  std::vector<std::string> names_;  // by value
  std::set<std::string> taken_;
  std::map<std::string, std::string> known_;  // small constants and sizes, by what they are
  int current_ = -1;
};

// How an op is written: a row of lower.cpp, found by the op's name.
struct Lowering {
  const char* op;
  void (*write)(Writer& w, const Node& node);
};
const Lowering* find_lowering(const std::string& op);
// Whether the call has a row that takes it; else it is decomposed, where it can be.
bool lowers(const OpCall& call);

}  // namespace cairn::onnx
