// What a row of the ops that are read (import_*.cpp) sees of a node: its inputs as tensors, its
// attributes, and where its outputs go.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "cairn/ops/functions.h"

namespace cairn::onnx_proto {
class AttributeProto;
class GraphProto;
class NodeProto;
}  // namespace cairn::onnx_proto

namespace cairn::onnx {

// A node's result has a shape that depends on values which a trace does not know: such a file runs
// op by op.
class DependsOnValues : public Error {
 public:
  using Error::Error;
};

class Interpreter;

// A value of a graph, and ONNX's element type where Cairn holds a wider one in its place (0 else).
struct Value {
  Tensor tensor;
  int32_t element = 0;
  Tensor by_columns;  // of weights that are multiplied from the right: transposed, as they lie
};
using Values = std::vector<Value>;

class NodeCall {
 public:
  NodeCall(const onnx_proto::NodeProto& node, Values inputs, int64_t opset, Interpreter& inside);

  int64_t opset() const { return opset_; }
  const onnx_proto::NodeProto& node() const { return node_; }
  Interpreter& inside() const { return inside_; }
  const std::string& op() const;

  size_t inputs() const { return in_.size(); }
  bool has(size_t i) const { return i < in_.size() && in_[i].tensor.defined(); }
  const Tensor& in(size_t i) const;  // throws Error where it is not given
  Tensor maybe(size_t i) const { return has(i) ? in_[i].tensor : Tensor(); }
  // Input i to multiply by from the right, as it is read best.
  Tensor right_operand(size_t i) const;
  int32_t element(size_t i) const;  // ONNX's type of an input; throws Error where it is not given

  // Attributes; `otherwise` where there is none.
  bool gives_attribute(const char* name) const { return find(name) != nullptr; }
  int64_t integer(const char* name, int64_t otherwise) const;
  // ONNX's number of an element type. Throws Error where it is none.
  int32_t element_named(const char* name, int32_t otherwise) const;
  double number(const char* name, double otherwise) const;
  std::string text(const char* name, const std::string& otherwise) const;
  Ints ints(const char* name, const Ints& otherwise = {}) const;
  std::vector<double> numbers(const char* name) const;
  std::vector<std::string> texts(const char* name) const;
  Tensor tensor(const char* name, int32_t* element = nullptr) const;
  const onnx_proto::GraphProto& graph(const char* name) const;

  // Values that must be known while tracing. Throw DependsOnValues.
  Ints host(size_t i) const;  // integers
  int64_t host_integer(size_t i) const;
  double host_number(size_t i) const;
  // Integers of input i where it is given, else of the attribute (as older opsets have it).
  Ints host_or(size_t i, const char* attribute, const Ints& otherwise = {}) const;
  int64_t axis(int64_t given, int rank) const;  // counted from the front; throws Error

  size_t outputs() const;
  bool wants(size_t i) const;  // whether output i is read
  // `element`: ONNX's type, where it is narrower than the tensor's.
  void give(Tensor value, size_t i = 0, int32_t element = 0);
  Values take() { return std::move(out_); }

  template <class... Args>
  [[noreturn]] void refuse(fmt::format_string<Args...> format, Args&&... args) const {
    fail(format, std::forward<Args>(args)...);
  }

 private:
  const onnx_proto::AttributeProto* find(const char* name) const;

  const onnx_proto::NodeProto& node_;
  Values in_, out_;
  int64_t opset_;
  Interpreter& inside_;
};

// Whether its values are there, or a trace stands for them.
inline bool is_known(const Tensor& t) { return !t.traced(); }
// Values of one that is known, as integers or numbers. Throw DependsOnValues.
std::vector<int64_t> integers_of(const Tensor& t);
std::vector<double> numbers_of(const Tensor& t);
Tensor integers(const std::vector<int64_t>& values, const Shape& shape, DType dtype = DType::i64);
// Sizes as ints from a vector.
inline Ints ints_of(const std::vector<int64_t>& v) { return {v.begin(), v.end()}; }

// Up to here whole numbers in f64 are exact.
inline constexpr double kMostWhole = 9007199254740992;  // 2^53

// Sizes, steps and pads of a file, whose sums and products are to be numbers. Throws Error for
// others.
inline Ints within_reason(Ints sizes, const char* what) {
  constexpr int64_t kMost = int64_t{1} << 31;
  for (int64_t n : sizes) check(n >= -kMost && n <= kMost, "{} of {}", what, n);
  return sizes;
}

// Convolution with the node's pads, strides, dilations and groups (import_window.cpp).
Tensor convolved(const NodeCall& c, const Tensor& x, const Tensor& weight, const Tensor& bias);

struct OpRow {
  const char* op;
  void (*run)(NodeCall& call);
};
using OpRows = std::span<const OpRow>;
OpRows elementwise_rows();
OpRows shape_rows();
OpRows index_rows();
OpRows reduce_rows();
OpRows product_rows();
OpRows window_rows();
OpRows norm_rows();
OpRows recurrent_rows();
OpRows attention_rows();
OpRows quantized_rows();
OpRows resize_rows();
OpRows control_rows();
OpRows detection_rows();
const OpRow* find_op(const std::string& op);  // nullptr: not read
std::vector<std::string> ops_read();

}  // namespace cairn::onnx
