#include "cairn/models/span_reader.h"

#include "cairn/ops/context.h"

namespace cairn::models {
namespace {

// Each of x [N, T, D] becomes a mean of values [N, S, D], by how its keys fit.
Tensor looked_up(const Tensor& query, const Tensor& keys, const Tensor& values,
                 const Tensor& lengths, double scale = 0) {
  return select(attention(unsqueeze(query, 1), unsqueeze(keys, 1), unsqueeze(values, 1),
                          {.lengths = lengths, .scale = scale}),
                1, 0);
}

}  // namespace

Tensor SpanNetwork::hide_beyond(const Tensor& x, const Tensor& lengths) {
  const Tensor seen = lt(arange(0, x.size(1)), unsqueeze(lengths, 1));
  return x + (unsqueeze(cast(seen, DType::f32), 2) - 1.0) * 1e9;
}

SpanReader::SpanReader(const SpanReaderOptions& o)
    : options_(o),
      word_(child("word", nn::Embedding(o.vocab, o.embedding))),
      ending_(child("ending", nn::Embedding(o.endings, o.ending))),
      align_(child("align", nn::Linear(o.embedding, o.embedding))),
      question_(child("question", nn::LSTM(o.embedding + o.ending, o.width,
                                           {.batch_first = true, .bidirectional = true}))),
      first_(child("first", nn::LSTM(2 * o.embedding + o.ending + o.features, o.width,
                                     {.batch_first = true, .bidirectional = true}))),
      summary_(child("summary", nn::Linear(2 * o.width, 1))),
      look_(child("look", nn::Linear(2 * o.width, 2 * o.width))),
      merge_(child("merge", nn::Linear(6 * o.width, o.width))),
      second_(child("second", nn::LSTM(o.width + o.features, o.width,
                                       {.batch_first = true, .bidirectional = true}))),
      start_(child("start", nn::Linear(2 * o.width, 4 * o.width))),
      end_(child("end", nn::Linear(2 * o.width, 4 * o.width))) {
  assign(word_.weight, nn::init::normal(word_.weight.shape(), 0, 0.3));
  assign(ending_.weight, nn::init::normal(ending_.weight.shape(), 0, 0.3));
}

Tensor SpanReader::dropped(const Tensor& x) const {
  return nn::locked_dropout(x, options_.dropout, options_.dropout > 0 && training(), true);
}

Tensor SpanReader::embed(const Tensor& words, const Tensor& endings) {
  return dropped(cat({word_(words), ending_(endings)}, 2));
}

Tensor SpanReader::spans(std::span<const Tensor> in) {
  return called({in[0]}, Loc::current(), [&] {
    const Tensor &lengths = in[3], &asked = in[6];
    const Tensor c = embed(in[0], in[1]), q = embed(in[4], in[5]);
    const Tensor own = slice(c, 2, 0, options_.embedding), its = slice(q, 2, 0, options_.embedding);
    const Tensor aligned = looked_up(relu(align_(own)), relu(align_(its)), its, asked, 1);
    const Tensor states = dropped(question_(q, {}, asked).output);
    const Tensor x = dropped(first_(cat({c, aligned, in[2]}, 2), {}, lengths).output);
    const Tensor found = looked_up(look_(x), look_(states), states, asked);
    const Tensor merged = dropped(relu(merge_(cat({x, found, x * found}, 2))));
    const Tensor y = dropped(second_(cat({merged, in[2]}, 2), {}, lengths).output);
    // The question as one vector: the mean of its words by their learned weights.
    const Tensor weights = hide_beyond(summary_(states), asked);
    const Tensor question = sum(softmax(weights, 1) * states, {1}, true);  // [N, 1, 2 W]
    const Tensor both = cat({y, x}, 2);                                    // [N, T, 4 W]
    return hide_beyond(
        cat({sum(both * start_(question), {2}, true), sum(both * end_(question), {2}, true)}, 2),
        lengths);
  });
}

}  // namespace cairn::models
