// cat of channel-blocked tensors stays in blocks, and is the same as of plain ones.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "cairn/autograd/autograd.h"
#include "cairn/compile/compile.h"
#include "cairn/compile/passes.h"
#include "cairn/graph/trace.h"
#include "cairn/ops/functions.h"

namespace cairn {
namespace {

Tensor numbers(const Shape& shape) {
  return reshape(sin(arange(0, numel(shape), 1, DType::f32)), shape);
}

// Whether the cat of a function's graph lies in blocks.
bool in_blocks(const TensorFunction& f, const Shape& x) {
  const Graph graph = assign_layouts(trace({{"x", DType::f32, x}}, 1, 1, f), current_backend());
  for (const Node& n : graph.nodes)
    if (std::string(n.op->name) == "cat") return graph.desc(n.outputs[0]).layout.blocked();
  return false;
}

TEST(Cat, OfBlockedChannelsStaysInBlocks) {
  const Tensor a = numbers({32, 16, 1, 1}), b = numbers({64, 16, 3, 3}),
               c = numbers({16, 96, 1, 1}), odd = numbers({20, 16, 1, 1}),
               d = numbers({16, 84, 1, 1});
  const auto fire = [&](const Tensor& left, const Tensor& after) {
    return [=](std::span<const Tensor> in) -> Tensors {
      const Tensor x = relu(conv2d(in[0], a));
      const Tensor parts[] = {relu(conv2d(slice(x, 1, 0, 16), left)),
                              relu(conv2d(slice(x, 1, 0, 16), b, {}, {.padding = {1}}))};
      return {conv2d(cat({parts[0], parts[1]}, 1), after)};
    };
  };
  const Shape shape = {2, 16, 14, 14};
  EXPECT_TRUE(in_blocks(fire(a, c), shape));
  EXPECT_FALSE(in_blocks(fire(odd, d), shape));  // 20 channels fill no blocks
  for (const auto& f : {fire(a, c), fire(odd, d)}) {
    const Tensor x = numbers(shape);
    CompiledFunction compiled(f);
    const auto eager = f({&x, 1})[0].to_vector<float>();
    const auto replayed = compiled.call({&x, 1})[0].to_vector<float>();
    float largest = 0;  // Winograd's tiles of 4 are as exact as 1e-5 of it
    for (const float value : eager) largest = std::max(largest, std::abs(value));
    for (size_t i = 0; i < eager.size(); ++i)
      ASSERT_NEAR(eager[i], replayed[i], 1e-5 * largest) << i;
  }
}

// What was enlarged comes to the blocks of what it stands beside.
TEST(Cat, OfBlockedChannelsAndOthersIsInBlocks) {
  const Tensor a = numbers({32, 16, 1, 1}), after = numbers({16, 48, 1, 1}),
               odd = numbers({16, 40, 1, 1});
  const auto beside = [&](int64_t others, const Tensor& last) {
    return [=](std::span<const Tensor> in) -> Tensors {
      const Tensor x = relu(conv2d(in[0], a));
      const Tensor plain = transpose(slice(in[0], 1, 0, others), 2, 3);
      return {conv2d(cat({plain, x}, 1), last)};
    };
  };
  const Shape shape = {2, 16, 14, 14};
  EXPECT_TRUE(in_blocks(beside(16, after), shape));
  EXPECT_FALSE(in_blocks(beside(4, numbers({16, 36, 1, 1})), shape));
  for (const auto& f : {beside(16, after), beside(8, odd)}) {
    const Tensor x = numbers(shape);
    CompiledFunction compiled(f);
    const auto eager = f({&x, 1})[0].to_vector<float>();
    const auto replayed = compiled.call({&x, 1})[0].to_vector<float>();
    for (size_t i = 0; i < eager.size(); ++i) ASSERT_NEAR(eager[i], replayed[i], 1e-3) << i;
  }
}

TEST(Cat, OfBlockedTensorsAlongOtherAxes) {
  const Tensor a = numbers({20, 16, 1, 1});
  for (const int64_t axis : {0, 2, 3}) {
    const TensorFunction f = [=](std::span<const Tensor> in) -> Tensors {
      const Tensor y = relu(conv2d(in[0], a));
      return {cat({y, y * 2.0, y}, axis)};
    };
    const Tensor x = numbers({2, 16, 9, 7});
    CompiledFunction compiled(f);
    const auto eager = f({&x, 1})[0].to_vector<float>();
    const auto replayed = compiled.call({&x, 1})[0].to_vector<float>();
    for (size_t i = 0; i < eager.size(); ++i) ASSERT_NEAR(eager[i], replayed[i], 1e-4) << i;
  }
}

// Reflection at the edges and its gradient: slices, cat and embed_slice of blocks.
TEST(Cat, OfReflectedEdgesAndTheirGradients) {
  const Tensor a = parameter(numbers({20, 16, 1, 1})), b = numbers({16, 20, 3, 3});
  const TensorFunction f = [=](std::span<const Tensor> in) -> Tensors {
    const Tensor y = pad(relu(conv2d(in[0], a)), {2, 1, 1, 2}, PadMode::reflect);
    return {grad({sum(square(conv2d(y, b)))}, {a})[0]};
  };
  const Tensor x = numbers({2, 16, 9, 7});
  CompiledFunction compiled(f);
  const auto eager = f({&x, 1})[0].to_vector<float>();
  const auto replayed = compiled.call({&x, 1})[0].to_vector<float>();
  float largest = 0;
  for (const float value : eager) largest = std::max(largest, std::abs(value));
  for (size_t i = 0; i < eager.size(); ++i) ASSERT_NEAR(eager[i], replayed[i], 1e-4 * largest) << i;
  int in_blocks = 0, all = 0;  // forward: the edges come to the blocks of what they are around
  for (const Node& n : compiled.last()->graph().nodes)
    if (std::string(n.op->name) == "cat")
      in_blocks += compiled.last()->graph().desc(n.outputs[0]).layout.blocked(), ++all;
  EXPECT_EQ(all, 2);
  EXPECT_EQ(in_blocks, all);
}

}  // namespace
}  // namespace cairn
