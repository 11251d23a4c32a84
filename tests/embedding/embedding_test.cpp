// Gathering rows and adding gradients back, against plain loops; bad indices must be named and
// never followed.
#include "cairn/backend/cpu/embedding/embedding.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "cairn/base/parallel.h"
#include "cairn/base/philox.h"

namespace cairn::cpu {
namespace {

template <class Index>
class Embedding : public ::testing::Test {};
using IndexTypes = ::testing::Types<int32_t, int64_t>;
TYPED_TEST_SUITE(Embedding, IndexTypes);

template <class Index>
std::vector<Index> random_indices(int64_t count, uint32_t rows) {
  PhiloxStream random(3);
  std::vector<Index> indices(count);
  for (Index& i : indices)
    i = random.chance(0.3f) ? 1 : random.below(rows);  // one word is very frequent
  return indices;
}

std::vector<float> random_floats(int64_t count) {
  PhiloxStream random(4);
  std::vector<float> x(count);
  for (float& value : x) value = random.normal();
  return x;
}

TYPED_TEST(Embedding, GathersAndAddsLikePlainLoops) {
  for (int threads : {1, 2, 5})
    for (int64_t dim : {1, 3, 64, 200, 515})
      for (int64_t count : {0, 1, 700}) {
        set_num_threads(threads);
        const int64_t rows = 37, padding = 5;
        const auto indices = random_indices<TypeParam>(count, rows);
        const auto weight = random_floats(rows * dim), dout = random_floats(count * dim);
        std::vector<float> out(count * dim + 1, 7), dweight(rows * dim + 1, 7);
        ASSERT_EQ(embedding_forward(weight.data(), rows, dim, indices.data(), count, out.data()),
                  -1);
        ASSERT_EQ(embedding_backward(dout.data(), indices.data(), count, rows, dim, padding, false,
                                     dweight.data()),
                  -1);
        std::vector<float> want(rows * dim + 1, 0);  // the same order of additions: equal bits
        want.back() = 7;
        for (int64_t i = 0; i < count; ++i)
          for (int64_t d = 0; d < dim; ++d) {
            ASSERT_EQ(out[i * dim + d], weight[indices[i] * dim + d]);
            if (indices[i] != padding) want[indices[i] * dim + d] += dout[i * dim + d];
          }
        ASSERT_EQ(out.back(), 7);
        ASSERT_EQ(dweight, want);
        embedding_backward(dout.data(), indices.data(), count, rows, dim, padding, true,
                           dweight.data());
        for (int64_t i = 0; i < rows * dim; ++i) ASSERT_NEAR(dweight[i], 2 * want[i], 1e-4f);
      }
}

TYPED_TEST(Embedding, NamesTheFirstBadIndexAndSkipsIt) {
  set_num_threads(3);
  const int64_t rows = 4, dim = 300, count = 500;
  const auto weight = random_floats(rows * dim), dout = random_floats(count * dim);
  for (TypeParam wrong : {TypeParam(-1), TypeParam(4), TypeParam(1 << 30)}) {
    std::vector<TypeParam> indices(count, 2);
    indices[399] = indices[400] = wrong;
    std::vector<float> out(count * dim, 7), dweight(rows * dim);
    EXPECT_EQ(embedding_forward(weight.data(), rows, dim, indices.data(), count, out.data()), 399);
    EXPECT_EQ(out[399 * dim], 7);
    EXPECT_EQ(out[401 * dim], weight[2 * dim]);
    EXPECT_EQ(embedding_backward(dout.data(), indices.data(), count, rows, dim, -1, false,
                                 dweight.data()),
              399);
    EXPECT_EQ(dweight[dim], 0);
  }
}

}  // namespace
}  // namespace cairn::cpu
