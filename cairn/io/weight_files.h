// Weights wherever people keep them: a .safetensors file, a state dict of PyTorch, several of these
// with an index, or a folder of Hugging Face's transformers that has one of these.
#pragma once
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "cairn/io/torch_file.h"

namespace cairn::io {

// Names of weights (.safetensors, .pt, .pth, .bin, .ckpt) and of an index of them.
bool is_weights_name(const std::string& path);

class WeightFiles {
 public:
  // `path`: a .safetensors file; .pt, .pth, .bin, .ckpt; a *.index.json beside its parts; or a
  // folder with model.safetensors, pytorch_model.bin or an index of them. Throws Error naming the
  // file: missing, damaged, an index whose part is not there or lacks a tensor.
  explicit WeightFiles(const std::string& path);

  const std::string& path() const { return path_; }
  const std::vector<std::string>& files() const { return names_; }  // that hold the tensors
  const std::vector<const NamedTensor*>& tensors() const { return tensors_; }
  const NamedTensor* find(const std::string& name) const;  // nullptr when there is none
  const Metadata& metadata() const { return metadata_; }   // of the first file that has some

 private:
  void open_file(const std::string& path);
  void open_index(const std::string& path);

  std::string path_;
  std::vector<std::string> names_;
  std::vector<std::unique_ptr<SafetensorsFile>> files_;
  std::vector<std::unique_ptr<TorchFile>> torch_files_;
  std::vector<const NamedTensor*> tensors_;
  std::unordered_map<std::string, const NamedTensor*> by_name_;
  Metadata metadata_;
};

}  // namespace cairn::io
