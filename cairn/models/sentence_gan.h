// Two networks for adversarial text, after RelGAN (Nie et al. 2019): a writer whose words are drawn
// softly, so that gradients flow through them, and a reader that looks at sentences in many ways.
#pragma once
#include "cairn/nn/nn.h"

namespace cairn::models {

struct SentenceSize {
  int64_t vocab = 5000, longest = 20;  // words, the end of a sentence among them
  int64_t end = 1;                     // what a sentence ends with, and what stands before it
  int64_t unknown = -1;  // stands for words that are none, so is never written; -1: no such
  int64_t embedding = 64, width = 512;
  double dropout = 0.3;  // where it learns from sentences; not where it writes
};

class SentenceWriter : public nn::Module {
 public:
  explicit SentenceWriter(const SentenceSize& size);
  // Words [N, T] -> logits [N, T, vocab] of the next ones.
  Tensor forward(Tensor words) override;
  // Sentences drawn by the Gumbel-softmax (Jang et al., Maddison et al. 2017): [N, longest, vocab],
  // each place a mixture of words that sums to 1; what follows an end is the end. `sharpness` []:
  // 1 / temperature, the larger the nearer to single words.
  Tensor write_softly(int64_t sentences, const Tensor& sharpness) const;
  // Single words: uniform numbers [N, longest] and `sharpness` [] (1: as it learned) ->
  // i64 [N, longest], with ends to the last place.
  Tensor write(const Tensor& uniform, const Tensor& sharpness) const;

 private:
  // A word vector [N, embedding] in, logits [N, vocab] of what may be written out; the state moves
  // on.
  Tensor step(const Tensor& x, nn::LstmState& state) const;

  SentenceSize size_;
  nn::Embedding emb_;
  nn::LSTM rnn_;
  nn::Linear head_;
};

// Words i64 [N, T], or mixtures of words [N, T, vocab], -> scores [N * looks]: each look has word
// vectors and filters of its own (so that no single way of telling decides), judged by one network.
class SentenceReader : public nn::Module {
 public:
  explicit SentenceReader(int64_t vocab, int64_t looks = 16, int64_t embedding = 8,
                          int64_t filters = 24);
  Tensor forward(Tensor words) override;

 private:
  int64_t looks_;
  nn::Embedding emb_;
  std::vector<nn::Conv1d> filters_;  // of 2, 3, 4, 5 words
  nn::Linear hidden_, score_;
};

}  // namespace cairn::models
