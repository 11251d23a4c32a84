// What networks have in common that turn one text into another, whatever they are made of.
#pragma once
#include <memory>

#include "cairn/nn/module.h"
#include "cairn/text/reader.h"

namespace cairn::models {

class SequenceNetwork {
 public:
  virtual ~SequenceNetwork() = default;
  virtual nn::Module& module() = 0;
  // Source [N, S] and target [N, T] token ids, lengths [N] i64 of the sources (what is behind them
  // is not seen) -> logits [N, T, vocab], each of the token after a target's.
  virtual Tensor logits(const Tensor& source, const Tensor& lengths, const Tensor& target) = 0;
  // The texts that it writes about sources, for beam search: each begins with the tokens of the
  // first read(). In evaluation mode, under NoGrad.
  virtual std::unique_ptr<text::Reader> reader(const Tensor& source,
                                               const Tensor& lengths) const = 0;
  // How much it looks at each token of the source after each of the target [N, T, S]; rows sum
  // to 1.
  virtual Tensor looks(const Tensor& source, const Tensor& lengths, const Tensor& target) = 0;
};

}  // namespace cairn::models
