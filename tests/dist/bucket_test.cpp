#include "cairn/dist/bucket.h"

#include <gtest/gtest.h>

#include "tests/dist/echo.h"

namespace cairn::dist {
namespace {

using Floats = std::vector<float>;

std::pair<Floats, Floats> mean_of(Bucket& bucket, const Floats& a, const Floats& b) {
  const void* in[] = {a.data(), b.data()};
  bucket.start(in);
  Floats x(a.size()), y(b.size());
  void* out[] = {x.data(), y.data()};
  bucket.finish(0.5f, out);
  return {x, y};
}

TEST(Bucket, MeansOfSeveralTensors) {
  Echo echo;
  Bucket bucket({3, 2}, Packing::f32);
  const auto [x, y] = mean_of(bucket, {1, 2.5, -3}, {0, 1e-20f});
  EXPECT_EQ(x, (Floats{1, 2.5, -3}));
  EXPECT_EQ(y, (Floats{0, 1e-20f}));
  EXPECT_EQ(echo.bytes, 20);
}

TEST(Bucket, Bf16RoundsToTheNearest) {
  Echo echo;
  Bucket bucket({2, 1}, Packing::bf16);
  const auto [x, y] = mean_of(bucket, {1.0f, 1.0f + 1.0f / 256 + 1.0f / 1024}, {-2});
  EXPECT_EQ(x, (Floats{1.0f, 1.0f + 1.0f / 128}));
  EXPECT_EQ(y, (Floats{-2}));
  EXPECT_EQ(echo.bytes, 6);
}

// The largest travels, the rest is kept and added to what comes next.
TEST(Bucket, TopkKeepsWhatDoesNotTravel) {
  Echo echo;
  Bucket bucket({99, 1}, Packing::topk);
  Floats a(99, 0.0f);
  a[7] = 1, a[8] = -3;
  auto [x, y] = mean_of(bucket, a, {0.5f});
  EXPECT_EQ(x[8], -3);
  EXPECT_EQ(x[7], 0);
  EXPECT_EQ(y[0], 0);
  std::tie(x, y) = mean_of(bucket, a, {0.5f});  // 2 is kept of the one, -3 is new of the other
  EXPECT_EQ(x[8], -3);
  std::tie(x, y) = mean_of(bucket, Floats(99, 0.0f), {0});
  EXPECT_EQ(x[7], 2);
}

TEST(Bucket, SearchingGivesTheLastSumsAgain) {
  Echo echo;
  Bucket bucket({1, 1}, Packing::f32);
  mean_of(bucket, {4}, {5});
  const Searching searching;
  const auto [x, y] = mean_of(bucket, {6}, {7});
  EXPECT_EQ(x[0], 4);
  EXPECT_EQ(y[0], 5);
  EXPECT_EQ(echo.bytes, 8);
}

TEST(World, AloneIsRankZeroOfOne) {
  EXPECT_EQ(ranks(), 1);
  EXPECT_TRUE(leads());
  EXPECT_EQ(largest(5), 5);
  EXPECT_EQ(broadcast("x"), "x");
  EXPECT_EQ(gather("x"), std::vector<std::string>{"x"});
  EXPECT_EQ(share_of(7).count, 7);
}

}  // namespace
}  // namespace cairn::dist
