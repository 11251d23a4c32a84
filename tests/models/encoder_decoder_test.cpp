#include "cairn/models/encoder_decoder.h"

#include <gtest/gtest.h>

#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/text/beam_search.h"

namespace cairn::models {
namespace {

EncoderDecoder small() {
  manual_seed(3);
  EncoderDecoder net(
      {.vocab = 11, .width = 16, .heads = 2, .feed_forward = 24, .layers = 2, .longest = 20});
  net.eval();
  return net;
}
Tensor ids(const std::vector<int64_t>& values, const Shape& shape) {
  return from_host(values.data(), shape, DType::i64);
}

TEST(EncoderDecoder, WhatIsBehindALengthIsNotSeen) {
  const NoGrad no_grad;
  EncoderDecoder net = small();
  const Tensor target = ids({1, 5, 6}, {1, 3});
  const auto plain = net(ids({4, 3, 2}, {1, 3}), ids({3}, {1}), target).to_vector<float>();
  const auto padded = net(ids({4, 3, 2, 9, 9}, {1, 5}), ids({3}, {1}), target).to_vector<float>();
  for (size_t i = 0; i < plain.size(); ++i) EXPECT_NEAR(plain[i], padded[i], 1e-5) << i;
  const auto longer = net(ids({4, 3, 2, 9, 9}, {1, 5}), ids({5}, {1}), target).to_vector<float>();
  EXPECT_GT(std::abs(plain[0] - longer[0]), 1e-4);  // or it would see nothing at all
}

TEST(EncoderDecoder, ReadsTokenByTokenWhatItReadsAtOnce) {
  const NoGrad no_grad;
  EncoderDecoder net = small();
  const Tensor source = ids({4, 3, 2, 8, 7, 2}, {2, 3}), lengths = ids({2, 3}, {2});
  const std::vector<int64_t> a = {1, 5, 6, 7}, b = {1, 9, 3, 3};
  const Tensor at_once = net(source, lengths, ids({1, 5, 6, 7, 1, 9, 3, 3}, {2, 4}));
  EncoderDecoderReader reader(net, source, lengths);
  for (int64_t t = 0; t < 4; ++t) {
    if (t == 2) reader.select(std::vector<int64_t>{1, 0, 1});  // other places from now on
    const std::vector<int64_t> next =
        t < 2 ? std::vector<int64_t>{a[t], b[t]} : std::vector<int64_t>{b[t], a[t], b[t]};
    const auto got = reader.read(next).to_vector<float>();
    ASSERT_EQ(reader.texts(), t < 2 ? 2 : 3);
    const auto wanted = contiguous(select(at_once, 1, t)).to_vector<float>();
    for (size_t i = 0; i < 11; ++i) {
      EXPECT_NEAR(got[i], wanted[t < 2 ? i : 11 + i], 1e-5) << t << " " << i;
      EXPECT_NEAR(got[11 + i], wanted[t < 2 ? 11 + i : i], 1e-5) << t << " " << i;
    }
  }
}

TEST(EncoderDecoder, LooksAtTheSourceAlone) {
  const NoGrad no_grad;
  EncoderDecoder net = small();
  const Tensor looks = net.looks(ids({4, 3, 9}, {1, 3}), ids({2}, {1}), ids({1, 5}, {1, 2}));
  const auto w = looks.to_vector<float>();
  ASSERT_EQ(looks.shape(), (Shape{1, 2, 3}));
  for (size_t t = 0; t < 2; ++t) {
    EXPECT_NEAR(w[3 * t] + w[3 * t + 1], 1, 1e-5);
    EXPECT_EQ(w[3 * t + 2], 0);
  }
}

// The score of the search is the log-probability of the text, the end token included.
TEST(EncoderDecoder, BeamSearchScoresAreLogProbabilities) {
  const NoGrad no_grad;
  EncoderDecoder net = small();
  const Tensor source = ids({4, 3, 2}, {1, 3}), lengths = ids({3}, {1});
  EncoderDecoderReader reader(net, source, lengths);
  const std::vector<int64_t> begin = {1};
  const auto found = text::beam_search(
      reader, begin, {.beams = 4, .max_tokens = 6, .length_penalty = 0, .end_token = 2});
  ASSERT_FALSE(found[0].empty());
  for (const text::Continuation& c : found[0]) {
    std::vector<int64_t> in = {1};
    in.insert(in.end(), c.tokens.begin(), c.tokens.end() - 1);
    const auto count = static_cast<int64_t>(c.tokens.size());
    const Tensor logits = net(source, lengths, ids(in, {1, count}));
    const double nats =
        cross_entropy(flatten(logits, 0, 1), ids(c.tokens, {count}), {.reduction = Reduction::sum})
            .item();
    EXPECT_NEAR(c.log_probability, -nats, 1e-4);
  }
}

}  // namespace
}  // namespace cairn::models
