#include "cairn/backend/cpu/gemm/gemm_bf16.h"

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "cairn/backend/cpu/x86_extensions.h"
#include "cairn/base/parallel.h"
#include "tests/guarded.h"

namespace cairn::cpu {
namespace {

using test::Guarded;

uint16_t narrow(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  return static_cast<uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}
float widen(uint16_t x) {
  const uint32_t bits = static_cast<uint32_t>(x) << 16;
  float y;
  std::memcpy(&y, &bits, 4);
  return y;
}

struct Case {
  int64_t m, n, k;
  bool a_wide, b_wide, c_wide, a_transposed, b_transposed;
  int start = 0;        // 0 nothing, 1 one row, 2 C itself (f32), 3 both
  int64_t b_spare = 5;  // elements between rows of B
};

// A matrix of f32 or bf16 among guards; its spare elements are NaN.
class Matrix {
 public:
  Matrix(int64_t rows, int64_t columns, bool wide, bool transposed, int64_t spare, unsigned seed)
      : lines_(transposed ? columns : rows),
        length_(transposed ? rows : columns),
        ld_(length_ + spare),
        wide_(wide),
        memory_(static_cast<size_t>(((lines_ - 1) * ld_ + length_) * (wide ? 4 : 2))) {
    std::mt19937 engine(seed);
    std::uniform_real_distribution<float> draw(-1, 1);
    for (int64_t i = 0; i < lines_; ++i)
      for (int64_t j = 0; j < length_; ++j) {
        const float x = draw(engine);
        if (wide) memory_.floats()[i * ld_ + j] = x;
        else static_cast<uint16_t*>(memory_.get())[i * ld_ + j] = narrow(x);
      }
    operand = transposed ? Bf16Operand{memory_.get(), wide, 1, ld_}
                         : Bf16Operand{memory_.get(), wide, ld_, 1};
  }
  double at(int64_t i, int64_t j) {  // as it is multiplied
    const int64_t place = i * operand.row + j * operand.column;
    return widen(wide_ ? narrow(memory_.floats()[place])
                       : static_cast<uint16_t*>(memory_.get())[place]);
  }
  Bf16Operand operand;

