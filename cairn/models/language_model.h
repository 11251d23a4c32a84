// Any network that learns a text: recurrent ones with a memory, or a GPT. One interface for
// training, measuring and writing.
#pragma once
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cairn/models/reader.h"
#include "cairn/models/recurrent.h"
#include "cairn/models/transformer.h"

namespace cairn::models {

struct LanguageModelSize {
  std::string kind;  // rnn, lstm, gru or gpt
  int64_t vocab, width, layers;
  int64_t heads = 1, context = 0;  // gpt only
  double dropout = 0;
  bool learned_positions = false;  // gpt: instead of rotary ones
};
// Of about 64 features each, and an even number of them.
int64_t usual_heads(int64_t width);
// Throws InvalidOption ("heads", "width") where the heads do not divide the width evenly.
void check_heads(int64_t width, int64_t heads);

// Token ids [N, T] -> logits [N, T, vocab].
class LanguageModel {
 public:
  explicit LanguageModel(const LanguageModelSize& size);

  nn::Module& module();
  // A recurrent network goes on from its memory, and leaves the new one there.
  Tensor logits(const Tensor& x, const Tensors& memory);
  // Logits and the memory afterwards, of tokens [N, T] and the memory before; without it, of none.
  Tensors run(std::span<const Tensor> tokens_and_memory);
  Tensors make_memory(int64_t batch) const;      // zeros; none for a GPT
  std::unique_ptr<text::Reader> reader() const;  // of one text
  Gpt* gpt() { return gpt_ ? &*gpt_ : nullptr; }

 private:
  std::optional<RecurrentLm> recurrent_;
  std::optional<Gpt> gpt_;
};

}  // namespace cairn::models
