#include "cairn/nn/position.h"

#include <gtest/gtest.h>

#include <cmath>

#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"

namespace cairn::nn {
namespace {

TEST(Positions, RotaryTurnsPairs) {
  const RotaryEmbedding rotary(4);
  const auto v = rotary(tensor<float>({1, 2, 3, 4, 1, 2, 3, 4}, {1, 2, 4})).to_vector<float>();
  for (int i = 0; i < 4; ++i) EXPECT_FLOAT_EQ(v[static_cast<size_t>(i)], 1.0f + i);
  // Position 1: (1, 3) turned by 1, (2, 4) by 1 / 100.
  EXPECT_NEAR(v[4], std::cos(1) - 3 * std::sin(1), 1e-5);
  EXPECT_NEAR(v[6], 3 * std::cos(1) + std::sin(1), 1e-5);
  EXPECT_NEAR(v[5], 2 * std::cos(0.01) - 4 * std::sin(0.01), 1e-5);
  EXPECT_NEAR(v[7], 4 * std::cos(0.01) + 2 * std::sin(0.01), 1e-5);
  EXPECT_THROW(RotaryEmbedding(3), Error);
  EXPECT_THROW(rotary(zeros({2, 6})), Error);
}

TEST(Positions, RotaryProductsDependOnDistances) {
  manual_seed(7);
  const RotaryEmbedding rotary(8);
  const Tensor q = randn({1, 1, 8}), k = randn({1, 1, 8});
  const auto product = [&](double at, double distance) {
    return sum(rotary(q, scalar(at, DType::i64)) * rotary(k, scalar(at + distance, DType::i64)))
        .item();
  };
  EXPECT_NEAR(product(0, 3), product(50, 3), 1e-4);
  EXPECT_GT(std::abs(product(0, 3) - product(0, 9)), 1e-2);
}

TEST(Positions, RotaryGoesOnFromStart) {
  manual_seed(8);
  const RotaryEmbedding rotary(6);
  const Tensor x = randn({2, 7, 6});
  const auto whole = slice(rotary(x), 1, 4, 3).to_vector<float>();
  const auto rest = rotary(slice(x, 1, 4, 3), scalar(4, DType::i64)).to_vector<float>();
  for (size_t i = 0; i < whole.size(); ++i) EXPECT_NEAR(rest[i], whole[i], 1e-6);
}

TEST(Positions, Sinusoidal) {
  const Tensor rows = sinusoidal_positions(3, 4);
  EXPECT_EQ(rows.shape(), (Shape{3, 4}));
  const auto v = rows.to_vector<float>();
  for (int p = 0; p < 3; ++p) {
    const float* row = v.data() + 4 * p;
    EXPECT_NEAR(row[0], std::sin(p), 1e-6);
    EXPECT_NEAR(row[1], std::cos(p), 1e-6);
    EXPECT_NEAR(row[2], std::sin(p / 100.0), 1e-6);
    EXPECT_NEAR(row[3], std::cos(p / 100.0), 1e-6);
  }
  EXPECT_THROW(sinusoidal_positions(3, 5), Error);
  EXPECT_THROW(sinusoidal_positions(0, 4), Error);
}

}  // namespace
}  // namespace cairn::nn