 private:
  int64_t lines_, length_, ld_;
  bool wide_;
  Guarded memory_;
};

void check_product(const Case& c, int threads) {
  set_num_threads(threads);
  Matrix a(c.m, c.k, c.a_wide, c.a_transposed, 3, 1),
      b(c.k, c.n, c.b_wide, c.b_transposed, c.b_spare, 2);
  const int64_t ldc = c.n + 1;
  Guarded out(static_cast<size_t>(c.m * ldc * (c.c_wide ? 4 : 2)));
  std::vector<float> bias(static_cast<size_t>(c.n));
  for (int64_t j = 0; j < c.n; ++j)
    bias[static_cast<size_t>(j)] = 0.25f * static_cast<float>(j % 7);
  const bool adds_itself = c.c_wide && (c.start & 2);
  if (adds_itself)
    for (int64_t i = 0; i < c.m; ++i)
      for (int64_t j = 0; j < c.n; ++j)
        out.floats()[i * ldc + j] = 0.5f * static_cast<float>((i + j) % 3);
  const GemmShape shape{c.m, c.n, c.k};
  const GemmStart start{adds_itself ? out.floats() : nullptr, ldc,
                        c.start & 1 ? bias.data() : nullptr};
  Guarded workspace(gemm_bf16_workspace(shape, a.operand, b.operand, c.c_wide));
  gemm_bf16(shape, a.operand, b.operand, start, out.get(), c.c_wide, ldc, workspace.get());
  for (int64_t i = 0; i < c.m; ++i) {
    for (int64_t j = 0; j < c.n; ++j) {
      double want = (adds_itself ? 0.5 * static_cast<double>((i + j) % 3) : 0) +
                    (c.start & 1 ? bias[static_cast<size_t>(j)] : 0);
      for (int64_t k = 0; k < c.k; ++k) want += a.at(i, k) * b.at(k, j);
      const float got = c.c_wide ? out.floats()[i * ldc + j]
                                 : widen(static_cast<uint16_t*>(out.get())[i * ldc + j]);
      const double rounding = c.c_wide ? 0 : std::abs(want) / 256;
      ASSERT_NEAR(got, want, rounding + 2e-5 * std::sqrt(static_cast<double>(c.k)))
          << i << ", " << j << " of " << c.m << "x" << c.n << "x" << c.k << ", " << threads
          << " threads";
    }
    // The spare element behind a row keeps its poison.
    if (c.c_wide) ASSERT_TRUE(std::isnan(out.floats()[i * ldc + c.n]));
    else ASSERT_EQ(static_cast<uint16_t*>(out.get())[i * ldc + c.n], 0xFFFF);
  }
}

// With the processor's instructions, and where those are AMX's, with AVX-512 BF16 alone.
class gemm_bf16_kernel : public testing::TestWithParam<bool> {
  void SetUp() override {
    if (!has_gemm_bf16()) GTEST_SKIP() << "this processor has no AVX-512 BF16";
    if (GetParam() && !x86_extensions().amx) GTEST_SKIP() << "this processor has no AMX";
    x86_extensions().amx = GetParam();
  }
  void TearDown() override {
    x86_extensions() = found_;
    set_num_threads(2);
  }
  const X86Extensions found_ = x86_extensions();
};
INSTANTIATE_TEST_SUITE_P(, gemm_bf16_kernel, testing::Values(false, true),
                         [](const auto& info) { return info.param ? "amx" : "avx512"; });

TEST_P(gemm_bf16_kernel, products_of_any_type_shape_and_order) {
  for (const int kind : {0, 1, 2, 3, 4, 5, 6, 7})
    for (const int order : {0, 1, 2, 3}) {
      const bool a_wide = kind & 1, b_wide = kind & 2, c_wide = kind & 4, a = order & 1,
                 b = order & 2;
      check_product({1, 1, 1, a_wide, b_wide, c_wide, a, b, kind % 4}, 1);
      check_product({7, 17, 5, a_wide, b_wide, c_wide, a, b, order}, 2);
      check_product({26, 70, 64, a_wide, b_wide, c_wide, a, b, 3, 6}, 2);
      check_product({151, 33, 203, a_wide, b_wide, c_wide, a, b, 1}, 3);
    }
}
// Depths around whole tiles of 16 pairs, heights around 16 and 32 rows.
TEST_P(gemm_bf16_kernel, depths_and_heights_around_tiles) {
  for (const int64_t k : {2, 30, 32, 34, 63, 96, 97})
    for (const int64_t m : {1, 15, 16, 17, 31, 32, 33, 49, 64, 65})
      check_product({m, m % 2 ? 32 : 45, k, m % 3 == 0, k % 3 == 0, m % 2 == 0, k % 4 == 0,
                     m % 4 == 1, static_cast<int>(k % 4)},
                    2);
}
TEST_P(gemm_bf16_kernel, several_blocks_of_columns_and_of_depth) {
  check_product({13, 4100, 20, false, false, true, false, true, 1}, 2);
  check_product({13, 41, 9001, true, false, true, true, false, 3}, 2);
  check_product({13, 41, 9001, false, true, false, false, true, 1}, 2);
  check_product({150, 520, 2100, true, true, false, true, false, 0}, 2);
}
TEST_P(gemm_bf16_kernel, the_same_bits_on_any_number_of_threads) {
  const GemmShape shape{331, 97, 501};
  Matrix a(331, 501, true, true, 3, 1), b(501, 97, true, false, 5, 2);
  std::vector<float> first(331 * 97), c(331 * 97);
  for (const int threads : {1, 2, 5}) {
    set_num_threads(threads);
    Guarded workspace(gemm_bf16_workspace(shape, a.operand, b.operand, true));
    gemm_bf16(shape, a.operand, b.operand, {}, c.data(), true, 97, workspace.get());
    if (threads == 1) first = c;
    ASSERT_EQ(std::memcmp(first.data(), c.data(), c.size() * sizeof(float)), 0)
        << threads << " threads";
  }
}
TEST_P(gemm_bf16_kernel, nan_and_infinity_arrive_and_subnormals_are_zero) {
  const GemmShape shape{8, 32, 64};
  std::vector<float> a(8 * 64, 0.0f), b(64 * 32, 1.0f), c(8 * 32);
  a[0] = std::numeric_limits<float>::quiet_NaN(), a[64] = std::numeric_limits<float>::infinity();
  a[2 * 64] = 1e-40f;
  const Bf16Operand left{a.data(), true, 64, 1}, right{b.data(), true, 32, 1};
  Guarded workspace(gemm_bf16_workspace(shape, left, right, true));
  gemm_bf16(shape, left, right, {}, c.data(), true, 32, workspace.get());
  for (int j = 0; j < 32; ++j) {
    EXPECT_TRUE(std::isnan(c[j]));
    EXPECT_TRUE(std::isinf(c[32 + j]));
    EXPECT_EQ(c[64 + j], 0.0f);
    EXPECT_EQ(c[96 + j], 0.0f);
  }
}
TEST(gemm_bf16, absent_where_highway_is_left_without_avx512) {
  if (HWY_STATIC_TARGET <= HWY_AVX3)
    GTEST_SKIP() << "this build (-march=native) takes AVX-512 for granted";
  hwy::DisableTargets(HWY_AVX3);
  const bool has = has_gemm_bf16();
  hwy::DisableTargets(0);
  EXPECT_FALSE(has);
}

}  // namespace
}  // namespace cairn::cpu
