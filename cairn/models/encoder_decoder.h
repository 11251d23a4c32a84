// Encoder and decoder (Vaswani et al. 2017, pre-norm) for texts of different lengths: translation,
// summarization. One embedding serves source, target and output (Press and Wolf 2017).
#pragma once
#include <memory>

#include "cairn/models/sequence_network.h"
#include "cairn/models/transformer.h"
#include "cairn/nn/ready_weights.h"

namespace cairn::models {

struct EncoderDecoderOptions {
  int64_t vocab = 8000, width = 128, heads = 4, feed_forward = 256, layers = 4;
  int64_t longest = 256;  // tokens of a text at most
  double dropout = 0;
  bool copies = false;  // a token may be taken from the source
};

// What a decoder that copies sees of a source: keys [N, S, width], token ids [N, S], lengths [N].
// Undefined where it does not copy.
struct CopySource {
  Tensor keys, tokens, lengths;
};

struct EncoderDecoder : nn::Module, SequenceNetwork {
  explicit EncoderDecoder(const EncoderDecoderOptions& options);
  using Module::operator();
  // As logits(), which are with copies log p of gate * softmax(logits) + (1 - gate) * (how much it
  // looks at each of the source's tokens): the pointer-generator (See et al. 2017).
  Tensor forward(Tensor source, Tensor lengths, Tensor target) override;

  nn::Module& module() override { return *this; }
  Tensor logits(const Tensor& source, const Tensor& lengths, const Tensor& target) override {
    return (*this)(source, lengths, target);
  }
  std::unique_ptr<text::Reader> reader(const Tensor& source, const Tensor& lengths) const override;
  // The mean of the last layer's heads.
  Tensor looks(const Tensor& source, const Tensor& lengths, const Tensor& target) override;

  Tensor encode(const Tensor& source, const Tensor& lengths);  // [N, S, width]
  CopySource copy_source(const Tensor& encoded, const Tensor& source, const Tensor& lengths);
  // Token ids [N, 1] -> logits [N, vocab]; own steps of each layer, and the rows [N, steps] of them
  // that a text goes on from, as Block takes them. Memory, lengths and what is copied of sources
  // [M], each of which N / M texts are about.
  Tensor next(const Tensor& tokens, std::vector<LayerSteps>& own, const Tensor& rows,
              const std::vector<LayerCache>& memory, const Tensor& lengths,
              const CopySource& copied);
  // With copies: of each token after a target's, the probability that it is not copied [N, T, 1],
  // and where else it comes from [N, T, S].
  struct Copying {
    Tensor gate, weights;
  };
  Copying copying(const Tensor& source, const Tensor& lengths, const Tensor& target);

  EncoderDecoderOptions options;
  nn::Embedding tok;
  nn::ModuleList<Block> enc, dec;
  nn::LayerNorm ne, nd;
  std::optional<nn::Linear> copy_query, copy_key, copy_gate;

 private:
  Tensor decode(const Tensor& encoded, const Tensor& lengths, const Tensor& target);
  Copying copying_of(const Tensor& decoded, const CopySource& source) const;
  Tensor scores(const Tensor& decoded, const CopySource& source) const;
  Tensor embed(const Tensor& tokens, int64_t position) const;
  Tensor positions_;
};

// The texts that a decoder writes about sources, for beam search: each begins with the tokens of
// the first read(). In evaluation mode, under NoGrad.
class EncoderDecoderReader : public text::Reader {
 public:
  EncoderDecoderReader(const EncoderDecoder& net, const Tensor& source, const Tensor& lengths);
  int64_t texts() const override { return texts_; }
  bool keeps_shape() const override { return false; }
  Tensor read(std::span<const int64_t> tokens) override;
  void select(std::span<const int64_t> rows) override;
  void restart() override;

 private:
  std::shared_ptr<EncoderDecoder> net_;
  // The source of each equal group of rows.
  std::vector<int64_t> sources_of(std::span<const int64_t> rows) const;

  int64_t texts_;
  std::vector<LayerSteps> own_;             // of each layer
  std::vector<std::vector<int64_t>> rows_;  // of each text: where it is in each step
  Tensor lengths_;                          // of the sources, each of which as many texts are about
  CopySource copied_;
  std::vector<LayerCache> memory_;
  nn::ReadyWeights ready_;
};

}  // namespace cairn::models
