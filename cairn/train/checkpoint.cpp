#include "cairn/train/checkpoint.h"

#include <filesystem>

#include "cairn/io/tensors.h"

namespace cairn::train {

NamedTensors with_prefix(const std::string& prefix, const NamedTensors& tensors) {
  NamedTensors named;
  for (const auto& [name, tensor] : tensors) named.emplace_back(prefix + "." + name, tensor);
  return named;
}

void save_tensors(const std::string& path, const NamedTensors& tensors,
                  const io::Metadata& metadata, bool keep_previous) {
  io::SafetensorsWriteOptions options;
  options.checksum = true;
  options.keep_previous = keep_previous;
  io::save_tensors(path, tensors, metadata, options);
}

NamedTensors Loaded::part(const std::string& prefix) const {
  NamedTensors named;
  for (const auto& [name, tensor] : tensors)
    if (name.starts_with(prefix + ".")) named.emplace_back(name.substr(prefix.size() + 1), tensor);
  return named;
}

Loaded load_tensors(const std::string& path) {
  Loaded loaded;
  loaded.tensors = io::load_tensors(path, &loaded.metadata);
  return loaded;
}

Loaded load_checkpoint(const std::string& path) {
  const std::string previous = path + ".previous";
  try {
    return load_tensors(path);
  } catch (const Error& e) {
    if (!std::filesystem::exists(previous)) throw;
    fmt::print(stderr, "cairn: {}\ncairn: going on from the checkpoint before it, {}\n", e.what(),
               previous);
    return load_tensors(previous);
  }
}

}  // namespace cairn::train
