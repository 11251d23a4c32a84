// The reference back end may fuse, too, for those who look for a fault in a fused graph.
#include <gtest/gtest.h>

#include "cairn/backend/reference/reference.h"
#include "cairn/compile/compile.h"
#include "cairn/ops/functions.h"

namespace cairn {
namespace {

int regions_of(const Graph& graph) {
  int count = 0;
  for (const Node& node : graph.nodes) count += node.region != nullptr;
  return count;
}

TEST(ReferenceFusion, GivesTheSameBits) {
  const BackendScope scope(backend_named("reference"));
  manual_seed(4);
  const Tensor x = randn({3, 17}), w = randn({17});
  const auto function = [&](Tensor t) {
    const Tensor y = relu(t * w + 0.5);
    return sum(y * y, {1});
  };
  auto plain = compile(function);
  const auto expected = plain(x).to_vector<float>();
  reference::set_fusion(true);
  auto fused = compile(function);
  const auto found = fused(x).to_vector<float>();
  reference::set_fusion(false);
  EXPECT_EQ(found, expected);
  EXPECT_EQ(regions_of(plain.last()->graph()), 0);
  EXPECT_GE(regions_of(fused.last()->graph()), 1);
}

}  // namespace
}  // namespace cairn
