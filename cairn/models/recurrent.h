// Recurrent networks for text, series and speech.
#pragma once
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
