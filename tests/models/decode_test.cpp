// Decoding over a cache of keys and values gives what the whole sequence at once gives.
#include <gtest/gtest.h>

#include <cmath>

#include "cairn/compile/compile.h"
#include "cairn/models/decoder.h"
#include "cairn/models/models.h"
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
  models::Gpt net(30, 16, 4, 2, 32);
  net.eval();
  const NoGrad no_grad;
  const Tensor tokens = randint(30, {2, 32});
  models::Decoder decoder(net, 2, 8);
  const auto expect_last = [&](const Tensor& got, int64_t count) {
    const auto a = got.to_vector<float>();
    const auto b = select(net(slice(tokens, 1, 0, count)), 1, count - 1).to_vector<float>();
    ASSERT_EQ(a.size(), b.size());
    for (size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-5) << count << " tokens";
  };
  for (int round = 0; round < 2; ++round, decoder.restart()) {
    expect_last(decoder(slice(tokens, 1, 0, 3)), 3);
    if (round == 0) { EXPECT_EQ(decoder.capacity(), 8); }
    for (int64_t at = 3; at < 32; ++at) expect_last(decoder(slice(tokens, 1, at, 1)), at + 1);
    EXPECT_EQ(decoder.capacity(), 32);
    EXPECT_EQ(decoder.position(), 32);
  }
  decoder(tokens);
  EXPECT_THROW(decoder(slice(tokens, 1, 0, 1)), Error);
}

}  // namespace cairn
