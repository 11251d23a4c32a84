#include <algorithm>
#include <cmath>

#include "cairn/base/error.h"
#include "cairn/compile/compile.h"
#include "tests/ops/cases.h"

namespace cairn::cases {
namespace {

Row drawn(const char* name) {
  Row row{name, {}, kExact};
  for (const Shape& shape : {Shape{}, {0}, {3}, {4}, {5, 7}, {2, 3, 5}})
    for (const DType dtype : {DType::f32, DType::f64})
      row.cases.push_back(
          of(name, {seed()},
             {{"shape", shape}, {"dtype", static_cast<int64_t>(dtype)}, {"number", int64_t{3}}}));
  return row;
}

}  // namespace

std::vector<Row> random_rows() { return {drawn("random_uniform"), drawn("random_normal")}; }

TEST(Random, ScaleAndShiftAreOneMultiplicationAndOneAddition) {
  manual_seed(3);
  const Tensor u = uniform({999}, -0.3, 0.4), n = normal({999}, 2, 0.7);
  manual_seed(3);
  EXPECT_EQ(u.to_vector<float>(), (rand({999}) * 0.7 + -0.3).to_vector<float>());
  EXPECT_EQ(n.to_vector<float>(), (randn({999}) * 0.7 + 2.0).to_vector<float>());
}

TEST(Random, PermutationHoldsEachNumberOnce) {
  manual_seed(1);
  std::vector<int64_t> p = permutation(500).to_vector<int64_t>(), sorted = p;
  std::sort(sorted.begin(), sorted.end());
  for (int64_t i = 0; i < 500; ++i) EXPECT_EQ(sorted[i], i);
  EXPECT_NE(p, sorted);
  manual_seed(1);
  EXPECT_EQ(permutation(500).to_vector<int64_t>(), p);
}

TEST(Random, MultinomialFollowsTheWeights) {
  manual_seed(2);
  const Tensor weights = tensor({1, 0, 3, 6});
  for (const bool replacement : {false, true}) {
    std::vector<int> seen(4, 0);
    for (int i = 0; i < 40; ++i) {
      const Tensor drawn = multinomial(expand(unsqueeze(weights, 0), {50, 4}), 1, replacement);
      EXPECT_EQ(drawn.shape(), (Shape{50, 1}));
      for (int64_t place : drawn.to_vector<int64_t>()) ++seen.at(place);
    }
    EXPECT_EQ(seen[1], 0);
    EXPECT_NEAR(seen[0], 200, 60);
    EXPECT_NEAR(seen[2], 600, 90);
    EXPECT_NEAR(seen[3], 1200, 90);
  }
  std::vector<int64_t> three = multinomial(weights, 3).to_vector<int64_t>();
  std::sort(three.begin(), three.end());
  EXPECT_EQ(three, (std::vector<int64_t>{0, 2, 3}));
  EXPECT_THROW(multinomial(weights, 5), Error);
}

TEST(Random, ImpossibleWeightsAreRefused) {
  for (const std::vector<float>& weights :
       std::vector<std::vector<float>>{{1, -1}, {1, NAN}, {1, INFINITY}, {0, 0}}) {
    const Tensor w = from_host(weights.data(), {2}, DType::f32);
    for (const bool replacement : {false, true}) {
      EXPECT_THROW(multinomial(w, 1, replacement).to_vector<int64_t>(), Error) << weights[1];
      auto compiled = compile([=](Tensor t) { return multinomial(t, 1, replacement); });
      EXPECT_THROW(compiled(w).to_vector<int64_t>(), Error) << weights[1];
    }
  }
  for (const float p : {1.5f, -0.5f, NAN}) {
    EXPECT_THROW(compile([](Tensor x) { return bernoulli(x); })(full({3}, p)).to_vector<float>(),
                 Error)
        << p;
    try {
      (void)bernoulli(full({3}, p));
      ADD_FAILURE() << p;
    } catch (const Error& e) {
      const std::string text = e.what();
      EXPECT_NE(text.find("bernoulli: a probability"), std::string::npos) << text;
      EXPECT_NE(text.find("random_test.cpp"), std::string::npos) << text;
    }
  }
  EXPECT_EQ(bernoulli(tensor({0, 1})).to_vector<float>(), (std::vector<float>{0, 1}));
  EXPECT_THROW(exponential({3}, 0), Error);
}

TEST(Random, FeatureDropoutTakesWholeChannels) {
  manual_seed(3);
  const std::vector<float> y = feature_dropout(full({4, 8, 5}, 1), 0.5).to_vector<float>();
  int dropped = 0;
  for (int c = 0; c < 32; ++c) {
    for (int k = 1; k < 5; ++k) EXPECT_EQ(y[c * 5 + k], y[c * 5]);
    EXPECT_TRUE(y[c * 5] == 0 || y[c * 5] == 2);
    dropped += y[c * 5] == 0;
  }
  EXPECT_GT(dropped, 5);
  EXPECT_LT(dropped, 27);
}

TEST(Random, GumbelSoftmaxIsOneHotWhenHard) {
  manual_seed(4);
  const Tensor y = gumbel_softmax(full({6, 5}, 0), 0.5, true);
  for (float total : sum(y, {1}).to_vector<float>()) EXPECT_NEAR(total, 1, 1e-5);
  for (float top : amax(y, {1}).to_vector<float>()) EXPECT_NEAR(top, 1, 1e-5);
}

}  // namespace cairn::cases
