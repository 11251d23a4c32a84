// Networks that read piano rolls: which keys sound in the next step.
#pragma once
#include <optional>

#include "cairn/models/language_model.h"

namespace cairn::models {

// Steps [N, T, keys], 1 where a key sounds -> logits [N, T, keys] of the keys of the step that
// follows each, independent of each other (Boulanger-Lewandowski et al. 2012). Recurrent with no
// memory before the first step, or a GPT's blocks. `size.vocab`: how many keys.
struct RollModel : nn::Module {
  explicit RollModel(const LanguageModelSize& size);
  Tensor forward(Tensor x) override;

  double dropped;
  nn::Linear in;
  std::optional<nn::LSTM> lstm;
  std::optional<nn::GRU> gru;
  std::optional<nn::RNN> rnn;
  std::optional<nn::ModuleList<Block>> blocks;
  std::optional<nn::LayerNorm> norm;
  nn::Linear head;
};

// Either kind of music model as a function of whole sequences: numbers of tokens [N, T], or rolls
// [N, T, keys] where `rolls`.
class MusicModel {
 public:
  MusicModel(const LanguageModelSize& size, bool rolls);
  nn::Module& module();
  Tensor logits(const Tensor& x);  // [N, T, vocab]
  LanguageModel* notes() { return notes_ ? &*notes_ : nullptr; }

 private:
  std::optional<RollModel> rolls_;
  std::optional<LanguageModel> notes_;
};

}  // namespace cairn::models
