// Decoding over a cache of keys and values gives what the whole sequence at once gives.
#include <gtest/gtest.h>

#include <cmath>

#include "cairn/compile/compile.h"
#include "cairn/models/decoder.h"
#include "cairn/models/models.h"
#include "cairn/text/sampling.h"
#include "cairn/ops/context.h"

namespace cairn {

TEST(Decode, CachedLogitsAreThoseOfTheWholeSequence) {
  manual_seed(5);
  models::Gpt net(30, 16, 4, 2, 32);
  net.eval();
  const NoGrad no_grad;
  const Tensor tokens = randint(30, {2, 11});
  const auto caches = net.make_caches(2, 16);
  auto step =
      compile([&](Tensor x, Tensor start) -> Tensor { return net.decode(x, start, caches); });
  const auto expect_row = [&](const Tensor& got, int64_t position) {
    const auto a = got.to_vector<float>();
    const auto b = select(net(slice(tokens, 1, 0, position + 1)), 1, position).to_vector<float>();
    ASSERT_EQ(a.size(), b.size());
    for (size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-5) << "position " << position;
  };
  for (int round = 0; round < 2;
       ++round) {  // again from the start: what the caches held does not matter
    expect_row(step(slice(tokens, 1, 0, 5), scalar(0, DType::i64)), 4);
    for (int64_t at = 5; at < 11; ++at)
      expect_row(step(slice(tokens, 1, at, 1), scalar(static_cast<double>(at), DType::i64)), at);
  }
}

TEST(Decode, CachesGrowWithTheText) {
  manual_seed(6);
  models::Gpt net(30, 16, 4, 2, 40);
  net.eval();
  const NoGrad no_grad;
  const Tensor tokens = randint(30, {2, 40});
  models::Decoder decoder(net, 2, 8);
  const auto expect_last = [&](const Tensor& got, int64_t count) {
    const auto a = got.to_vector<float>();
    const auto b = select(net(slice(tokens, 1, 0, count)), 1, count - 1).to_vector<float>();
    ASSERT_EQ(a.size(), b.size());
    for (size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-5) << count << " tokens";
  };
  for (int round = 0; round < 2; ++round, decoder.restart()) {
    expect_last(decoder(slice(tokens, 1, 0, 3)), 3);
    for (int64_t at = 3; at < 40; ++at) {
      expect_last(decoder(slice(tokens, 1, at, 1)), at + 1);
      if (round == 1) continue;
      EXPECT_EQ(decoder.capacity(), at < 8 ? 8 : at < 16 ? 16 : at < 32 ? 32 : 40) << at;
      // Within a capacity what was compiled for one token is used again.
      EXPECT_EQ(decoder.compilations(), at < 8 ? 2u : 1u) << at;
    }
    EXPECT_EQ(decoder.position(), 40);
  }
  decoder(tokens);
  EXPECT_THROW(decoder(slice(tokens, 1, 0, 1)), Error);
}

// 300 tokens drawn one by one: with caches that grow five times, and with one large cache.
TEST(Decode, GrowingChangesNoToken) {
  manual_seed(8);
  models::Gpt net(30, 16, 4, 2, 300, {.rotary = true});
  net.eval();
  const NoGrad no_grad;
  const auto written = [&](int64_t block) {
    models::Decoder decoder(net, 1, block);
    PhiloxStream random(3);
    std::vector<int64_t> text = {1};
    while (text.size() < 300) {
      const Tensor logits = decoder(from_host(&text.back(), {1, 1}, DType::i64));
      text.push_back(text::sample_tokens(logits, {}, random)[0]);
    }
    EXPECT_EQ(decoder.capacity(), 300);
    return text;
  };
  EXPECT_EQ(written(16), written(300));
}

TEST(Decode, TextsAreSelected) {
  manual_seed(9);
  models::Gpt net(30, 16, 4, 2, 32);
  net.eval();
  const NoGrad no_grad;
  models::Decoder decoder(net, 3, 8);
  Tensor texts = randint(30, {3, 5});
  decoder(texts);
  const auto select_and_go_on = [&](const std::vector<int64_t>& rows) {
    const auto count = static_cast<int64_t>(rows.size());
    decoder.select(rows);
    const Tensor more = randint(30, {count, 2});
    texts = cat({index_select(texts, 0, from_host(rows.data(), {count}, DType::i64)), more}, 1);
    const auto a = decoder(more).to_vector<float>();
    const auto b = select(net(texts), 1, texts.size(1) - 1).to_vector<float>();
    ASSERT_EQ(a.size(), b.size());
    for (size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-5) << i;
  };
  select_and_go_on({2, 0, 0});        // in place
  select_and_go_on({1, 1, 2, 0, 2});  // more, and a larger capacity at once
  select_and_go_on({4, 3, 2, 1, 0});
  select_and_go_on({3});
  EXPECT_THROW(decoder.select(std::vector<int64_t>{1}), Error);
  EXPECT_THROW(decoder.select(std::vector<int64_t>{}), Error);
}

}  // namespace cairn
