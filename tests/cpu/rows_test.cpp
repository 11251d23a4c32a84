// Kernels of whole rows against double precision, where single numbers would lead them astray.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"

namespace cairn {
namespace {

// A first number far from all others, a common part far from 0.
TEST(Rows, NormalizeIsExactWhateverComesFirst) {
  const NoGrad no_grad;
  for (const int64_t count : {1000, 65536, 1 << 20})
    for (const float common : {0.0f, 1000.0f})
      for (const float first : {0.0f, 50.0f, 2000.0f}) {
        std::vector<float> x(static_cast<size_t>(count));
        double sum = 0, squares = 0;
        for (size_t i = 0; i < x.size(); ++i)
          sum += x[i] = common + (i == 0 ? first : i % 2 == 0 ? 1.0f : -1.0f);
        const double mean = sum / static_cast<double>(count);
        for (const float v : x) squares += (v - mean) * (v - mean);
        const double deviation = std::sqrt(squares / static_cast<double>(count) + 1e-5);
        const Tensor y =
            layer_norm(from_host(x.data(), {1, count}, DType::f32), {count}, {}, {}, 1e-5);
        const std::vector<float> got = slice(y, 1, 0, 8).to_vector<float>();
        for (size_t i = 0; i < got.size(); ++i)
          EXPECT_NEAR(got[i], (x[i] - mean) / deviation,
                      2e-5 * (1 + std::abs(x[i] - mean) / deviation) + 6e-8 * mean / deviation)
              << count << " numbers, common " << common << ", first " << first << ", at " << i;
      }
}

}  // namespace
}  // namespace cairn
