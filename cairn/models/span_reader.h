// Networks that mark a part of a text: the answer to a question.
#pragma once
#include <span>

#include "cairn/nn/nn.h"

namespace cairn::models {

// Scores of where a span starts and ends [N, T, 2]; where a row has nothing they are so low that
// softmax gives 0.
class SpanNetwork {
 public:
  virtual ~SpanNetwork() = default;
  virtual Tensor spans(std::span<const Tensor> in) = 0;
  virtual nn::Module& module() = 0;

 protected:
  // x [N, T, 2], lengths [N].
  static Tensor hide_beyond(const Tensor& x, const Tensor& lengths);
};

struct SpanReaderOptions {
  int64_t vocab = 20000, endings = 2048, features = 17;
  int64_t embedding = 96, ending = 32;  // widths of what words and their endings become
  int64_t width = 96;                   // of each direction of the recurrent layers
  double dropout = 0.3;
};

// From scratch: DrQA's reader (Chen et al. 2017: features of matches, the question's words aligned
// with each word, a bilinear start and end), between whose two bidirectional LSTMs each word looks
// at the question once more (Seo et al. 2017).
class SpanReader : public nn::Module, public SpanNetwork {
 public:
  explicit SpanReader(const SpanReaderOptions& options);
  // Words and endings [N, T], features [N, T, F], lengths [N]; the question's words and endings
  // [N, Q], lengths [N].
  Tensor spans(std::span<const Tensor> in) override;
  nn::Module& module() override { return *this; }

 private:
  Tensor embed(const Tensor& words, const Tensor& endings);
  Tensor dropped(const Tensor& x) const;

  SpanReaderOptions options_;
  nn::Embedding word_, ending_;
  nn::Linear align_;
  nn::LSTM question_, first_;
  nn::Linear summary_, look_, merge_;
  nn::LSTM second_;
  nn::Linear start_, end_;
};

}  // namespace cairn::models
