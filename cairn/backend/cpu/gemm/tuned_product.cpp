// The choice among a product's kernels by measurement (CAIRN_TUNE=1), over made-up operands with
// the strides of the true ones.
#include <algorithm>
#include <string>
#include <vector>

#include "cairn/backend/cpu/gemm/panels.h"
#include "cairn/backend/cpu/gemm/product.h"
#include "cairn/backend/cpu/tuning.h"
#include "cairn/base/error.h"
#include "cairn/base/parallel.h"

namespace cairn::cpu {
namespace {

constexpr ProductKernel kKernels[] = {ProductKernel::packed, ProductKernel::unpacked,
                                      ProductKernel::few_rows};
constexpr const char* kNames[] = {"packed", "unpacked", "few_rows"};

// Lines of a cache, filled with what is no zero and no subnormal.
struct alignas(64) Line {
  float values[16];
};
using Lines = std::vector<Line>;
Lines lines_for(int64_t floats) {
  Line filled;
  std::fill(std::begin(filled.values), std::end(filled.values), 0.01f);
  return Lines(static_cast<size_t>(floats / 16 + 2), filled);
}

int64_t extent(int64_t rows, int64_t columns, const GemmOperand& m) {
  return (rows - 1) * m.row + (columns - 1) * m.column + 1;
}

}  // namespace

ProductKernel choose_product_by_time(const GemmShape& s, const GemmOperand& a, const GemmOperand& b,
                                     bool adds) {
  const ProductKernel by_rules = choose_product(s, a, b, adds);
  if (s.m * s.n * s.k == 0) return by_rules;
  std::vector<ProductKernel> kernels = {by_rules};
  for (const ProductKernel kernel : kKernels)
    if (kernel != by_rules && product_works(kernel, s, a, b, adds)) kernels.push_back(kernel);
  std::vector<std::string> names;
  for (const ProductKernel kernel : kernels) names.emplace_back(kNames[static_cast<int>(kernel)]);

  const std::string key = fmt::format("product:{}x{}x{}:a{},{}:b{},{}{}:panel{}:threads{}", s.m,
                                      s.n, s.k, a.row, a.column, b.row, b.column,
                                      adds ? "+start" : "", panels::kernels().panel, num_threads());
  Lines x, y, c, work;
  const auto run = [&](size_t i) {
    if (c.empty()) {
      size_t bytes = 0;
      for (const ProductKernel kernel : kernels)
        bytes = std::max(bytes, product_workspace(kernel, s, a));
      x = lines_for(extent(s.m, s.k, a)), y = lines_for(extent(s.k, s.n, b));
      c = lines_for(s.m * s.n), work = lines_for(static_cast<int64_t>(bytes / sizeof(float)));
    }
    product(kernels[i], s, {x[0].values, a.row, a.column}, {y[0].values, b.row, b.column}, {},
            c[0].values, s.n, work[0].values);
  };
  return kernels[quickest(tuned_choices(), key, names, run)];
}

}  // namespace cairn::cpu
