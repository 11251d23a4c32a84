// Tensors to files and back: what checkpoints and exported weights are made of.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "cairn/io/safetensors.h"
#include "cairn/tensor/named_tensors.h"

namespace cairn::io {

// A safetensors file of the tensors' values in plain row-major order, written atomically.
void save_tensors(const std::string& path, const NamedTensors& tensors,
                  const Metadata& metadata = {}, SafetensorsWriteOptions options = {});

// All tensors of a safetensors file as new values on the current back end; `metadata` gets its
// texts. A checksum, where the writer left one, is verified first: nothing of a damaged file is
// used.
NamedTensors load_tensors(const std::string& path, Metadata* metadata = nullptr);

Tensor load_npy(const std::string& path);
void save_npy(const std::string& path, const Tensor& tensor);

}  // namespace cairn::io
