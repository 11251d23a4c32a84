// Small ONNX files, made in tests.
#pragma once
#include <string>
#include <vector>

#include "cairn/onnx/import.h"
#include "onnx.pb.h"

namespace cairn::onnx {

class Made {
 public:
  explicit Made(int64_t opset = 20) {
    model_.set_ir_version(10);
    model_.add_opset_import()->set_version(opset);
    model_.mutable_graph()->set_name("made");
  }
  onnx_proto::ModelProto& model() { return model_; }
  onnx_proto::GraphProto& graph() { return *model_.mutable_graph(); }

  // Sizes below 0 are free and called "n".
  Made& input(const std::string& name, const std::vector<int64_t>& sizes,
              int32_t element = onnx_proto::TensorProto::FLOAT) {
    describe(*graph().add_input(), name, sizes, element);
    return *this;
  }
  Made& output(const std::string& name) {
    graph().add_output()->set_name(name);
    return *this;
  }
  template <class T>
  Made& weight(const std::string& name, const std::vector<int64_t>& sizes, std::vector<T> values) {
    fill(*graph().add_initializer(), name, sizes, values);
    return *this;
  }
  onnx_proto::NodeProto& node(const std::string& op, const std::vector<std::string>& inputs,
                              const std::vector<std::string>& outputs) {
    auto& n = *graph().add_node();
    n.set_op_type(op), n.set_name("the " + op);
    for (const std::string& i : inputs) n.add_input(i);
    for (const std::string& o : outputs) n.add_output(o);
    return n;
  }
  static void ints(onnx_proto::NodeProto& n, const std::string& name,
                   const std::vector<int64_t>& values) {
    auto& a = *n.add_attribute();
    a.set_name(name), a.set_type(onnx_proto::AttributeProto::INTS);
    for (int64_t v : values) a.add_ints(v);
  }
  static void integer(onnx_proto::NodeProto& n, const std::string& name, int64_t value) {
    auto& a = *n.add_attribute();
    a.set_name(name), a.set_type(onnx_proto::AttributeProto::INT), a.set_i(value);
  }
  static void number(onnx_proto::NodeProto& n, const std::string& name, float value) {
    auto& a = *n.add_attribute();
    a.set_name(name), a.set_type(onnx_proto::AttributeProto::FLOAT), a.set_f(value);
  }
  static void text(onnx_proto::NodeProto& n, const std::string& name, const std::string& value) {
    auto& a = *n.add_attribute();
    a.set_name(name), a.set_type(onnx_proto::AttributeProto::STRING), a.set_s(value);
  }
  template <class T>
  static void fill(onnx_proto::TensorProto& t, const std::string& name,
                   const std::vector<int64_t>& sizes, const std::vector<T>& values) {
    using Proto = onnx_proto::TensorProto;
    t.set_name(name);
    for (int64_t d : sizes) t.add_dims(d);
    t.set_data_type(std::is_same_v<T, float>     ? Proto::FLOAT
                    : std::is_same_v<T, int64_t> ? Proto::INT64
                    : std::is_same_v<T, int32_t> ? Proto::INT32
                    : std::is_same_v<T, uint8_t> ? Proto::UINT8
                                                 : Proto::INT8);
    t.set_raw_data(values.data(), values.size() * sizeof(T));
  }

  std::string bytes() const { return model_.SerializeAsString(); }
  Imported opened(const std::string& folder = "") const {
    return Imported(ModelFile(io::bytes_of(bytes()), "made.onnx", folder));
  }

 private:
  static void describe(onnx_proto::ValueInfoProto& info, const std::string& name,
                       const std::vector<int64_t>& sizes, int32_t element) {
    info.set_name(name);
    auto& type = *info.mutable_type()->mutable_tensor_type();
    type.set_elem_type(element);
    type.mutable_shape();
    for (int64_t d : sizes) {
      auto& dim = *type.mutable_shape()->add_dim();
      if (d >= 0) dim.set_dim_value(d);
      else dim.set_dim_param("n");
    }
  }
  onnx_proto::ModelProto model_;
};

}  // namespace cairn::onnx
