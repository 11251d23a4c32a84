// Every optimizer for eight steps as PyTorch's (tools/dump_optimizers.py wrote the file); the
// second parameter has no gradient in the first two.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <map>
#include <memory>

#include "cairn/autograd/autograd.h"
#include "cairn/compile/compile.h"
#include "cairn/io/safetensors.h"
#include "cairn/ops/functions.h"
#include "cairn/optim/optim.h"

namespace cairn::optim {
namespace {

Tensor load(const std::string& name) {
  static const io::SafetensorsFile file(std::string(CAIRN_SOURCE_DIR) +
                                        "/tests/optim/data/optimizers.safetensors");
  const io::NamedTensor& t = file.at(name);
  return from_host(t.data.data(), t.shape, t.dtype);
}

using Make = std::function<std::unique_ptr<Optimizer>(const Tensors&)>;
template <class O, class Options>
Make with(Options options) {
  return [options](const Tensors& p) { return std::make_unique<O>(p, options); };
}

std::map<std::string, Make> optimizers() {
  return {
      {"sgd", with<SGD>(SgdOptions{.lr = 0.1})},
      {"sgd_dampened",
       with<SGD>(SgdOptions{.lr = 0.1, .momentum = 0.9, .dampening = 0.5, .weight_decay = 0.1})},
      {"sgd_nesterov", with<SGD>(SgdOptions{.lr = 0.1, .momentum = 0.9, .nesterov = true})},
      {"sgd_max",
       with<SGD>(SgdOptions{.lr = 0.1, .momentum = 0.9, .weight_decay = 0.1, .maximize = true})},
      {"adamw_max", with<AdamW>(AdamWOptions{.lr = 0.1, .weight_decay = 0.1, .maximize = true})},
      {"adam", with<Adam>(AdamOptions{.lr = 0.1, .weight_decay = 0.1})},
      {"adam_amsgrad", with<Adam>(AdamOptions{.lr = 0.1, .betas = {0.5, 0.6}, .amsgrad = true})},
      {"adamw", with<AdamW>(AdamWOptions{.lr = 0.1, .betas = {0.8, 0.9}, .weight_decay = 0.2})},
      {"adamw_amsgrad", with<AdamW>(AdamWOptions{.lr = 0.1, .betas = {0.5, 0.6}, .amsgrad = true})},
      {"rmsprop", with<RMSprop>(RMSpropOptions{
                      .lr = 0.1, .weight_decay = 0.1, .momentum = 0.5, .centered = true})},
      {"adagrad",
       with<Adagrad>(AdagradOptions{
           .lr = 0.1, .lr_decay = 0.1, .weight_decay = 0.1, .initial_accumulator_value = 0.2})},
      {"adadelta", with<Adadelta>(AdadeltaOptions{.weight_decay = 0.1})},
      {"adamax", with<Adamax>(AdamaxOptions{.lr = 0.1, .weight_decay = 0.1})},
      {"nadam", with<NAdam>(NAdamOptions{.lr = 0.1, .weight_decay = 0.1})},
      {"nadam_decoupled",
       with<NAdam>(NAdamOptions{
           .lr = 0.1, .weight_decay = 0.1, .momentum_decay = 0.1, .decoupled_weight_decay = true})},
      {"radam", with<RAdam>(RAdamOptions{.lr = 0.1, .weight_decay = 0.1})},
      {"radam_decoupled",
       with<RAdam>(RAdamOptions{
           .lr = 0.1, .betas = {0.8, 0.9}, .weight_decay = 0.1, .decoupled_weight_decay = true})},
      {"adafactor", with<Adafactor>(AdafactorOptions{.lr = 0.1, .weight_decay = 0.1})},
      {"muon", with<Muon>(MuonOptions{.lr = 0.1, .weight_decay = 0.1})},
  };
}

void expect_near(const Tensor& got, const Tensor& expected, double tolerance,
                 const std::string& what) {
  const auto a = got.to_vector<float>(), b = expected.to_vector<float>();
  ASSERT_EQ(a.size(), b.size()) << what;
  for (size_t i = 0; i < a.size(); ++i)
    ASSERT_NEAR(a[i], b[i], tolerance * (1 + std::fabs(b[i]))) << what << ", element " << i;
}

TEST(LikePyTorch, EveryOptimizer) {
  const Tensor gradient_a = load("gradient.a"), gradient_b = load("gradient.b");
  for (const auto& [name, make] : optimizers())
    for (const bool compiled : {false, true}) {
      const Tensor a = state(load("start.a")), b = state(load("start.b"));
      const auto optimizer = make({a, b});
      const Tensor after_a = load(name + ".a"), after_b = load(name + ".b");
      auto first = compile([&](Tensor ga) { optimizer->step(Tensors{ga, Tensor()}); });
      auto both = compile([&](Tensor ga, Tensor gb) { optimizer->step(Tensors{ga, gb}); });
      const double tolerance =
          name == "muon" ? 2e-4 : 2e-5;  // its polynomial lifts small singular values, and errors
      for (int64_t t = 0; t < gradient_a.size(0); ++t) {
        const Tensor ga = contiguous(select(gradient_a, 0, t)),
                     gb = contiguous(select(gradient_b, 0, t));
        if (compiled) t < 2 ? first(ga) : both(ga, gb);
        else optimizer->step(Tensors{ga, t < 2 ? Tensor() : gb});
        const std::string what =
            name + (compiled ? " compiled" : "") + ", step " + std::to_string(t);
        expect_near(a, select(after_a, 0, t), tolerance, what + ", a");
        expect_near(b, select(after_b, 0, t), tolerance, what + ", b");
      }
    }
}

TEST(Optimizer, LoadsCheckpointsWithOneCountForAll) {
  const Tensor a = state(load("start.a")), b = state(load("start.b")), c = state(load("start.a")),
               d = state(load("start.b"));
  Adam first({a, b}, {.lr = 0.1}), second({c, d}, {.lr = 0.1});
  const Tensors gradients = {contiguous(select(load("gradient.a"), 0, 0)),
                             contiguous(select(load("gradient.b"), 0, 0))};
  for (int i = 0; i < 3; ++i) first.step(gradients);
  NamedTensors saved;
  for (const auto& [name, t] : first.state_dict())
    if (name != "param_steps") saved.emplace_back(name, t);
  second.load_state_dict(saved);
  assign(c, a), assign(d, b);
  first.step(gradients), second.step(gradients);
  EXPECT_EQ(a.to_vector<float>(), c.to_vector<float>());
  EXPECT_EQ(b.to_vector<float>(), d.to_vector<float>());
}

TEST(LikePyTorch, Lbfgs) {
  const Tensor x = load("lbfgs.x"), y = load("lbfgs.y");
  for (const bool wolfe : {false, true})
    for (const bool compiled : {false, true}) {
      Tensor w = state(zeros({3}));
      w.set_requires_grad();
      LBFGS optimizer({w}, {.max_iter = 5, .history_size = 3, .strong_wolfe = wolfe});
      const auto loss = [&] {
        return binary_cross_entropy_with_logits(matmul(x, w), y) + sum(square(w)) * 0.05;
      };
      auto differentiated = compile([&] {
        w.set_grad({});
        const Tensor value = loss();
        backward(value);
        return value.detach();
      });
      const std::string name = wolfe ? "lbfgs_wolfe" : "lbfgs";
      for (int64_t i = 0; i < 3; ++i) {
        if (compiled) optimizer.step([&] { return differentiated(); });
        else optimizer.step(loss);
        expect_near(w, select(load(name + ".w"), 0, i), 1e-4,  // f32 losses tell no more
                    name + " " + std::to_string(i));
      }
    }
}
TEST(Lbfgs, FindsTheMinimumOfRosenbrocksValley) {
  Tensor w = state(tensor({-1.2, 1}));
  w.set_requires_grad();
  LBFGS optimizer({w}, {.max_iter = 100, .strong_wolfe = true});
  optimizer.step([&] {
    const Tensor a = select(w, 0, 0), b = select(w, 0, 1);
    return square(b - square(a)) * 100.0 + square(1.0 - a);
  });
  expect_near(w, tensor({1, 1}), 1e-2, "minimum");
}
TEST(Lbfgs, SaysWhatItCannotUse) {
  EXPECT_THROW(LBFGS({zeros({3})}), Error);
  LBFGS optimizer({state(zeros({3}))});
  EXPECT_THROW(optimizer.step([] { return zeros({}); }), Error);
}

TEST(Muon, WantsMatrices) { EXPECT_THROW(Muon({state(zeros({3}))}), Error); }

}  // namespace
}  // namespace cairn::optim
