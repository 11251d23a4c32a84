#include "cairn/models/roll_model.h"

#include "cairn/ops/functions.h"

namespace cairn::models {

RollModel::RollModel(const LanguageModelSize& o)
    : dropped(o.dropout),
      in(child("in", nn::Linear(o.vocab, o.width))),
      head(nn::Linear(o.width, o.vocab)) {
  const nn::RecurrentOptions stack{
      .num_layers = o.layers, .batch_first = true, .dropout = o.dropout};
  if (o.kind == "lstm") lstm.emplace(child("rnn", nn::LSTM(o.width, o.width, stack)));
  else if (o.kind == "gru") gru.emplace(child("rnn", nn::GRU(o.width, o.width, stack)));
  else if (o.kind == "rnn") rnn.emplace(child("rnn", nn::RNN(o.width, o.width, stack)));
  else {
    blocks.emplace(child("blocks", nn::ModuleList<Block>()));
    for (int64_t i = 0; i < o.layers; ++i)
      blocks->push_back(
          Block(o.width, o.heads, 4 * o.width, {.rotary = true, .dropout = o.dropout}));
    norm.emplace(child("norm", nn::LayerNorm(o.width)));
  }
  adopt("head", head);
}

Tensor RollModel::forward(Tensor x) {
  const auto drop = [&](const Tensor& h) { return dropout(h, dropped, dropped > 0 && training()); };
  x = drop(in(x));
  if (lstm) x = (*lstm)(x).output;
  else if (gru) x = (*gru)(x).output;
  else if (rnn) x = (*rnn)(x).output;
  else {
    for (Block& block : *blocks) x = block(x, true);
    x = (*norm)(x);
  }
  return head(drop(x));
}

MusicModel::MusicModel(const LanguageModelSize& size, bool rolls) {
  if (rolls) rolls_.emplace(size);
  else notes_.emplace(size);
}

nn::Module& MusicModel::module() {
  if (rolls_) return *rolls_;
  return notes_->module();
}

Tensor MusicModel::logits(const Tensor& x) {
  if (rolls_) return (*rolls_)(x);
  return notes_->run({&x, 1})[0];
}

}  // namespace cairn::models
