// A network with 8-bit weights answers nearly as before, in a quarter of the memory.
#include <gtest/gtest.h>

#include <cmath>

#include "cairn/compile/compile.h"
#include "cairn/device/pool.h"
#include "cairn/models/models.h"
#include "cairn/ops/context.h"
#include "cairn/ops/dynamic_slice.h"

namespace cairn {
namespace {

double cosine(const std::vector<float>& a, const std::vector<float>& b) {
  double ab = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < a.size(); ++i) ab += a[i] * b[i], aa += a[i] * a[i], bb += b[i] * b[i];
  return ab / std::sqrt(aa * bb);
}

TEST(Quantize, LogitsStayCloseAndMemoryIsFreed) {
  manual_seed(3);
  const NoGrad no_grad;
  models::Gpt net(500, 128, 4, 2, 64);
  net.eval();
  const Tensor tokens = randint(500, {2, 40});
  const auto before = net(tokens).to_vector<float>();
  const int64_t parameters = net.num_parameters();
  const size_t held = pool_bytes_in_use();
  const int64_t freed = nn::quantize_int8(net);
  const int64_t linear_weights = 2 * (4 + 8) * 128 * 128 + 500 * 128;
  EXPECT_EQ(net.num_parameters(), parameters - linear_weights);
  EXPECT_GT(freed, linear_weights * 3 * 98 / 100);
  EXPECT_LT(pool_bytes_in_use() + static_cast<size_t>(linear_weights) * 2, held);

  const auto after = net(tokens).to_vector<float>();
  EXPECT_GT(cosine(before, after), 0.999);
  double worst = 0, largest = 0;
  for (size_t i = 0; i < before.size(); ++i) {
    worst = std::max<double>(worst, std::abs(before[i] - after[i]));
    largest = std::max<double>(largest, std::abs(before[i]));
  }
  EXPECT_LT(worst, 0.05 * largest);
  EXPECT_GT(worst, 0);

  // One token at a time, compiled: the kernel for a few rows.
  const auto caches = net.make_caches(2, 64);
  auto step =
      compile([&](Tensor x, Tensor start) -> Tensor { return net.decode(x, start, caches); });
  Tensor logits;
  for (int64_t at = 0; at < 40; ++at)
    logits = step(slice(tokens, 1, at, 1), scalar(static_cast<double>(at), DType::i64));
  const auto last = logits.to_vector<float>();
  for (int64_t n = 0; n < 2; ++n)
    for (int64_t v = 0; v < 500; ++v)
      EXPECT_NEAR(last[n * 500 + v], after[(n * 40 + 39) * 500 + v], 1e-4);
}

TEST(Quantize, TiedWeightsStay) {
  models::Seq2Seq net(50, 16, 2, 32, 1, 12);
  nn::quantize_int8(net);
  for (const auto& [name, t] : net.named_parameters())
    EXPECT_FALSE(name.ends_with("f1.weight")) << name;
  EXPECT_EQ(net.tok.weight.shape(), (Shape{50, 16}));
  EXPECT_EQ(net(randint(50, {2, 5}), randint(50, {2, 4})).shape(), (Shape{2, 4, 50}));
}

TEST(Quantize, ACacheThatIsUpdatedIsWrittenWhereItLies) {
  const Tensor cache = state(zeros({2, 64, 8}));
  auto step = compile([&](Tensor part, Tensor start) -> Tensor {
    const Tensor next = dynamic_update_slice(cache, part, start, 1);
    assign(cache, next);
    return sum(next);
  });
  for (int i = 0; i < 5; ++i)
    EXPECT_FLOAT_EQ(step(ones({2, 3, 8}), scalar(3.0 * i, DType::i64)).item(), 48.0f * (i + 1));
  EXPECT_FLOAT_EQ(sum(cache).item(), 240);
  EXPECT_LT(step.last()->stats().arena_bytes, 1024u);  // no second copy of the cache
}

}  // namespace
}  // namespace cairn
