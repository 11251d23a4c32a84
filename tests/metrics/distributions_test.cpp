#include "cairn/metrics/distributions.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "cairn/base/error.h"
#include "cairn/base/philox.h"
#include "cairn/metrics/symmetric_eigen.h"

namespace cairn::metrics {
namespace {

// Rows of a normal distribution with this mean in every direction and deviations 1, 2, 3, ...
Features normal_rows(int64_t count, int64_t dim, double mean, double scale, uint64_t seed) {
  PhiloxStream random(seed);
  Features f{count, dim, {}};
  for (int64_t i = 0; i < count; ++i)
    for (int64_t j = 0; j < dim; ++j)
      f.values.push_back(
          static_cast<float>(mean + scale * static_cast<double>(j + 1) * random.normal()));
  return f;
}

std::string error_of(const std::function<void()>& fn) {
  try {
    fn();
  } catch (const Error& e) { return e.what(); }
  return "";
}

}  // namespace

TEST(SymmetricEigen, RebuildsTheMatrix) {
  PhiloxStream random(1);
  for (const int64_t n : {1, 2, 3, 17, 60}) {
    std::vector<double> a(n * n);
    for (int64_t i = 0; i < n; ++i)
      for (int64_t j = 0; j <= i; ++j) a[i * n + j] = a[j * n + i] = random.normal();
    const SymmetricEigen e = symmetric_eigen(a, n);
    for (int64_t i = 0; i < n; ++i)
      for (int64_t j = 0; j < n; ++j) {
        double rebuilt = 0, product = 0;
        for (int64_t k = 0; k < n; ++k) {
          rebuilt += e.values[k] * e.vectors[k * n + i] * e.vectors[k * n + j];
          product += e.vectors[i * n + k] * e.vectors[j * n + k];
        }
        ASSERT_NEAR(rebuilt, a[i * n + j], 1e-11) << n;
        ASSERT_NEAR(product, i == j ? 1 : 0, 1e-12) << n;
      }
  }
  EXPECT_EQ(symmetric_eigen({0, 0, 0, 0}, 2).values, (std::vector<double>{0, 0}));
}

TEST(Frechet, KnownNormalDistributions) {
  // Independent features: |m1 - m2|^2 + sum (s1 - s2)^2.
  const Moments a{{1, 2, 3}, {4, 0, 0, 0, 9, 0, 0, 0, 0}};
  const Moments b{{1, 0, 3}, {1, 0, 0, 0, 16, 0, 0, 0, 0.25}};
  EXPECT_NEAR(frechet_distance(a, b), 4 + 1 + 1 + 0.25, 1e-9);
  EXPECT_NEAR(frechet_distance(a, a), 0, 1e-9);

  // Covariances that do not commute: tr M^(1/2) = sqrt(tr M + 2 sqrt(det M)) for 2 x 2.
  const Moments c{{0, 0}, {2, 1, 1, 3}}, d{{0, 0}, {5, -2, -2, 1}};
  const double trace = 2 * 5 - 2 - 2 + 3 * 1, det = (2 * 3 - 1) * (5 * 1 - 4);
  const double wanted = 2 + 3 + 5 + 1 - 2 * std::sqrt(trace + 2 * std::sqrt(det));
  EXPECT_NEAR(frechet_distance(c, d), wanted, 1e-9);
  EXPECT_NEAR(frechet_distance(d, c), wanted, 1e-9);
}

TEST(Frechet, FromSamples) {
  const auto distance = [](double mean, double scale) {
    return frechet_distance(normal_rows(20000, 3, 0, 1, 1), normal_rows(20000, 3, mean, scale, 2));
  };
  EXPECT_LT(distance(0, 1), 0.02);
  EXPECT_NEAR(distance(2, 1), 12, 0.3);
  EXPECT_NEAR(distance(0, 2), 1 + 4 + 9, 0.5);
}

TEST(Frechet, BadFeatures) {
  EXPECT_NE(error_of([] { moments_of({1, 2, {1, 2}}); }).find("two samples"), std::string::npos);
  EXPECT_NE(error_of([] { moments_of({2, 1, {1, NAN}}); }).find("sample 1"), std::string::npos);
  EXPECT_NE(error_of([] {
              frechet_distance(Features{2, 1, {1, 2}}, Features{2, 2, {1, 2, 3, 4}});
            }).find("one network"),
            std::string::npos);
}

TEST(PrecisionRecall, AlikeApartAndCollapsed) {
  const Features real = normal_rows(700, 4, 0, 1, 1), alike = normal_rows(600, 4, 0, 1, 2);
  const PrecisionRecall near = precision_recall(real, alike);
  EXPECT_GT(near.precision, 0.7);
  EXPECT_GT(near.recall, 0.7);

  const PrecisionRecall apart = precision_recall(real, normal_rows(600, 4, 100, 1, 2));
  EXPECT_EQ(apart.precision, 0);
  EXPECT_EQ(apart.recall, 0);

  // All in the middle of the real ones: right, but only a few of what there is.
  const PrecisionRecall collapsed = precision_recall(real, normal_rows(600, 4, 0, 0.02, 2));
  EXPECT_GT(collapsed.precision, 0.9);
  EXPECT_LT(collapsed.recall, 0.1);
  // Everything, and much that is not there.
  const PrecisionRecall wide = precision_recall(real, normal_rows(600, 4, 0, 5, 2));
  EXPECT_LT(wide.precision, 0.3);
  EXPECT_GT(wide.recall, 0.8);
}

TEST(PrecisionRecall, IsWhatTheDefinitionSays) {  // against plain loops
  const Features real = normal_rows(40, 2, 0, 1, 5), generated = normal_rows(30, 2, 1, 1, 6);
  const auto squared = [](const float* a, const float* b) {
    return (a[0] - b[0]) * (a[0] - b[0]) + (a[1] - b[1]) * (a[1] - b[1]);
  };
  const auto covered = [&](const Features& points, const Features& centres) {
    int inside = 0;
    for (int64_t i = 0; i < points.count; ++i) {
      bool any = false;
      for (int64_t c = 0; c < centres.count; ++c) {
        std::vector<float> distances;
        for (int64_t o = 0; o < centres.count; ++o)
          if (o != c) distances.push_back(squared(centres.row(c), centres.row(o)));
        std::sort(distances.begin(), distances.end());
        any = any || squared(points.row(i), centres.row(c)) <= distances[2];
      }
      inside += any;
    }
    return static_cast<double>(inside) / static_cast<double>(points.count);
  };
  const PrecisionRecall got = precision_recall(real, generated);
  EXPECT_DOUBLE_EQ(got.precision, covered(generated, real));
  EXPECT_DOUBLE_EQ(got.recall, covered(real, generated));
  EXPECT_NE(error_of([&] {
              precision_recall(real, {3, 2, {1, 2, 3, 4, 5, 6}});
            }).find("too few"),
            std::string::npos);
}

}  // namespace cairn::metrics
