// Recurrent networks that turn one text into another: an LSTM reads the source in both directions,
// another writes, and looks at every place of the source after each token (Bahdanau et al. 2015,
// here with the global attention of Luong et al. 2015, without feeding it back: a target is then
// read at once in training).
#pragma once
#include "cairn/models/sequence_network.h"
#include "cairn/nn/nn.h"

namespace cairn::models {

struct AttentiveLstmOptions {
  int64_t vocab = 8000, width = 256, layers = 2;  // width: even, half of it in each direction
  double dropout = 0;
};

class AttentiveLstm : public nn::Module, public SequenceNetwork {
 public:
  explicit AttentiveLstm(const AttentiveLstmOptions& options);
  using Module::operator();
  Tensor forward(Tensor source, Tensor lengths, Tensor target) override;

  nn::Module& module() override { return *this; }
  Tensor logits(const Tensor& source, const Tensor& lengths, const Tensor& target) override {
    return (*this)(source, lengths, target);
  }
  std::unique_ptr<text::Reader> reader(const Tensor& source, const Tensor& lengths) const override;
  Tensor looks(const Tensor& source, const Tensor& lengths, const Tensor& target) override;

  // What was read: a vector a place [N, S, width], and the writer's memory to begin with.
  struct Source {
    Tensor places, lengths;
    nn::LstmState begin;
  };
  Source read(const Tensor& source, const Tensor& lengths) const;
  // The next tokens [N, T] -> logits [N, T, vocab]; the memory moves on.
  Tensor next(const Tensor& tokens, nn::LstmState& memory, const Source& source) const;

 private:
  Tensor embed(const Tensor& tokens) const;
  Tensor dropped(const Tensor& x) const;

  AttentiveLstmOptions options_;
  nn::Embedding tok_;  // of source, target and output
  nn::LSTM enc_, dec_;
  nn::Linear begin_, query_, merge_;
};

}  // namespace cairn::models
