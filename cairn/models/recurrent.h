// Recurrent networks for text, series and speech.
#pragma once
#include <optional>

#include "cairn/nn/nn.h"

namespace cairn::models {

// Token ids [N, T] -> logits [N, T, vocab].
struct LstmLm : nn::Module {
  explicit LstmLm(int64_t vocab = 10000, int64_t dim = 512, int64_t layers = 2);
  Tensor forward(Tensor x) override;

  nn::Embedding emb;
  nn::LSTM rnn;
  nn::Linear head;
};

struct RecurrentLmOptions {
  int64_t layers = 2, width = 512;
  double dropout = 0;  // of the embedding's and of each layer's output
};
// A language model of any cell, with a memory that the caller carries on: token ids [N, T] and
// states (h; for LSTM h and c; each [layers, N, width]) -> logits [N, T, vocab] and the new states.
class RecurrentLm : public nn::Module {
 public:
  struct Result {
    Tensor output;
    Tensors states;
  };
  RecurrentLm(nn::Cell cell, int64_t vocab, const RecurrentLmOptions& options = {});
  using Module::operator();
  Result operator()(const Tensor& x, const Tensors& states, Loc loc = Loc::current()) const;
  Tensors zero_states(int64_t batch) const;  // for a memory that nobody carries on
  Tensors make_states(int64_t batch) const;  // zero States

 private:
  Result rnn(const Tensor& x, const Tensors& states) const;
  void open_forget_gates() const;

  nn::Cell cell_;
  RecurrentLmOptions options_;
  nn::Embedding emb_;
  std::optional<nn::LSTM> lstm_;
  std::optional<nn::GRU> gru_;
  std::optional<nn::RNN> rnn_;
  nn::Linear head_;
};

// Past values [N, T, features] -> the next ones [N, horizon, features].
struct GruForecast : nn::Module {
  explicit GruForecast(int64_t features = 7, int64_t dim = 128, int64_t layers = 2,
                       int64_t horizon = 24);
  Tensor forward(Tensor x) override;

  nn::GRU rnn;
  nn::Linear head;
  int64_t horizon, features;
};

// Mel frames [T, N, mel] -> log-probabilities of labels [T, N, labels] for CTC; label 0 is the
// blank.
struct BiLstmCtc : nn::Module {
  explicit BiLstmCtc(int64_t mel = 80, int64_t dim = 256, int64_t layers = 3, int64_t labels = 29);
  Tensor forward(Tensor x) override;

  nn::LSTM rnn;
  nn::Linear head;
};

}  // namespace cairn::models
