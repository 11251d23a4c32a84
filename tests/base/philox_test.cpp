#include "cairn/base/philox.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace cairn {
namespace {

TEST(Philox, KnownAnswers) {  // kat_vectors of Random123
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, 0, 0),
            (PhiloxBlock{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  const uint32_t ones = 0xffffffff;
  EXPECT_EQ(philox4x32({ones, ones, ones, ones}, ones, ones),
            (PhiloxBlock{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, 0xa4093822, 0x299f31d0),
            (PhiloxBlock{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, SeedOffsetAndIndexFillKeyAndCounter) {
  EXPECT_EQ(philox(0x299f31d0a4093822, 0x85a308d3243f6a88, 0x0370734413198a2e),
            (PhiloxBlock{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, UniformStaysInRangeAndHasItsMoments) {
  EXPECT_EQ(uniform_from(0), 0.0f);
  EXPECT_LT(uniform_from(0xffffffff), 1.0f);
  EXPECT_LT(uniform_from(0xffffffff, 0xffffffff), 1.0);
  PhiloxStream stream(7);
  double sum = 0, squares = 0;
  const int count = 100000;
  for (int i = 0; i < count; ++i) {
    const double u = stream.uniform();
    sum += u, squares += u * u;
  }
  EXPECT_NEAR(sum / count, 0.5, 0.005);
  EXPECT_NEAR(squares / count, 1.0 / 3, 0.005);
}

TEST(Philox, NormalHasItsMomentsAndNoInfinity) {
  EXPECT_TRUE(std::isfinite(normals_from(0, 0)[0]));
  EXPECT_TRUE(std::isfinite(normals_from(0xffffffff, 0xffffffff)[1]));
  PhiloxStream stream(1, 2);
  double sum = 0, squares = 0, fourth = 0;
  const int count = 100000;
  for (int i = 0; i < count; ++i) {
    const double n = stream.normal();
    sum += n, squares += n * n, fourth += n * n * n * n;
  }
  EXPECT_NEAR(sum / count, 0, 0.015);
  EXPECT_NEAR(squares / count, 1, 0.02);
  EXPECT_NEAR(fourth / count, 3, 0.15);
}

TEST(Philox, BelowCoversItsRangeEvenly) {
  PhiloxStream stream(3);
  std::vector<int> counts(7);
  for (int i = 0; i < 70000; ++i) {
    const uint32_t value = stream.below(7);
    ASSERT_LT(value, 7u);
    ++counts[value];
  }
  for (int count : counts) EXPECT_NEAR(count, 10000, 400);
  EXPECT_EQ(stream.below(1), 0u);
}

TEST(Philox, DerivedSeedsDiffer) {
  std::set<uint64_t> seen;
  for (uint64_t seed = 0; seed < 30; ++seed)
    for (uint64_t part = 0; part < 30; ++part) seen.insert(philox_derive(seed, part));
  EXPECT_EQ(seen.size(), 900u);
}

}  // namespace
}  // namespace cairn
