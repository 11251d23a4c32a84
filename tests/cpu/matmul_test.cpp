#include "compare.h"

namespace cairn::test {
namespace {

TEST(Matmul, ShapesStridesAndBatches) {
  for (Shape mkn : {Shape{1, 1, 1}, Shape{3, 5, 7}, Shape{64, 64, 64}, Shape{1, 100, 33},
                    Shape{33, 100, 1}, Shape{5, 0, 4}, Shape{0, 3, 4}, Shape{4, 3, 0}}) {
    const int64_t m = mkn[0], k = mkn[1], n = mkn[2];
    compare({"matmul", {}, {f32({m, k}), f32({k, n})}});
    compare({"matmul", {}, {strided({m, k}, {1, m}), f32({k, n})}});
    compare({"matmul", {}, {f32({m, k}), strided({k, n}, {1, k})}});
    compare({"matmul", {}, {strided({m, k}, {1, m}, 5), strided({k, n}, {1, k}, 3)}});
    compare({"matmul", {}, {f32({3, m, k}), f32({3, k, n})}});
    compare({"matmul", {}, {f32({3, m, k}), f32({1, k, n})}});
    compare({"matmul", {}, {f32({1, m, k}), strided({3, k, n}, {k * n, 1, k})}});
    compare({"matmul", {}, {f32({2, 1, m, k}), f32({1, 3, k, n})}});
    compare({"matmul", {}, {strided({2, 3, m, k}, {3 * m * k, k, 3 * k, 1}), f32({2, 3, k, n})}});
  }
}

TEST(Matmul, RowsOfALongerMatrix) {  // leading dimension larger than the row
  compare({"matmul", {}, {strided({6, 5}, {9, 1}, 2), strided({5, 7}, {20, 1}, 4)}});
  compare(
      {"matmul", {}, {strided({6, 5}, {2, 12}), f32({5, 7})}});  // neither dense: reference loops
}

TEST(Matmul, OtherTypes) {
  for (DType t : {DType::bf16, DType::f16}) {
    compare({"matmul", {}, {of(t, {17, 33}), of(t, {33, 20})}, 1e-2});
    compare({"matmul", {}, {of(t, {2, 17, 33}), strided({2, 33, 20}, {660, 1, 33}, 0, t)}, 1e-2});
  }
  compare({"matmul", {}, {of(DType::f64, {7, 9}), of(DType::f64, {9, 4})}, 1e-12});
  compare(
      {"matmul", {}, {of(DType::i64, {7, 9}), of(DType::i64, {9, 4})}, 0, [](int, std::mt19937& r) {
         return static_cast<double>(r() % 100);
       }});
}

}  // namespace
}  // namespace cairn::test
