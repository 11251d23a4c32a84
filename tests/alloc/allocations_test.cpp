// A replayed compiled step takes nothing from the heap: kernels have their memory from the plan,
// results from the pool.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <memory>

#include "cairn/compile/compile.h"
#include "cairn/models/models.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/optim/optim.h"
#include "counting.h"

namespace cairn {
namespace {

using testing::HeapCounts;

constexpr int kWarmUps = 3, kReplays = 5;

// Calls 2, 3, 4, 8, 16, ... trace once more, to see whether numbers of the host have changed
// (compile/retrace.h), and that takes memory; the calls between them are what is measured here.
const bool never_retraced = setenv("CAIRN_RETRACE", "0", 1) == 0;

// The losses stay with the caller for one step, as in a training loop.
template <class Step>
void expect_no_allocations(Step& step) {
  if (!testing::counts_allocations()) GTEST_SKIP() << "the sanitizer's own malloc";
  Tensor loss;
  for (int i = 0; i < kWarmUps; ++i) loss = step();
  testing::start_counting();
  for (int i = 0; i < kReplays; ++i) loss = step();
  const HeapCounts counts = testing::stop_counting();
  EXPECT_EQ(counts.ours, 0u) << "in " << kReplays << " replays; called from"
                             << testing::first_callers();
  ::testing::Test::RecordProperty("allocations_of_onednn", static_cast<int>(counts.theirs));
  EXPECT_TRUE(std::isfinite(loss.item()));
}

// Loss, gradients and update as one step.
template <class Optimizer, class Options, class Loss>
void expect_training_without(const nn::Module& net, const Options& options, const Loss& loss) {
  Optimizer optimizer(net.parameters(), options);
  auto step = compile([&]() -> Tensor {
    const Tensor l = loss();
    optimizer.step(l);
    return l;
  });
  expect_no_allocations(step);
}

template <class M>
void expect_language_model_without(M net, int64_t vocabulary) {
  const Tensor tokens = randint(vocabulary, {3, 9});
  const Tensor x = contiguous(slice(tokens, 1, 0, 8)),
               y = flatten(contiguous(slice(tokens, 1, 1, 8)), 0);
  expect_training_without<optim::AdamW>(net, optim::AdamWOptions{},
                                        [=] { return cross_entropy(flatten(net(x), 0, 1), y); });
}

}  // namespace

TEST(Counting, FindsWhatIsAllocated) {
  if (!testing::counts_allocations()) GTEST_SKIP() << "the sanitizer's own malloc";
  testing::start_counting();
  const auto one = std::make_unique<volatile int>(1);
  void* volatile two = std::malloc(8);
  const HeapCounts counts = testing::stop_counting();
  std::free(two);
  EXPECT_EQ(counts.ours, 2u);
}

// Products are Cairn's own, whatever their size: the library's took memory in every call.
TEST(Allocations, TinyAndBatchedProductsTakeNoneInTheLibraryEither) {
  if (!testing::counts_allocations()) GTEST_SKIP() << "the sanitizer's own malloc";
  const Tensor a = randn({12, 5, 7}), b = randn({12, 7, 9}), c = randn({3, 64, 64}),
               d = randn({2, 2});
  auto step = compile(
      [&] { return sum(matmul(a, b)) + sum(matmul(c, transpose(c, 1, 2))) + sum(matmul(d, d)); });
  Tensor total;
  for (int i = 0; i < kWarmUps; ++i) total = step();
  testing::start_counting();
  for (int i = 0; i < kReplays; ++i) total = step();
  const HeapCounts counts = testing::stop_counting();
  EXPECT_EQ(counts.ours, 0u) << testing::first_callers();
  EXPECT_EQ(counts.theirs, 0u);
}

TEST(Allocations, Lenet) {
  models::LeNet net(1, 10, 3, 8);
  const Tensor x = randn({4, 1, 28, 28}), y = randint(10, {4});
  expect_training_without<optim::AdamW>(net, optim::AdamWOptions{},
                                        [=] { return cross_entropy(net(x), y); });
}

TEST(Allocations, ResNet18WithMomentum) {
  models::ResNet18Cifar net(10, 3, 16);  // Winograd's and the library's convolutions
  const Tensor x = randn({2, 3, 32, 32}), y = randint(10, {2});
  expect_training_without<optim::SGD>(net, optim::SgdOptions{.lr = 0.05, .momentum = 0.9},
                                      [=] { return cross_entropy(net(x), y); });
}

TEST(Allocations, RandomNumbers) {
  nn::Linear first(12, 20), last(20, 1);
  nn::Sequential net(first, last);
  const Tensor x = randn({6, 12});
  expect_training_without<optim::SGD>(net, optim::SgdOptions{.lr = 0.01},
                                      [=] { return mean(square(last(dropout(first(x), 0.3)))); });
}

TEST(Allocations, LstmLanguageModel) { expect_language_model_without(models::LstmLm(40, 12), 40); }
TEST(Allocations, Gpt) { expect_language_model_without(models::Gpt(20, 8, 2, 2, 16), 20); }

TEST(Allocations, GradientPenalty) {
  models::Generator32 g(4, 1);
  models::Discriminator32 d(2, false);
  const Tensor real = rand({2, 3, 32, 32}) * 2.0 - 1.0, z = randn({2, 4}), eps = rand({2, 1, 1, 1});
  expect_training_without<optim::Adam>(
      d, optim::AdamOptions{.lr = 2e-4, .betas = {0.5, 0.999}}, [=] {
        const Tensor fake = g(z).detach();
        return mean(d(fake)) - mean(d(real)) + 10 * nn::gradient_penalty(d, real, fake, eps);
      });
}

TEST(Allocations, ArgumentsThatChangeAndAResultThatIsRead) {
  models::LeNet net(1, 10, 3, 8);
  net.eval();
  const NoGrad no_grad;
  auto infer = compile([=](const Tensor& x) -> Tensor { return sum(net(x)); });
  const Tensor inputs[] = {randn({1, 1, 28, 28}), randn({1, 1, 28, 28})};
  int i = 0;
  auto step = [&]() -> Tensor { return infer(inputs[i++ % 2]); };
  expect_no_allocations(step);
}

}  // namespace cairn
