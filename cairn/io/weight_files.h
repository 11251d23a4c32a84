// Weights wherever people keep them: a .safetensors file, several with an index, or a folder of
// Hugging Face's transformers that has one of these.
#pragma once
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "cairn/io/safetensors.h"

namespace cairn::io {

class WeightFiles {
 public:
  // `path`: a .safetensors file, a *.index.json beside its shards, or a folder with
  // model.safetensors or model.safetensors.index.json. Throws Error naming the file: missing,
  // damaged, an index whose shard is not there or lacks a tensor.
  explicit WeightFiles(const std::string& path);

  const std::string& path() const { return path_; }
  const std::vector<const NamedTensor*>& tensors() const { return tensors_; }
  const NamedTensor* find(const std::string& name) const;  // nullptr when there is none

 private:
  void open_file(const std::string& path);
  void open_index(const std::string& path);

  std::string path_;
  std::vector<std::unique_ptr<SafetensorsFile>> files_;
  std::vector<const NamedTensor*> tensors_;
  std::unordered_map<std::string, const NamedTensor*> by_name_;
};

}  // namespace cairn::io
