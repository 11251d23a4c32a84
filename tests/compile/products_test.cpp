// What is added to a large matrix product joins its kernel, forward and in gradients.
#include <gtest/gtest.h>

#include "cairn/autograd/autograd.h"
#include "cairn/compile/compile.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"

namespace cairn {
namespace {

int count_of(const Graph& graph, const std::string& op) {
  int count = 0;
  for (const Node& node : graph.nodes) count += op == node.op->name;
  return count;
}

void expect_near(const Tensor& a, const Tensor& b) {
  ASSERT_EQ(a.shape(), b.shape());
  const auto va = a.to_vector<float>(), vb = b.to_vector<float>();
  for (size_t i = 0; i < va.size(); ++i) ASSERT_NEAR(va[i], vb[i], 2e-3) << i;
}

TEST(Products, BiasAndResidualJoinTheProduct) {
  manual_seed(1);
  const Tensor x = randn({2, 128, 256}), w = randn({256, 256}), bias = randn({256});
  auto f = compile([&](Tensor t) { return sum(t + linear(t, w, bias), {0, 1}); });
  expect_near(f(x) * 0.1, sum(x + linear(x, w, bias), {0, 1}) * 0.1);
  EXPECT_EQ(count_of(f.last()->graph(), "matmul_add"), 1);
  EXPECT_EQ(count_of(f.last()->graph(), "region"), 1);  // the sum
}

TEST(Products, TheSumOfTwoIsOnePass) {
  manual_seed(2);
  const Tensor x = randn({256, 256}), w = randn({256, 256}), v = randn({300, 256});
  auto f = compile([&](Tensor t) {
    Tensor in = t.detach();
    in.set_requires_grad();
    return grad({sum(square(linear(in, w))) + sum(square(linear(in, v)))}, {in})[0];
  });
  const Tensor expected =
      2.0 * (matmul(matmul(x, transpose(w, 0, 1)), w) + matmul(matmul(x, transpose(v, 0, 1)), v));
  const Tensor found = f(x);
  expect_near(found * 1e-3, expected * 1e-3);
  EXPECT_EQ(count_of(f.last()->graph(), "matmul_add"), 1);
  EXPECT_EQ(count_of(f.last()->graph(), "matmul"), 3);
}

TEST(Products, WhatIsReadElsewhereOrBroadcastStays) {
  manual_seed(3);
  const Tensor x = randn({256, 256}), w = randn({256, 256}), row = randn({256}),
               column = randn({256, 1});
  auto twice = compile([&](Tensor t) {
    const Tensor y = matmul(t, w);
    return Tensors{y + row, y * 2.0};
  });
  const Tensor y = matmul(x, w);
  const Tensors results = twice(x);
  expect_near(results[0], y + row), expect_near(results[1], y * 2.0);
  EXPECT_EQ(count_of(twice.last()->graph(), "matmul_add"), 0);
  auto by_column = compile([&](Tensor t) { return matmul(t, w) + column; });
  expect_near(by_column(x), y + column);
  EXPECT_EQ(count_of(by_column.last()->graph(), "matmul_add"), 0);
  auto two_rows = compile([&](Tensor t) { return matmul(t, w) + row + row * 3.0; });
  expect_near(two_rows(x), y + row * 4.0);
}

TEST(Products, OfBf16KeepTheirSumsInF32) {
  if (product_dtype(DType::bf16) != DType::bf16)
    GTEST_SKIP() << "this processor multiplies no bf16";
  manual_seed(4);
  const Tensor x = randn({2, 128, 256}), w = randn({256, 256}) * (1.0 / 16), bias = randn({256});
  auto f = compile([&](Tensor t) {
    AutocastScope scope(DType::bf16);
    return t + linear(t, w, bias);
  });
  const auto found = f(x).to_vector<float>(),
             expected = (x + linear(x, w, bias)).to_vector<float>();
  for (size_t i = 0; i < found.size(); ++i) ASSERT_NEAR(found[i], expected[i], 3e-2) << i;
  EXPECT_EQ(count_of(f.last()->graph(), "matmul_add"), 1);
  EXPECT_EQ(count_of(f.last()->graph(), "matmul"), 0);
  EXPECT_EQ(count_of(f.last()->graph(), "region"),
            3);  // x and w in bf16, and the copy that is returned
}

// Gradients of a linear layer's weight come out in f32, as the weight lies.
TEST(Products, GradientsOfBf16WeightsAreInF32) {
  if (product_dtype(DType::bf16) != DType::bf16)
    GTEST_SKIP() << "this processor multiplies no bf16";
  manual_seed(5);
  const Tensor x = randn({2, 64, 128}), w = randn({192, 128}) * 0.1, v = randn({128, 192}) * 0.1;
  auto f = compile([&](Tensor t, Tensor a, Tensor b) {
    Tensor u = a.detach(), s = b.detach();
    u.set_requires_grad(), s.set_requires_grad();
    AutocastScope scope(DType::bf16);
    return grad({sum(square(linear(tanh(linear(t * 0.1, u)), s)))}, {u, s});
  });
  const Tensors found = f(x, w, v);
  Tensor u = w.detach(), s = v.detach();
  u.set_requires_grad(), s.set_requires_grad();
  const Tensors expected = grad({sum(square(linear(tanh(linear(x * 0.1, u)), s)))}, {u, s});
  for (size_t i = 0; i < 2; ++i) {
    const double scale = amax(abs(expected[i])).item();
    const auto a = found[i].to_vector<float>(), b = expected[i].to_vector<float>();
    for (size_t j = 0; j < a.size(); ++j) ASSERT_NEAR(a[j], b[j], 2e-2 * scale) << i << ", " << j;
  }
  for (const Node& node : f.last()->graph().nodes)
    if (std::string(node.op->name) == "matmul_add") {
      EXPECT_EQ(f.last()->graph().desc(node.outputs[0]).dtype, DType::f32);
    }
  EXPECT_GE(count_of(f.last()->graph(), "matmul_add"), 2);
}

}  // namespace
}  // namespace cairn
