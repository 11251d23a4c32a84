#include "cairn/models/recurrent.h"

namespace cairn::models {

LstmLm::LstmLm(int64_t vocab, int64_t dim, int64_t layers)
    : emb(child("emb", nn::Embedding(vocab, dim))),
      rnn(child("rnn", nn::LSTM(dim, dim, {.num_layers = layers, .batch_first = true}))),
      head(child("head", nn::Linear(dim, vocab))) {}
Tensor LstmLm::forward(Tensor x) { return head(rnn(emb(x)).output); }

GruForecast::GruForecast(int64_t features, int64_t dim, int64_t layers, int64_t horizon)
    : rnn(child("rnn", nn::GRU(features, dim, {.num_layers = layers, .batch_first = true}))),
      head(child("head", nn::Linear(dim, features * horizon))),
      horizon(horizon),
      features(features) {}
Tensor GruForecast::forward(Tensor x) {
  const Tensor last = select(rnn(x).output, 1, x.size(1) - 1);
  return reshape(head(last), {-1, horizon, features});
}

BiLstmCtc::BiLstmCtc(int64_t mel, int64_t dim, int64_t layers, int64_t labels)
    : rnn(child("rnn", nn::LSTM(mel, dim, {.num_layers = layers, .bidirectional = true}))),
      head(child("head", nn::Linear(2 * dim, labels))) {}
Tensor BiLstmCtc::forward(Tensor x) { return log_softmax(head(rnn(x).output), -1); }

}  // namespace cairn::models
