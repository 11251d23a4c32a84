// ONNX files read: the messages by protobuf, checked, and the values of their tensors. Hostile
// input throws Error naming the file and the place.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cairn/io/file.h"

namespace cairn::onnx_proto {
class GraphProto;
class ModelProto;
class TensorProto;
}  // namespace cairn::onnx_proto

namespace cairn::onnx {

// Types that Cairn lacks are read as the next wider one: 16 bits and u32 as i32 and i64, 2 and 4
// bits as i8 and u8, u64 as i64. Throws Error for text, complex numbers and the rest.
DType dtype_of_element(int32_t element_type, const std::string& where);
int32_t element_type(DType dtype);  // throws Error for one that ONNX has not

struct TensorData {
  DType dtype = DType::f32;
  Shape shape;
  io::ByteVector bytes;  // row-major
};

class ModelFile {
 public:
  // `folder`: where external data lie. Checks names and order of all graphs.
  ModelFile(io::Bytes bytes, std::string name, std::string folder);
  ~ModelFile();
  ModelFile(ModelFile&&) noexcept;

  const std::string& name() const { return name_; }
  const onnx_proto::ModelProto& model() const { return *model_; }
  onnx_proto::ModelProto& model() { return *model_; }
  // External data are read from the file's own folder and below, and nowhere else.
  TensorData data_of(const onnx_proto::TensorProto& tensor) const;

 private:
  io::Bytes external(const onnx_proto::TensorProto& tensor, const std::string& where) const;

  std::string name_, folder_;
  std::unique_ptr<onnx_proto::ModelProto> model_;
  mutable std::map<std::string, io::MappedFile> external_;
};

ModelFile read_model_file(const std::string& path);
// Whether the name is one of an ONNX file.
inline bool is_onnx_name(const std::string& path) { return path.ends_with(".onnx"); }

}  // namespace cairn::onnx
