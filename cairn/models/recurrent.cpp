#include "cairn/models/recurrent.h"

namespace cairn::models {

LstmLm::LstmLm(int64_t vocab, int64_t dim, int64_t layers)
    : emb(child("emb", nn::Embedding(vocab, dim))),
      rnn(child("rnn", nn::LSTM(dim, dim, {.num_layers = layers, .batch_first = true}))),
      head(child("head", nn::Linear(dim, vocab))) {}
Tensor LstmLm::forward(Tensor x) { return head(rnn(emb(x)).output); }

RecurrentLm::RecurrentLm(nn::Cell cell, int64_t vocab, const RecurrentLmOptions& options)
    : cell_(cell),
      options_(options),
      emb_(child("emb", nn::Embedding(vocab, options.width))),
      head_(nn::Linear(options.width, vocab)) {
  const int64_t width = options.width;
  const nn::RecurrentOptions stack{
      .num_layers = options.layers, .batch_first = true, .dropout = options.dropout};
  const auto kind = cell == nn::Cell::rnn_relu ? nn::Nonlinearity::relu : nn::Nonlinearity::tanh;
  if (cell == nn::Cell::lstm) lstm_.emplace(child("rnn", nn::LSTM(width, width, stack)));
  else if (cell == nn::Cell::gru) gru_.emplace(child("rnn", nn::GRU(width, width, stack)));
  else rnn_.emplace(child("rnn", nn::RNN(width, width, stack, kind)));
  adopt("head", head_);
  if (lstm_) open_forget_gates();
}

// A forget gate that starts at sigmoid(1) lets gradients through from the first step on
// (Jozefowicz, Zaremba, Sutskever 2015).
void RecurrentLm::open_forget_gates() const {
  const Tensor gate =
      cat({zeros({options_.width}), ones({options_.width}), zeros({2 * options_.width})}, 0);
  for (const auto& [name, parameter] : lstm_->named_parameters())
    if (name.starts_with("bias_ih")) assign(parameter, parameter.detach() + gate);
}

RecurrentLm::Result RecurrentLm::rnn(const Tensor& x, const Tensors& states) const {
  if (lstm_) {
    const LstmResult r = (*lstm_)(x, {states[0], states[1]});
    return {r.output, {r.h, r.c}};
  }
  const RecurrentResult r = gru_ ? (*gru_)(x, states[0]) : (*rnn_)(x, states[0]);
  return {r.output, {r.h}};
}

RecurrentLm::Result RecurrentLm::operator()(const Tensor& x, const Tensors& states, Loc loc) const {
  return called({x}, loc, [&] {
    const auto dropped = [&](const Tensor& h) {
      return dropout(h, options_.dropout, options_.dropout > 0 && training());
    };
    Result r = rnn(dropped(emb_(x)), states);
    r.output = head_(dropped(r.output));
    return r;
  });
}

Tensors RecurrentLm::zero_states(int64_t batch) const {
  return Tensors(lstm_ ? 2 : 1, zeros({options_.layers, batch, options_.width}));
}

Tensors RecurrentLm::make_states(int64_t batch) const {
  Tensors states = zero_states(batch);
  for (Tensor& s : states) s = state(s);
  return states;
}

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
