#include "cairn/train/checkpoint.h"

#include <filesystem>

namespace cairn::train {

NamedTensors with_prefix(const std::string& prefix, const NamedTensors& tensors) {
  NamedTensors named;
  for (const auto& [name, tensor] : tensors) named.emplace_back(prefix + "." + name, tensor);
  return named;
}

void save_tensors(const std::string& path, const NamedTensors& tensors,
                  const io::Metadata& metadata, bool keep_previous) {
  std::vector<std::vector<uint8_t>> copies;
  std::vector<io::NamedTensor> list;
  copies.reserve(tensors.size());
  for (const auto& [name, tensor] : tensors) {
    auto& bytes =
        copies.emplace_back(static_cast<size_t>(tensor.numel()) * size_of(tensor.dtype()));
    copy_to_host(tensor, bytes.data());
    list.push_back({name, tensor.dtype(), tensor.shape(), bytes});
  }
  io::SafetensorsWriteOptions options;
  options.checksum = true;
  options.keep_previous = keep_previous;
  io::write_safetensors(path, std::move(list), metadata, options);
}

NamedTensors Loaded::part(const std::string& prefix) const {
  NamedTensors named;
  for (const auto& [name, tensor] : tensors)
    if (name.starts_with(prefix + ".")) named.emplace_back(name.substr(prefix.size() + 1), tensor);
  return named;
}

Loaded load_tensors(const std::string& path) {
  const io::SafetensorsFile file(path);
  file.verify_checksum();
  Loaded loaded;
  loaded.metadata = file.metadata();
  for (const io::NamedTensor& t : file.tensors())
    loaded.tensors.emplace_back(t.name, from_host(t.data.data(), t.shape, t.dtype));
  return loaded;
}

Loaded load_checkpoint(const std::string& path) {
  try {
    return load_tensors(path);
  } catch (const Error& e) {
    const std::string previous = path + ".previous";
    if (!std::filesystem::exists(previous)) throw;
    fmt::print(stderr, "cairn: {}\ncairn: going on from the checkpoint before it, {}\n", e.what(),
               previous);
    return load_tensors(previous);
  }
}

}  // namespace cairn::train
