// Integers and truth values: the same bits eager, compiled and on the reference back end, and what
// PyTorch gives.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "cairn/base/error.h"
#include "cairn/compile/compile.h"
#include "cairn/ops/functions.h"
#include "cairn/ops/pick.h"

namespace cairn {
namespace {

Tensor of(std::vector<int64_t> values, DType dtype) {
  return cast(from_host(values.data(), {static_cast<int64_t>(values.size())}, DType::i64), dtype);
}

struct Sum {
  const char* name;
  DType dtype;
  std::vector<int64_t> a, b;
  std::function<Tensor(Tensor, Tensor)> run;
  std::vector<double> expected;
};

const std::vector<Sum>& sums() {
  static const int64_t kBig = 9007199254740993;  // 2^53 + 1: no double
  const auto u8 = DType::u8, i8 = DType::i8, i32 = DType::i32, i64 = DType::i64,
             truth = DType::boolean;
  static const std::vector<Sum> list = {
      {"sub", u8, {1, 200}, {2, 100}, [](Tensor a, Tensor b) { return a - b; }, {255, 100}},
      {"add", u8, {1, 200}, {2, 100}, [](Tensor a, Tensor b) { return a + b; }, {3, 44}},
      {"add", i8, {-100}, {-100}, [](Tensor a, Tensor b) { return a + b; }, {56}},
      {"add_read_again",
       u8,
       {200},
       {100},
       [](Tensor a, Tensor b) { return cast(a + b, DType::f32) * 2.0; },
       {88}},
      {"mul", i8, {100}, {3}, [](Tensor a, Tensor b) { return a * b; }, {44}},
      {"square", u8, {20}, {0}, [](Tensor a, Tensor) { return square(a); }, {144}},
      {"neg", u8, {1}, {0}, [](Tensor a, Tensor) { return -a; }, {255}},
      {"less_one", u8, {0}, {0}, [](Tensor a, Tensor) { return a - 1.0; }, {255}},
      {"pow", i32, {3, -2}, {4, 3}, [](Tensor a, Tensor b) { return pow(a, b); }, {81, -8}},
      {"pow_number", i32, {2049}, {0}, [](Tensor a, Tensor) { return pow(a, 3); }, {12589057}},
      {"remainder",
       i32,
       {-7, 7},
       {3, -3},
       [](Tensor a, Tensor b) { return remainder(a, b); },
       {2, -2}},
      {"fmod", i32, {-7, 7}, {3, -3}, [](Tensor a, Tensor b) { return fmod(a, b); }, {-1, 1}},
      {"round", i32, {16777217}, {0}, [](Tensor a, Tensor) { return round(a); }, {16777217}},
      {"floor", i64, {16777217}, {0}, [](Tensor a, Tensor) { return floor(a); }, {16777217}},
      {"sum_of_i32",
       i32,
       {16777217, 1},
       {0, 0},
       [](Tensor a, Tensor) { return sum(a); },
       {16777218}},
      {"sum_of_i64",
       i64,
       {16777217, 1},
       {0, 0},
       [](Tensor a, Tensor) { return sum(a); },
       {16777218}},
      {"equal", i64, {kBig}, {kBig - 1}, [](Tensor a, Tensor b) { return eq(a, b); }, {0}},
      {"largest",
       i64,
       {kBig},
       {kBig - 1},
       [](Tensor a, Tensor b) { return maximum(a, b) - b; },
       {1}},
      {"abs", i64, {-kBig}, {kBig - 1}, [](Tensor a, Tensor b) { return abs(a) - b; }, {1}},
      {"cast_of_i32",
       i32,
       {300, -1},
       {0, 0},
       [](Tensor a, Tensor) { return cast(a, DType::u8); },
       {44, 255}},
      {"cast_of_u8", u8, {200}, {0}, [](Tensor a, Tensor) { return cast(a, DType::i8); }, {-56}},
      {"or",
       truth,
       {1, 1, 0},
       {1, 0, 0},
       [](Tensor a, Tensor b) { return cast(a + b, DType::f32) * 2.0; },
       {2, 2, 0}},
      {"logsumexp",
       truth,
       {1, 0, 1},
       {0, 0, 0},
       [](Tensor a, Tensor) { return logsumexp(a, {0}); },
       {std::log(1 + 2 * M_E)}},
      {"scatter_add",
       u8,
       {0, 1, 5, 200, 255},
       {0, 0, 1, 2, 2},
       [](Tensor a, Tensor b) { return scatter_add(a, 0, cast(b, DType::i64), a); },
       {1, 6, 204, 200, 255}},
      {"scatter_add_of_i8",
       i8,
       {-128, -1, 0, 100, 127},
       {0, 0, 1, 2, 2},
       [](Tensor a, Tensor b) { return scatter_add(a, 0, cast(b, DType::i64), a); },
       {-1, -1, -29, 100, 127}},
      {"scatter_product_of_i8",
       i8,
       {-128, -1, 0, 100, 127},
       {0, 0, 1, 2, 2},
       [](Tensor a, Tensor b) {
         return scatter_reduce(a, 0, cast(b, DType::i64), a, ScatterReduce::prod);
       },
       {0, 0, 0, 100, 127}},
      {"largest_of",
       i64,
       {kBig, kBig - 1},
       {kBig - 1},
       [](Tensor a, Tensor b) { return amax(a, {0}, true) - b; },
       {1}},
      {"sum_of_large",
       i64,
       {kBig, 1},
       {kBig - 1},
       [](Tensor a, Tensor b) { return sum(a, {0}, true) - b; },
       {2}},
      {"running_sum",
       i64,
       {kBig, 0},
       {kBig - 1},
       [](Tensor a, Tensor b) { return cumsum(a, 0) - b; },
       {1, 1}},
      {"sort",
       i64,
       {kBig, kBig - 1},
       {kBig - 1},
       [](Tensor a, Tensor b) { return sort(a, 0).values - b; },
       {0, 1}},
      {"topk",
       i64,
       {kBig - 1, kBig},
       {0},
       [](Tensor a, Tensor) { return topk(a, 1).indices; },
       {1}},
      {"argmax", i64, {kBig - 1, kBig}, {0}, [](Tensor a, Tensor) { return argmax(a, 0); }, {1}},
      {"gather",
       i64,
       {kBig, 3},
       {1, 0},
       [](Tensor a, Tensor b) { return gather(a, 0, b) - 9007199254740992.0; },
       {3 - 9007199254740992.0, 1}},
      {"scatter",
       i64,
       {kBig, 3},
       {1, 0},
       [](Tensor a, Tensor b) { return flip(scatter(a, 0, b, a), {0}) - a; },
       {0, 0}},
      {"below_a_fraction",
       i32,
       {0, 1, -1},
       {0},
       [](Tensor a, Tensor) { return lt(a, 0.5); },
       {1, 0, 1}},
      {"from_a_fraction",
       i64,
       {0, 1, -1},
       {0},
       [](Tensor a, Tensor) { return ge(a, -0.5); },
       {1, 1, 0}},
      {"equal_to_a_fraction", u8, {0, 1}, {0}, [](Tensor a, Tensor) { return eq(a, 0.5); }, {0, 0}},
      {"beyond_its_range",
       u8,
       {0, 255},
       {0},
       [](Tensor a, Tensor) { return lt(a, 300) + eq(a, -1); },
       {1, 1}},
      {"fill_with_less_than_0",
       u8,
       {0, 5},
       {0},
       [](Tensor a, Tensor) { return masked_fill(a, eq(a, 5), -1); },
       {0, 255}},
      {"pairwise_distance",
       u8,
       {1, 4},
       {3, 2},
       [](Tensor a, Tensor b) { return maximum(a, b) - minimum(a, b); },
       {2, 2}},
  };
  return list;
}

TEST(Integers, SameEagerCompiledAndByReference) {
  for (const Sum& s : sums())
    for (const char* mode : {"eager", "compiled", "reference"}) {
      BackendScope scope(backend_named(mode == std::string("reference") ? "reference" : "cpu"));
      const Tensor a = of(s.a, s.dtype), b = of(s.b, s.dtype);
      const Tensor got = mode == std::string("compiled") ? compile(s.run)(a, b) : s.run(a, b);
      const auto values = got.to_vector<double>();
      ASSERT_EQ(values.size(), s.expected.size()) << s.name;
      for (size_t i = 0; i < values.size(); ++i)
        EXPECT_NEAR(values[i], s.expected[i], 1e-6) << s.name << ", " << mode;
    }
}

TEST(Integers, NumbersThatTheyDoNotHoldAreRefused) {
  EXPECT_THROW(full({2}, 300, DType::u8), Error);
  EXPECT_THROW(full({2}, -129, DType::i8), Error);
  EXPECT_THROW(full({2}, NAN, DType::i64), Error);
  EXPECT_THROW(masked_fill(of({1}, DType::i32), of({1}, DType::boolean), 1e10), Error);
  EXPECT_EQ(full({1}, 2.5, DType::i32).item(), 2);
  EXPECT_EQ(full({1}, INFINITY, DType::i8).item(), 127);  // the largest
}

TEST(Integers, FloatsAreCutOffAndLimited) {
  const std::vector<float> values = {-1, 255.9f, 300, NAN, -INFINITY, INFINITY, -1.9f, 3e9f};
  const std::vector<double> u8 = {0, 255, 255, 0, 0, 255, 0, 255},
                            i8 = {-1, 127, 127, 0, -128, 127, -1, 127};
  const std::vector<double> i32 = {-1, 255, 300, 0, -2147483648.0, 2147483647, -1, 2147483647};
  for (const char* backend : {"cpu", "reference"})
    for (const DType from : {DType::f32, DType::f64}) {
      BackendScope scope(backend_named(backend));
      const Tensor x = cast(from_host(values.data(), {8}, DType::f32), from);
      for (const auto& [to, expected] :
           {std::pair{DType::u8, u8}, {DType::i8, i8}, {DType::i32, i32}}) {
        EXPECT_EQ(cast(x, to).to_vector<double>(), expected)
            << backend << name_of(from) << name_of(to);
        EXPECT_EQ(compile([to = to](Tensor t) { return cast(t, to); })(x).to_vector<double>(),
                  expected);
      }
    }
}

TEST(Casts, BeyondF8) {
  const std::vector<float> values = {464, 465, 1e30f, -INFINITY, 440, -0.0f};
  const Tensor x = from_host(values.data(), {6}, DType::f32);
  const auto limited = cast(cast(x, DType::f8e4m3), DType::f32).to_vector<float>();
  EXPECT_EQ(limited, (std::vector<float>{448, 448, 448, -448, 448, -0.0f}));
  const auto lost = cast(cast(x, DType::f8e4m3, F8Overflow::nan), DType::f32).to_vector<float>();
  EXPECT_EQ(lost[0], 448);
  for (int i : {1, 2, 3}) EXPECT_TRUE(std::isnan(lost[i])) << i;
  EXPECT_TRUE(std::isnan(cast(cast(full({1}, NAN), DType::f8e4m3), DType::f32).item()));
  EXPECT_TRUE(std::isinf(cast(cast(full({1}, 1e30), DType::f8e5m2), DType::f32).item()));
}

// Also where the small number is never stored: 1 + 2^-8 is no bf16, 70000 no f16.
TEST(Casts, ThereAndBackRoundAlikeEagerAndCompiled) {
  const Tensor x = tensor({1.00390625f, -3.01171875f, 70000, 1e-8f, NAN, INFINITY});
  for (const DType small : {DType::bf16, DType::f16, DType::f8e4m3, DType::i8}) {
    const auto there_and_back = [small](Tensor t) {
      return cast(cast(t * 1.5, small), DType::f32) * 2.0;
    };
    const auto eager = there_and_back(x).to_vector<float>(),
               compiled = compile(there_and_back)(x).to_vector<float>();
    for (size_t i = 0; i < eager.size(); ++i)
      EXPECT_TRUE(eager[i] == compiled[i] || (std::isnan(eager[i]) && std::isnan(compiled[i])))
          << name_of(small) << ": " << compiled[i] << ", eager " << eager[i];
  }
  EXPECT_EQ(cast(cast(x, DType::bf16), DType::f32).to_vector<float>()[0], 1);
}

TEST(Truths, AreNoNumbers) {
  const Tensor t = of({1, 0}, DType::boolean);
  EXPECT_THROW(t - t, Error);
  EXPECT_THROW(-t, Error);
  EXPECT_EQ((t * 2.0).to_vector<double>(), (std::vector<double>{2, 0}));
}

// f64 has not every whole number of 64 bits.
TEST(Integers, RangesBeyondWhatDoublesHold) {
  constexpr int64_t first = (int64_t{1} << 53) + 1;
  EXPECT_EQ(arange(first, first + 3).to_vector<int64_t>(),
            (std::vector<int64_t>{first, first + 1, first + 2}));
  EXPECT_EQ(arange(INT64_MAX - 1, INT64_MAX).to_vector<int64_t>(),
            std::vector<int64_t>{INT64_MAX - 1});
}

TEST(Integers, InfinityIsTheLargestThatIsHeld) {
  for (const int64_t count : {1, 3}) {
    const size_t n = static_cast<size_t>(count);
    EXPECT_EQ(full({count}, INFINITY, DType::i64).to_vector<int64_t>(),
              std::vector<int64_t>(n, INT64_MAX));
    EXPECT_EQ(full({count}, -INFINITY, DType::i64).to_vector<int64_t>(),
              std::vector<int64_t>(n, INT64_MIN));
    EXPECT_EQ(full({count}, 0x1p63, DType::i64).to_vector<int64_t>(),
              std::vector<int64_t>(n, INT64_MAX));
  }
}

}  // namespace
}  // namespace cairn
