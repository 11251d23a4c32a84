// safetensors (github.com/huggingface/safetensors): named tensors, plain row-major, little-endian.
// Eight bytes: length of the header; the header: JSON {"name": {"dtype", "shape", "data_offsets"},
// ..., "__metadata__": {text: text}}; then the data without gaps.
#pragma once
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "cairn/io/file.h"

namespace cairn::io {

// A named tensor whose bytes live elsewhere: in the mapped file, or in the memory to be written.
struct NamedTensor {
  std::string name;
  DType dtype = DType::f32;
  Shape shape;
  Bytes data;  // row-major; not necessarily aligned for its dtype
};

// One of a type that safetensors has and Cairn has not (I16, U64, C64, F8_E8M0, ...).
struct UnreadTensor {
  std::string name, type;
  Shape shape;
  Bytes data;
};

using Metadata = std::map<std::string, std::string>;

struct SafetensorsContent {
  std::vector<NamedTensor> tensors;  // by position in the file
  std::vector<UnreadTensor> unread;  // by name; `tensors` has none of them
  Metadata metadata;
};

// Checks everything before it returns: header size and syntax, duplicate names, dtypes, shapes
// against offsets, overlaps, gaps, bounds; throws Error that names file, tensor and reason. Views
// `bytes`.
SafetensorsContent parse_safetensors(Bytes bytes, const std::string& name);

class SafetensorsFile {
 public:
  // Maps the file and parses the header. Throws Error also for a tensor of a type that is not read.
  explicit SafetensorsFile(const std::string& path);

  const std::string& path() const { return path_; }
  const std::vector<NamedTensor>& tensors() const { return content_.tensors; }
  const Metadata& metadata() const { return content_.metadata; }
  const NamedTensor* find(const std::string& name) const;  // nullptr when there is none
  const NamedTensor& at(const std::string& name) const;    // throws Error, naming the nearest

  // Recomputes the checksum that the writer left in the metadata, over header and data. False when
  // the file has none; throws Error when it differs.
  bool verify_checksum() const;

 private:
  std::string path_;
  MappedFile file_;
  SafetensorsContent content_;
  std::unordered_map<std::string, size_t> places_;  // in content_.tensors
};

struct SafetensorsWriteOptions : WriteOptions {
  bool checksum = false;  // adds the metadata entry kChecksumKey
};
inline constexpr const char* kChecksumKey = "cairn.crc32";

// Writes atomically. The same tensors give the same bytes whatever their order: sorted like the
// Python package does (wide dtypes first, then by name). Throws Error on duplicate names or data
// whose size is not that of the shape.
void write_safetensors(const std::string& path, std::vector<NamedTensor> tensors,
                       const Metadata& metadata = {}, SafetensorsWriteOptions options = {});

}  // namespace cairn::io
