// What a clip becomes does not depend on the clips beside it.
#include "cairn/models/speech.h"

#include <gtest/gtest.h>

#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"

namespace cairn::models {
namespace {

void expect_independent_of_neighbours(const nn::Module& net, bool frames) {
  net.eval();
  const NoGrad no_grad;
  const Tensor x = randn({2, 32, 10});
  const int64_t numbers[] = {32, 19};
  const Tensor lengths = from_host(numbers, {2}, DType::i64);
  const Tensor longer = cat({slice(x, 1, 0, 19), zeros({2, 13, 10})}, 1);
  const Tensor both = net(cat({slice(x, 0, 0, 1), slice(longer, 0, 1, 1)}, 0), lengths);
  const Tensor alone = net(slice(slice(x, 0, 1, 1), 1, 0, 19), slice(lengths, 0, 1, 1));
  Tensor of_both = slice(both, 0, 1, 1);
  if (frames) of_both = slice(of_both, 1, 0, 19);
  EXPECT_LT(amax(abs(of_both - alone)).item(), 1e-5);
}

TEST(Speech, AClipIsHeardTheSameInAnyBatch) {
  manual_seed(3);
  for (const char* model : {"bilstm", "conv-bilstm", "transformer"})
    expect_independent_of_neighbours(
        Listener({.model = model, .features = 10, .labels = 5, .width = 16, .layers = 2}), true);
  expect_independent_of_neighbours(ClipClassifier(3, 8, 0.3), false);
}

}  // namespace
}  // namespace cairn::models
