#include "cairn/io/tensors.h"

#include "cairn/io/npy.h"

namespace cairn::io {
namespace {

ByteVector bytes_on_host(const Tensor& tensor) {
  ByteVector bytes(static_cast<size_t>(tensor.numel()) * size_of(tensor.dtype()));
  copy_to_host(tensor, bytes.data());
  return bytes;
}

}  // namespace

void save_tensors(const std::string& path, const NamedTensors& tensors, const Metadata& metadata,
                  SafetensorsWriteOptions options) {
  std::vector<ByteVector> values;
  std::vector<NamedTensor> named;
  values.reserve(tensors.size());
  for (const auto& [name, tensor] : tensors) {
    check(tensor.defined(), "cannot write '{}': tensor '{}' is undefined", path, name);
    values.push_back(bytes_on_host(tensor));
    named.push_back({name, tensor.dtype(), tensor.shape(), values.back()});
  }
  write_safetensors(path, std::move(named), metadata, options);
}

NamedTensors load_tensors(const std::string& path, Metadata* metadata) {
  const SafetensorsFile file(path);
  file.verify_checksum();
  NamedTensors tensors;
  for (const NamedTensor& tensor : file.tensors())
    tensors.emplace_back(tensor.name, from_host(tensor.data.data(), tensor.shape, tensor.dtype));
  if (metadata) *metadata = file.metadata();
  return tensors;
}

Tensor load_npy(const std::string& path) {
  const NpyArray array = read_npy(path);
  return from_host(array.data.data(), array.shape, array.dtype);
}

void save_npy(const std::string& path, const Tensor& tensor) {
  write_npy(path, tensor.dtype(), tensor.shape(), bytes_on_host(tensor));
}

}  // namespace cairn::io
