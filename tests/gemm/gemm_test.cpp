#include "cairn/backend/cpu/gemm/gemm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "cairn/backend/cpu/gemm/gemm_i8.h"
#include "cairn/backend/cpu/gemm/product.h"
#include "cairn/base/parallel.h"
#include "tests/guarded.h"
#include "tests/targets.h"

namespace cairn::cpu {
namespace {

using test::Floats;
using test::Guarded;

struct Case {
  int64_t m, n, k;
  bool a_transposed, b_transposed;
  int start;  // 0 nothing, 1 one row, 2 C itself, 3 both
  bool packed_before = false;
  bool pages_apart = false;  // rows of A begin a multiple of a page apart
  int kernel = -1;           // a ProductKernel; -1: gemm()
};

void check_product(const Case& c, int threads) {
  set_num_threads(threads);
  const int64_t page = 1024, row = (c.a_transposed ? c.m : c.k) + 3;
  const int64_t lda = c.pages_apart ? (row + page - 1) / page * page : row,
                ldb = (c.b_transposed ? c.k : c.n) + (c.kernel < 0 ? 5 : 0), ldc = c.n + (c.n > 1);
  const auto floats = [](int64_t count) { return static_cast<size_t>(count); };
  Floats a(floats((c.a_transposed ? c.k : c.m) * lda), 1, 1),
      b(floats((c.b_transposed ? c.n : c.k) * ldb), 1, 2);
  Floats out(floats(c.m * ldc), 1, 3), bias(floats(c.n), 1, 4);
  const std::vector<double> before = out.doubles();
  const GemmOperand left =
      c.a_transposed ? GemmOperand{a.floats(), 1, lda} : GemmOperand{a.floats(), lda, 1};
  const GemmOperand right =
      c.b_transposed ? GemmOperand{b.floats(), 1, ldb} : GemmOperand{b.floats(), ldb, 1};
  const GemmShape shape{c.m, c.n, c.k};
  Guarded workspace(gemm_workspace(shape));
  const bool adds_row = c.start & 1, adds_itself = c.start & 2;
  const GemmStart start{adds_itself ? out.floats() : nullptr, ldc,
                        adds_row ? bias.floats() : nullptr};
  if (c.kernel >= 0) {
    const auto kernel = static_cast<ProductKernel>(c.kernel);
    if (!product_works(kernel, shape, left, right, c.start != 0)) return;
    Guarded scratch(product_workspace(kernel, shape, left));
    product(kernel, shape, left, right, start, out.floats(), ldc, scratch.get());
  } else if (c.packed_before) {
    Guarded packed(gemm_packed_bytes(c.n, c.k)), scratch(gemm_packed_workspace(c.n));
    gemm_pack(c.n, c.k, right, static_cast<float*>(packed.get()));
    gemm_packed(shape, left, static_cast<float*>(packed.get()), start, out.floats(), ldc,
                scratch.get());
  } else {
    gemm(shape, left, right, start, out.floats(), ldc, workspace.get());
  }
  for (int64_t i = 0; i < c.m; ++i)
    for (int64_t j = 0; j < ldc; ++j) {
      double want = before[static_cast<size_t>(i * ldc + j)];
      if (j < c.n) {
        want = (adds_itself ? want : 0) + (adds_row ? bias.floats()[j] : 0);
        for (int64_t k = 0; k < c.k; ++k)
          want += static_cast<double>(left.data[i * left.row + k * left.column]) *
                  right.data[k * right.row + j * right.column];
      }
      ASSERT_NEAR(out.floats()[i * ldc + j], want, 1e-5 * std::sqrt(1.0 + static_cast<double>(c.k)))
          << i << ", " << j << " of " << c.m << "x" << c.n << "x" << c.k << ", " << threads
          << " threads";
    }
}

TEST(gemm, products_of_any_shape_and_order) {
  test::for_each_target([] {
    for (const int threads : {1, 2, 3})
      for (const bool a : {false, true})
        for (const bool b : {false, true})
          for (const int start : {0, 1, 2, 3}) {
            check_product({1, 1, 1, a, b, start}, threads);
            check_product({7, 17, 5, a, b, start}, threads);
            check_product({151, 33, 400, a, b, start}, threads);
          }
  });
}
TEST(gemm, every_kernel_of_products) {
  test::for_each_target([] {
    for (const int kernel : {0, 1, 2})
      for (const int threads : {1, 2})
        for (const int start : {0, 3})
          for (const bool a : {false, true})
            for (const bool b : {false, true}) {
              check_product({1, 1, 1, a, b, start, false, false, kernel}, threads);
              check_product({19, 1, 40, a, b, start, false, false, kernel}, threads);
              check_product({7, 17, 5, a, b, start, false, false, kernel}, threads);
              check_product({50, 200, 70, a, b, start, false, false, kernel}, threads);
              check_product({2, 65, 0, a, b, start, false, false, kernel}, threads);
            }
  });
}
TEST(gemm, several_blocks_of_columns_and_of_depth) {
  test::for_each_target([] {
    check_product({1300, 41, 20, false, true, 1}, 2);
    check_product({13, 40, 3000, true, false, 3}, 2);
    check_product({100, 420, 900, true, false, 0}, 2);
    check_product({100, 420, 500, true, true, 2}, 2);
  });
}
TEST(gemm, rows_that_meet_in_one_set_of_the_cache) {
  test::for_each_target([] {
    for (const bool packed : {false, true})
      for (const int64_t depth : {20, 390, 1021}) {
        check_product({151, 70, depth, false, false, 3, packed, true}, 2);
        check_product({5, 131, depth, false, true, 0, packed, true}, 2);
      }
  });
}
// A plan may run inside a serial scope: on fewer threads each has larger parts.
TEST(gemm, workspace_serves_fewer_threads_too) {
  test::for_each_target([] {
    for (const GemmShape& s :
         {GemmShape{7, 836, 452}, GemmShape{41, 1937, 108}, GemmShape{16, 1603, 62}}) {
      set_num_threads(8);
      const size_t planned = gemm_workspace(s);
      for (const int threads : {7, 6, 5, 2, 1}) {
        set_num_threads(threads);
        EXPECT_LE(gemm_workspace(s), planned)
            << s.m << " x " << s.n << " x " << s.k << ", " << threads << " threads";
      }
    }
  });
}
TEST(gemm, b_packed_once) {
  test::for_each_target([] {
    for (const int threads : {1, 3})
      for (const bool b : {false, true})
        for (const int start : {0, 3}) {
          check_product({7, 17, 5, false, b, start, true}, threads);
          check_product({37, 1100, 400, true, b, start, true}, threads);
          check_product({20, 33, 1000, false, b, start, true}, threads);
        }
  });
}

// y = x W^T with 8-bit W, against loops in double.
void check_i8(int64_t rows, int64_t outputs, int64_t depth, int threads) {
  set_num_threads(threads);
  const auto floats = [](int64_t count) { return static_cast<size_t>(count); };
  Floats x(floats(rows * depth), 1, 1), scales(floats(outputs), 0.01, 2), y(floats(rows * outputs));
  std::mt19937 engine(3);
  std::uniform_int_distribution<int> draw(-128, 127);
  std::vector<int8_t> weight(floats(outputs * depth));
  for (int8_t& w : weight) w = static_cast<int8_t>(draw(engine));
  Guarded workspace(gemm_i8_workspace());
  gemm_i8(weight.data(), scales.floats(), outputs, depth, x.floats(), rows, y.floats(),
          workspace.get());
  for (int64_t m = 0; m < rows; ++m)
    for (int64_t n = 0; n < outputs; ++n) {
      double want = 0;
      for (int64_t k = 0; k < depth; ++k)
        want += static_cast<double>(x.floats()[m * depth + k]) * weight[floats(n * depth + k)] *
                scales.floats()[n];
      ASSERT_NEAR(y.floats()[m * outputs + n], want, 1e-5 * std::sqrt(static_cast<double>(depth)))
          << m << ", " << n << " of " << rows << "x" << outputs << "x" << depth << ", " << threads
          << " threads";
    }
}

TEST(gemm, weights_of_8_bits) {
  test::for_each_target([] {
    for (const int threads : {1, 2, 3}) {
      check_i8(1, 1, 1, threads);
      check_i8(17, 5, 7, threads);
      check_i8(19, 33, 16, threads);
      check_i8(200, 67, 401, threads);
      check_i8(400, 130, 800, threads);
      check_i8(3, 4, 0, threads);
    }
  });
}

}  // namespace
}  // namespace cairn::cpu
