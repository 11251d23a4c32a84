#include "cairn/models/sentence_gan.h"

#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"

namespace cairn::models {
namespace {

constexpr float kLeast = 1e-20f;  // below which a logarithm is of no use
constexpr double kForbidden = 1e9;

Tensor gumbel_noise(const Shape& shape) { return -log(-log(clamp(rand(shape), kLeast, 1 - 1e-7))); }

}  // namespace

SentenceWriter::SentenceWriter(const SentenceSize& o)
    : size_(o),
      emb_(child("emb", nn::Embedding(o.vocab, o.embedding))),
      rnn_(child("rnn", nn::LSTM(o.embedding, o.width, {.batch_first = true}))),
      head_(child("head", nn::Linear(o.width, o.vocab))) {
  assign(emb_.weight, nn::init::normal(emb_.weight.shape(), 0, 0.1));
}

Tensor SentenceWriter::forward(Tensor words) {
  const auto dropped = [&](const Tensor& x) {
    return dropout(x, size_.dropout, size_.dropout > 0 && training());
  };
  return head_(dropped(rnn_(dropped(emb_(words))).output));
}

Tensor SentenceWriter::step(const Tensor& x, nn::LstmState& state) const {
  const LstmResult r = rnn_(unsqueeze(x, 1), state);
  state = {r.h, r.c};
  const Tensor logits = head_(select(r.output, 1, 0));
  if (size_.unknown < 0) return logits;
  // Finite, as sharpness multiplies it and gradients flow past it; its exponential is 0.
  const Tensor unknown = full({1}, static_cast<double>(size_.unknown), DType::i64);
  return logits - one_hot(unknown, size_.vocab) * kForbidden;
}

Tensor SentenceWriter::write_softly(int64_t sentences, const Tensor& sharpness) const {
  const Tensor end = one_hot(full({sentences}, static_cast<double>(size_.end), DType::i64),
                             size_.vocab);  // [N, vocab]
  nn::LstmState state;
  Tensor word = end, ended = zeros({sentences, 1});
  Tensors all;
  for (int64_t t = 0; t < size_.longest; ++t) {
    const Tensor logits = step(matmul(word, emb_.weight), state);
    const Tensor drawn = softmax((logits + gumbel_noise(logits.shape())) * sharpness, -1);
    word = t == 0 ? drawn : ended * end + (1.0 - ended) * drawn;
    ended = ended + (1.0 - ended) * slice(drawn, 1, size_.end, 1);
    all.push_back(word);
  }
  return stack(all, 1);
}

Tensor SentenceWriter::write(const Tensor& uniform, const Tensor& sharpness) const {
  const int64_t n = uniform.size(0);
  nn::LstmState state;
  Tensor word = full({n}, static_cast<double>(size_.end), DType::i64);
  Tensor ended = full({n}, 0, DType::boolean);
  Tensors all;
  for (int64_t t = 0; t < size_.longest; ++t) {
    const Tensor sums = cumsum(softmax(step(emb_(word), state) * sharpness, -1), -1);
    // The first word whose running sum is above the number; rounding must not lead beyond the last.
    const Tensor wanted = slice(uniform, 1, t, 1) * slice(sums, 1, size_.vocab - 1, 1) * (1 - 1e-6);
    const Tensor drawn = sum(cast(le(sums, wanted), DType::i64), {1});
    word = where(ended, full({n}, static_cast<double>(size_.end), DType::i64), drawn);
    ended = logical_or(ended, eq(word, static_cast<double>(size_.end)));
    all.push_back(word);
  }
  return stack(all, 1);
}

SentenceReader::SentenceReader(int64_t vocab, int64_t looks, int64_t embedding, int64_t filters)
    : looks_(looks),
      emb_(child("emb", nn::Embedding(vocab, looks * embedding))),
      hidden_(child("hidden", nn::Linear(4 * filters, 64))),
      score_(child("score", nn::Linear(64, 1))) {
  assign(emb_.weight, nn::init::normal(emb_.weight.shape(), 0, 0.1));
  for (int64_t words = 2; words <= 5; ++words)
    filters_.push_back(
        child(fmt::format("words{}", words), nn::Conv1d(looks * embedding, looks * filters, words,
                                                        {.padding = words - 1, .groups = looks})));
}

Tensor SentenceReader::forward(Tensor words) {
  const Tensor x = transpose(words.rank() == 2 ? emb_(words) : matmul(words, emb_.weight), 1, 2);
  const int64_t n = x.size(0);
  Tensors found;  // [N, looks, filters] each
  for (const nn::Conv1d& filter : filters_)
    found.push_back(reshape(amax(relu(filter(x)), {2}), {n, looks_, -1}));
  return flatten(score_(relu(hidden_(cat(found, 2)))));
}

}  // namespace cairn::models
