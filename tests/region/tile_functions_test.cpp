// Every function of the table against the C library in double.
#include "cairn/backend/cpu/region/tile_functions.h"

#include <gtest/gtest.h>

#include <random>

#include "cairn/base/error.h"
#include "tests/region/region_oracle.h"

namespace cairn::cpu {
namespace {

struct Case {
  const char* name;
  float low, high;  // range of the first argument
  double ulps;      // allowed error in units of the last place
  float p0 = 0, p1 = 0;
  double absolute = 0;  // or this far, near a zero of the function
};

const Case kCases[] = {
    {"exp", -104, 89, 1.5},
    {"exp", -1, 1, 1.2},
    {"exp2", -151, 129, 1.5},
    {"expm1", -20, 89, 2},
    {"expm1", -0.5f, 0.5f, 2},
    {"log", 1e-40f, 1e-37f, 1.5},
    {"log", 0, 3, 1.5},
    {"log", 0, 3e38f, 1.5},
    {"log2", 0, 3e38f, 2},
    {"log2", 0.5f, 2, 2.5},
    {"log10", 0, 3, 3},
    {"log1p", -1, 1, 3},
    {"log1p", -1e-3f, 1e-3f, 3},
    {"log1p", 0, 1e30f, 3},
    {"round_bf16", -3e38f, 3e38f, 0},
    {"round_bf16", -1e-37f, 1e-37f, 0},
    {"round_f16", -7e4f, 7e4f, 0},
    {"round_f16", -1e-6f, 1e-6f, 0},
    {"tanh", -12, 12, 2.5},
    {"tanh", -0.1f, 0.1f, 2.5},
    {"sigmoid", -87, 87, 3},
    {"erf", -6, 6, 1.5},
    {"erf", -0.1f, 0.1f, 1.5},
    {"sin", -30, 30, 2, 0, 0, 1e-7},
    {"sin", -1e6f, 1e6f, 2, 0, 0, 1e-7},
    {"cos", -30, 30, 2, 0, 0, 1e-7},
    {"tan", -1.5f, 1.5f, 4},
    {"asin", -1, 1, 1},
    {"acos", -1, 1, 1},
    {"atan", -50, 50, 1},
    {"sinh", -80, 80, 2},
    {"cosh", -80, 80, 2},
    {"asinh", -100, 100, 2},
    {"acosh", 1, 100, 2},
    {"atanh", -1, 1, 2},
    {"erfc", -3, 9, 3},
    {"erfinv", -1, 1, 1},
    {"lgamma", 0.1f, 50, 2, 0, 0, 1e-6},
    {"pow", 0, 10, 1},
    {"pow_scalar", 0, 10, 1.5, 2},
    {"pow_scalar", 0, 10, 1.5, 3},
    {"pow_scalar", 0, 10, 1.5, 0.5f},
    {"pow_scalar", 0, 10, 1.5, -0.5f},
    {"pow_scalar", 0, 10, 1, -1},
    {"pow_scalar", 0, 10, 1, 1.7f},
    {"atan2", -3, 3, 1.5},
    {"fmod", -30, 30, 0},
    {"remainder", -30, 30, 0, 0, 0, 4e-6},
    {"rsqrt", 0, 100, 1.5},
    {"sqrt", 0, 100, 0.51},
    {"reciprocal", -3, 3, 0.51},
    {"div", -3, 3, 0.51},
    {"softplus", -80, 80, 3, 1, 20},
    {"softplus", -5, 5, 4, 2, 20},
    {"log_sigmoid", -80, 80, 3},
    {"logaddexp", -80, 80, 3, 0, 0, 4e-7},
    {"binary_cross_entropy_with_logits", -100, 100, 4, 0, 0, 1e-6},
    {"binary_cross_entropy", 0, 1, 6, 0, 0, 1e-6},
    {"softsign", -9, 9, 1.5},
    {"silu", -80, 80, 3},
    {"gelu", -1, 6, 4, 0, 0, 1e-6},
    {"gelu", -9, -1, 4, 0, 0, 2e-7},
    {"gelu_tanh", -4, 9, 20},
    {"gelu_gate", -6, 6, 4, 0, 0, 2e-7},
    {"gelu_tanh_gate", -4, 9, 20},
    {"gelu_slope", -9, 9, 4, 0, 0, 1e-6},
    {"gelu_tanh_slope", -9, 9, 4, 0, 0, 2e-5},
    {"mish", -15, 15, 5},
    {"elu", -20, 20, 3, 0.7f},
    {"hardsigmoid", -5, 5, 2},
    {"hardswish", -5, 5, 2},
    {"leaky_relu", -5, 5, 0.51, 0.1f},
    {"add_scalar", -5, 5, 0.51, 2.5f},
    {"mul_scalar", -5, 5, 0.51, 2.5f},
    {"clamp", -5, 5, 0, -1, 2},
    {"clamp_min", -5, 5, 0, 1},
    {"clamp_max", -5, 5, 0, 1},
};

double ulp_of(double x) {
  const float f = static_cast<float>(std::fabs(x));
  if (!std::isfinite(f)) return INFINITY;
  return static_cast<double>(std::nextafter(f, INFINITY)) - f;
}

std::vector<float> run(const TileFunction& fn, const std::vector<float>& a,
                       const std::vector<float>& b, const std::vector<float>& c, float p0,
                       float p1) {
  std::vector<float> out(a.size() + 1, 12345.0f);
  fn.kernel({{a.data(), b.data(), c.data()},
             {kWholeTile, kWholeTile, kWholeTile},
             out.data(),
             a.size(),
             p0,
             p1});
  EXPECT_EQ(out.back(), 12345.0f) << fn.name << " wrote beyond its tile";
  out.pop_back();
  return out;
}

TEST(TileFunctions, AgreeWithTheLibraryInDouble) {
  std::mt19937 rng(3);
  for (const Case& test : kCases) {
    const TileFunction* fn = find_tile_function(test.name);
    ASSERT_TRUE(fn) << test.name;
    std::vector<float> a(20011), b(a.size()), c(a.size());
    for (size_t i = 0; i < a.size(); ++i) {
      a[i] = std::uniform_real_distribution<float>(test.low, test.high)(rng);
      b[i] = std::uniform_real_distribution<float>(-3, 3)(rng);
    }
    const auto out = run(*fn, a, b, c, test.p0, test.p1);
    const auto& truth = testing::true_functions().find(test.name)->second;
    double worst = 0;
    size_t where = 0;
    for (size_t i = 0; i < a.size(); ++i) {
      const double wanted = truth({a[i], b[i], c[i], test.p0, test.p1});
      if (static_cast<float>(wanted) == out[i] || (wanted != wanted && out[i] != out[i])) continue;
      const double error = std::fabs(out[i] - wanted);
      if (error <= test.absolute) continue;
      if (!(error / ulp_of(wanted) <= worst)) worst = error / ulp_of(wanted), where = i;
    }
    EXPECT_LE(worst, test.ulps) << test.name << "(" << a[where] << ", " << b[where]
                                << ") = " << out[where] << " in [" << test.low << ", " << test.high
                                << "]";
  }
}

// Plain functions are exact on everything, special values included.
TEST(TileFunctions, ExactOnesAndSpecialValues) {
  const float special[] = {0.0f,  -0.0f, 1,   -1,   0.5f,   -0.5f,    1.5f,      2.5f,
                           -2.5f, 3,     100, -100, 1e-42f, INFINITY, -INFINITY, NAN};
  std::vector<float> a, b, c;
  for (float x : special)
    for (float y : special) a.push_back(x), b.push_back(y), c.push_back(x - y);
  for (const TileFunction& fn : tile_functions()) {
    const std::string name(fn.name);
    ASSERT_TRUE(testing::true_functions().count(name)) << name << " has no reference";
    if (name == "remainder" || name == "lgamma")
      continue;  // differ at infinity and poles by convention
    const auto& truth = testing::true_functions().find(name)->second;
    for (const auto& [p0, p1] : {std::pair{1.0f, 20.0f}, std::pair{0.5f, 2.0f}}) {
      const auto out = run(fn, a, b, c, p0, p1);
      for (size_t i = 0; i < a.size(); ++i) {
        if (name == "pow_scalar" && a[i] == -INFINITY) continue;  // p = 1/2 is a square root
        const float wanted = static_cast<float>(truth({a[i], b[i], c[i], p0, p1}));
        const std::string where = fmt::format("{}({}, {}, {}; {}, {}) = {}, wanted {}", name, a[i],
                                              b[i], c[i], p0, p1, out[i], wanted);
        if (std::isnan(wanted)) EXPECT_TRUE(std::isnan(out[i])) << where;
        else if (std::isinf(wanted)) EXPECT_EQ(out[i], wanted) << where;
        else EXPECT_NEAR(out[i], wanted, 1e-5 * std::fabs(wanted) + 1e-6) << where;
      }
    }
  }
}

// A value does not depend on its place in the tile, nor on whether its operand repeats.
TEST(TileFunctions, SameBitsEverywhereInTheTile) {
  std::mt19937 rng(4);
  for (const TileFunction& fn : tile_functions()) {
    std::vector<float> a(67), b(67), c(67);
    for (auto* v : {&a, &b, &c})
      for (float& x : *v) x = std::uniform_real_distribution<float>(-2e5f, 2e5f)(rng);
    for (size_t i = 0; i < a.size(); i += 3)
      a[i] = std::uniform_real_distribution<float>(-4, 4)(rng);
    const auto whole = run(fn, a, b, c, 1, 2);
    for (size_t i = 0; i < a.size(); ++i) {
      const std::vector<float> one_a(16, a[i]), one_b(16, b[i]), one_c(16, c[i]);
      float out[16];
      fn.kernel({{one_a.data(), one_b.data(), one_c.data()}, {15, 15, 15}, out, 1 + i % 16, 1, 2});
      EXPECT_EQ(std::memcmp(&out[i % 16], &whole[i], 4), 0) << fn.name << " of " << a[i];
    }
  }
}

TEST(TileFunctions, PowersOfTwoAreExact) {
  std::vector<float> x, y;
  for (int e = -148; e < 128; ++e)
    x.push_back(std::ldexp(1.0f, e)), y.push_back(static_cast<float>(e));
  EXPECT_EQ(run(*find_tile_function("log2"), x, x, x, 0, 0), y);
  EXPECT_EQ(run(*find_tile_function("exp2"), y, y, y, 0, 0), x);
}

TEST(TileFunctions, UnknownNamesGiveNull) { EXPECT_EQ(find_tile_function("no such"), nullptr); }

}  // namespace
}  // namespace cairn::cpu
