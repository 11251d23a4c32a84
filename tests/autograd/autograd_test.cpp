#include <gtest/gtest.h>

#include <cmath>

#include "cairn/autograd/autograd.h"
#include "cairn/base/error.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"

namespace cairn {

TEST(Autograd, ProductRule) {
  Tensor a = parameter(tensor({2, 3})), b = parameter(tensor({5, 7}));
  backward(sum(a * b + exp(a)));
  EXPECT_FLOAT_EQ(a.grad().to_vector<float>()[0], 5 + std::exp(2.0f));
  EXPECT_FLOAT_EQ(b.grad().to_vector<float>()[1], 3);
}

TEST(Autograd, GradientsOfGradients) {
  Tensor x = parameter(tensor({2}));
  Tensor y = sum(x * x * x);
  Tensor d1 = grad({y}, {x}, {.create_graph = true})[0];
  Tensor d2 = grad({sum(d1)}, {x}, {.create_graph = true})[0];
  Tensor d3 = grad({sum(d2)}, {x})[0];
  EXPECT_FLOAT_EQ(static_cast<float>(d1.item()), 12);
  EXPECT_FLOAT_EQ(static_cast<float>(d2.item()), 12);
  EXPECT_FLOAT_EQ(static_cast<float>(d3.item()), 6);
}

TEST(Autograd, BroadcastGradientsAreSummed) {
  Tensor w = parameter(from_host(std::vector<float>{1, 2, 3}.data(), {3}, DType::f32));
  Tensor x = full({4, 3}, 2.0);
  backward(sum(x * w));
  EXPECT_EQ(w.grad().to_vector<float>(), (std::vector<float>{8, 8, 8}));
}

TEST(Autograd, AnAssignedStateDoesNotChangeWhatTheTapeSaved) {
  Tensor w = parameter(tensor({3}));
  Tensor y = sum(w * w);
  assign(w, tensor({100}));
  EXPECT_FLOAT_EQ(static_cast<float>(grad({y}, {w})[0].item()), 6);
}

TEST(Autograd, ShapeErrorsNameTheLine) {
  Tensor a = full({2, 3}, 1), b = full({4}, 1);
  try {
    (void)(a + b);
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("autograd_test.cpp"), std::string::npos) << e.what();
    EXPECT_NE(std::string(e.what()).find("[2, 3]"), std::string::npos) << e.what();
  }
}

TEST(Autograd, LongChainsDoNotOverflowTheStack) {
  Tensor x = parameter(tensor({1}));
  Tensor y = x;
  for (int i = 0; i < 200000; ++i) y = y + 0.0;
  backward(sum(y));
  EXPECT_FLOAT_EQ(static_cast<float>(x.grad().item()), 1);
}

}  // namespace cairn
