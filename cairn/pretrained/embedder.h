// Sentence embeddings (Reimers and Gurevych 2019): one vector a text, of folders as the Python
// package sentence-transformers writes them, or of any encoder.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "cairn/pretrained/folder.h"
#include "cairn/pretrained/texts.h"

namespace cairn::pretrained {

class Embedder {
 public:
  // How hidden states become one vector is read from modules.json and the folder of its pooling;
  // without them: their mean over the text's tokens, of length 1. Throws Error naming the file for
  // a module that is not known, and as Folder does.
  explicit Embedder(const std::string& folder);

  int64_t width() const { return net_.spec().width; }
  // [texts, width()] f32. Longer texts are cut, and counted.
  Tensor embed(const std::vector<std::string>& texts, int64_t batch = 32);
  const Coder& coder() const { return coder_; }
  // The same as a function of tensors: tokens [N, T] and lengths [N] give [N, width()].
  Tensors forward(std::span<const Tensor> in) const;

 private:
  enum class Pooling { mean, first, largest, mean_sqrt, last };
  int64_t longest_of(const std::string& folder) const;
  void read_modules(const std::string& folder);
  void read_pooling(const std::string& file);
  Tensor pooled(const Tensor& hidden, const Tensor& lengths) const;

  Folder folder_;
  Transformer net_;
  Coder coder_;
  Pooling pooling_ = Pooling::mean;
  bool normalizes_ = true;
  std::unique_ptr<CompiledFunction> function_;
};

}  // namespace cairn::pretrained
