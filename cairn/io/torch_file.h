// State dicts as torch.save() writes them since PyTorch 1.6 (.pt, .pth, .bin): a zip archive of a
// pickle and one file for each storage. Nothing in the file is executed; what is not needed for
// tensors is refused by its name.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "cairn/io/safetensors.h"

namespace cairn::io {

bool is_torch_file_name(const std::string& path);  // .pt, .pth, .bin, .ckpt

struct TorchContent {
  std::vector<NamedTensor> tensors;                // by their order in the file
  std::vector<std::unique_ptr<ByteVector>> owned;  // of views that are not row-major
};
// The tensors of a state dict, or of the "state_dict", "model_state_dict" or "model" of a
// training's file; of other files all, with dotted names. Views `bytes`. Throws Error naming file
// and reason: an old or cut file, a pickle that would call something, views that leave their
// storage, types that are not read here (complex, quantised, uint16 and like).
TorchContent parse_torch_file(Bytes bytes, const std::string& name);

class TorchFile {
 public:
  explicit TorchFile(const std::string& path);
  const std::vector<NamedTensor>& tensors() const { return content_.tensors; }

 private:
  MappedFile file_;
  TorchContent content_;
};

// A state dict that torch.load(path, weights_only=True) reads. Atomic. Throws Error beyond 4 GB.
void write_torch_file(const std::string& path, const std::vector<NamedTensor>& tensors);

}  // namespace cairn::io
