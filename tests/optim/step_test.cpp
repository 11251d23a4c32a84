// What step() says when it has nothing to do, or the wrong thing.
#include <gtest/gtest.h>

#include "cairn/autograd/autograd.h"
#include "cairn/base/error.h"
#include "cairn/compile/compile.h"
#include "cairn/nn/nn.h"
#include "cairn/ops/context.h"
#include "cairn/optim/optim.h"

namespace cairn::optim {
namespace {

void expect_error(const std::function<void()>& fn, const char* part) {
  try {
    fn();
    ADD_FAILURE() << "no error: " << part;
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find(part), std::string::npos) << e.what();
    EXPECT_NE(std::string(e.what()).find("step_test.cpp:"), std::string::npos) << e.what();
  }
}

}  // namespace

TEST(Step, ALossThatReachesNoParameterSaysSo) {
  nn::Linear a(3, 1), b(3, 1);
  AdamW opt(a.parameters(), {.lr = 1});
  const auto before = a.weight.to_vector<float>();
  const char* part = "AdamW: the loss depends on none of the 2 parameters";
  expect_error([&] { opt.step(sum(b(ones({1, 3})))); }, part);  // another network's
  expect_error([&] { opt.step(sum(ones({3}))); }, part);        // of nothing
  expect_error([&] { opt.step(sum(a(ones({1, 3}))).detach()); }, part);
  expect_error(
      [&] {
        compile([&](Tensor x) { return opt.step(sum(b(x))), x; })(ones({1, 3}));
      },
      part);
  {
    const NoGrad no_grad;
    expect_error([&] { opt.step(sum(a(ones({1, 3})))); }, part);
  }
  EXPECT_EQ(opt.steps(), 0);
  EXPECT_EQ(a.weight.to_vector<float>(), before);
  opt.step(sum(a(ones({1, 3}))) + sum(b(ones({1, 3}))));
  EXPECT_EQ(opt.steps(), 1);
  a.freeze();
  expect_error([&] { opt.step(sum(b(ones({1, 3})))); }, "none of the 0 parameters");
}

TEST(Step, GradientsHaveTheParametersShape) {
  const Tensor w = parameter(ones({2, 3}));
  SGD opt({w}, {.lr = 1});
  EXPECT_THROW(opt.step(Tensors{ones({3})}), Error);  // would broadcast
  EXPECT_THROW(w.set_grad(ones({3})), Error);
  EXPECT_EQ(w.to_vector<float>(), std::vector<float>(6, 1));
}

}  // namespace cairn::optim
