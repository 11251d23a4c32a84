// What compile() reads at each call, what makes it trace anew, and what it refuses: compiled equals
// eager in every mix.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <optional>
#include <thread>

#include "cairn/autograd/autograd.h"
#include "cairn/base/parallel.h"
#include "cairn/compile/compile.h"
#include "cairn/nn/nn.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/optim/optim.h"

namespace cairn {
namespace {

std::vector<float> values(const Tensor& t) { return t.to_vector<float>(); }

std::string error_of(const std::function<void()>& fn) {
  try {
    fn();
  } catch (const Error& e) { return e.what(); }
  return "";
}
void expect_error(const std::function<void()>& fn, const char* part) {
  const std::string text = error_of(fn);
  EXPECT_NE(text.find(part), std::string::npos) << "'" << part << "' is not in: " << text;
}

// CAIRN_RETRACE=1 for functions that are compiled while it lives.
struct RetraceAlways {
  RetraceAlways() { setenv("CAIRN_RETRACE", "1", 1); }
  ~RetraceAlways() { unsetenv("CAIRN_RETRACE"); }
};

}  // namespace

// ---- gradients across calls

// Four micro steps, clipping, an update, four times; either half compiled or not.
struct Course {
  std::vector<double> losses, norms, weights;
};
static Course accumulate(bool micro_compiled, bool update_compiled, bool clear_by_net) {
  manual_seed(1);
  nn::Linear net(10, 1);
  const Tensor x = randn({64, 10}), y = sum(x, {1}, true);
  optim::SGD opt(net.parameters(), {.lr = 0.05, .momentum = 0.9});
  auto micro = [&](Tensor x, Tensor y) -> Tensor {
    const Tensor loss = mse_loss(net(x), y) / 4.0;
    backward(loss);
    return loss;
  };
  auto update = [&]() -> Tensor {
    Tensors gradients;
    for (const Tensor& p : net.parameters()) gradients.push_back(p.grad());
    const optim::ClippedNorm clipped = optim::clip_grad_norm(gradients, 1.0);
    opt.step(clipped.gradients);
    if (clear_by_net) net.zero_grad();
    else opt.zero_grad();
    return clipped.norm;
  };
  auto compiled_micro = compile(micro);
  auto compiled_update = compile(update);
  Course run;
  for (int k = 0; k < 4; ++k) {
    for (int i = 0; i < 4; ++i) {
      const Tensor part = slice(x, 0, 16 * i, 16), target = slice(y, 0, 16 * i, 16);
      run.losses.push_back(
          (micro_compiled ? compiled_micro(part, target) : micro(part, target)).item());
    }
    run.norms.push_back((update_compiled ? compiled_update() : update()).item());
    for (const Tensor& p : net.parameters()) EXPECT_FALSE(p.grad().defined());
  }
  for (const Tensor& p : net.parameters())
    for (float v : values(p)) run.weights.push_back(v);
  if (micro_compiled) {  // the first of four, and the others
    EXPECT_EQ(compiled_micro.function().executables(), 2u);
  }
  if (update_compiled) { EXPECT_EQ(compiled_update.function().executables(), 1u); }
  return run;
}

TEST(Gradients, AddUpAcrossCallsInEveryMix) {
  const Course eager = accumulate(false, false, true);
  for (int mode = 1; mode < 8; ++mode) {
    const Course mixed = accumulate(mode & 1, mode & 2, mode & 4);
    for (size_t i = 0; i < eager.losses.size(); ++i)
      EXPECT_NEAR(mixed.losses[i], eager.losses[i], 1e-5 * eager.losses[i]) << mode;
    for (size_t i = 0; i < eager.norms.size(); ++i)
      EXPECT_NEAR(mixed.norms[i], eager.norms[i], 1e-5 * eager.norms[i]) << mode;
    for (size_t i = 0; i < eager.weights.size(); ++i)
      EXPECT_NEAR(mixed.weights[i], eager.weights[i], 1e-5) << mode;
  }
}

TEST(Gradients, StepFromGradReadsThemAtEachCall) {
  for (bool compiled : {false, true}) {
    const Tensor w = parameter(tensor({1}));
    optim::SGD opt({w}, {.lr = 1});
    auto body = [&]() -> Tensor {
      opt.step();
      return w * 1.0;
    };
    auto update = compile(body);
    for (float g : {0.5f, 2.0f}) {
      w.set_grad(tensor({g}));
      const Tensor now = compiled ? update() : body();
      EXPECT_EQ(now.item(), w.item());
    }
    EXPECT_EQ(w.item(), -1.5) << compiled;
    w.set_grad({});
    EXPECT_EQ((compiled ? update() : body()).item(), -1.5)
        << compiled;  // none: the parameter stays
  }
}

TEST(Gradients, OfAnArgumentReachTheArgument) {
  Tensor x = tensor({1, 2});
  x.set_requires_grad();
  auto f = compile([](Tensor a, Tensor b) {
    const Tensor loss = sum(a * b * b);
    backward(loss);
    return loss.detach();
  });
  f(x, tensor({3, 4}));
  EXPECT_EQ(values(x.grad()), (std::vector<float>{9, 16}));
  f(x, tensor({1, 1}));
  EXPECT_EQ(values(x.grad()), (std::vector<float>{10, 17}));
  x.set_grad({});
  f(x, x);  // one leaf: the gradient of x^3
  EXPECT_EQ(values(x.grad()), (std::vector<float>{3, 12}));
}

TEST(Gradients, AStateThatIsAnArgumentIsThatState) {
  const Tensor a = parameter(tensor({1})), b = parameter(tensor({5}));
  optim::SGD opt({a}, {.lr = 1});
  auto f = compile([&](Tensor w) {
    const Tensor loss = sum(w * 2.0);
    opt.step(loss);
    return loss;
  });
  f(a);
  EXPECT_EQ(a.item(), -1);
  expect_error([&] { f(b); }, "depends on none of the 1 parameters");
  f(a);
  EXPECT_EQ(a.item(), -3);
}

TEST(Gradients, ThatWouldFlowOutOfAResultAreAnError) {
  nn::Linear net(3, 1), other(1, 1);
  auto f = compile([&](Tensor x) { return net(x); });
  const Tensor y = f(ones({2, 3}));
  EXPECT_TRUE(y.requires_grad());
  expect_error([&] { backward(sum(other(y))); }, "result of a compiled function");
  expect_error([&] { (void)grad({sum(other(y))}, {net.weight}); }, "result of a compiled function");
  backward(sum(other(y.detach())));
  EXPECT_TRUE(other.weight.grad().defined());
  EXPECT_EQ(grad({sum(other(y))}, {other.weight})[0].shape(),
            other.weight.shape());  // does not go that way
  const NoGrad no_grad;
  EXPECT_FALSE(f(ones({2, 3})).requires_grad());
}

TEST(Gradients, ThatWouldFlowOutOfAnArgumentAreAnError) {
  nn::Linear encoder(3, 2), decoder(2, 1);
  optim::SGD both({encoder.weight, decoder.weight}, {.lr = 1}),
      own(decoder.parameters(), {.lr = 1});
  bool everything = true;
  auto f = compile([&](Tensor h) {
    const Tensor loss = sum(decoder(h));
    (everything ? both : own).step(loss);
    return loss.detach();
  });
  expect_error(
      [&] {
        f(encoder(ones({2, 3})));
      },
      "argument 0 of the compiled function was computed from");
  everything = false;
  f(encoder(ones({2, 3})));  // nothing that the optimizer has lies behind the argument
  everything = true;
  f(encoder(ones({2, 3})).detach());
}

TEST(Gradients, AFailedStepLeavesThemAndTheGenerator) {
  const Tensor w = parameter(tensor({1}));
  auto f = compile([&](Tensor x) {
    backward(sum(w * x));
    return check_finite(log(x)) + rand({1});
  });
  f(tensor({2}));
  const auto before = generator().to_vector<int64_t>();
  EXPECT_THROW(f(tensor({-1})), Error);
  EXPECT_EQ(w.grad().item(), 2);
  EXPECT_EQ(generator().to_vector<int64_t>(), before);
}

// ---- randomness

TEST(Generator, ASeedRestartsWhatWasCompiledBeforeIt) {
  auto f = compile([](Tensor x) { return dropout(x, 0.5) + rand({64}); });
  const Tensor x = ones({64});
  manual_seed(3);
  const auto first = values(f(x)), second = values(f(x));
  EXPECT_NE(first, second);
  manual_seed(3);
  EXPECT_EQ(values(f(x)), first);
  EXPECT_EQ(values(f(x)), second);
  manual_seed(3);
  EXPECT_EQ(values(dropout(x, 0.5) + rand({64})), first);
  expect_error([] { compile([](Tensor x) { return manual_seed(1), x; })(ones({1})); },
               "outside compile()");
}

TEST(Generator, AnotherThreadDrawsOn) {
  auto f = compile([](Tensor x) { return x + rand({8}); });
  manual_seed(5);
  std::vector<std::vector<float>> drawn;
  drawn.push_back(values(f(zeros({8}))));
  std::thread([&] {
    drawn.push_back(values(f(zeros({8}))));
    drawn.push_back(values(rand({8})));
  }).join();
  drawn.push_back(values(f(zeros({8}))));
  manual_seed(5);
  for (const auto& numbers : drawn) EXPECT_EQ(values(rand({8})), numbers);
}

TEST(Generator, IsOneStateForEveryBackEnd) {
  manual_seed(7);
  const Tensor cpu = rand({4});
  {
    const BackendScope reference(backend_named("reference"));
    EXPECT_EQ(values(rand({4}) + zeros({4})).size(), 4u);
    auto f = compile([](Tensor x) { return x + rand({4}); });
    EXPECT_NE(values(f(zeros({4}))), values(f(zeros({4}))));
  }
  EXPECT_EQ(generator().to_vector<int64_t>(), (std::vector<int64_t>{7, 4}));
  EXPECT_EQ(values(rand({4}) + zeros({4})).size(), 4u);
  const Tensor saved = generator().detach();
  const auto next = values(rand({4}));
  assign(generator(), saved);
  EXPECT_EQ(values(rand({4})), next);
}

// ---- the key

TEST(Key, ATypeThatChangesIsTracedAnew) {
  nn::Linear layer(4, 2);
  auto f = compile([&](Tensor x) { return layer(x); });
  const Tensor x = ones({1, 4});
  const auto first = values(f(x));
  layer.to(DType::f64);
  expect_error([&] { f(x); }, "differ in dtype");
  EXPECT_EQ(f(cast(x, DType::f64)).dtype(), DType::f64);
  layer.to(DType::f32);
  EXPECT_EQ(values(f(x)), first);
}

TEST(Key, HooksThatComeAndGoAreSeen) {
  nn::Linear layer(4, 2);
  auto f = compile([&](Tensor x) { return layer(x); });
  const Tensor x = ones({1, 4});
  const auto plain = values(f(x));
  const int id = layer.on_forward([](const Tensors&, const Tensor& y) { return y * 0.0; });
  EXPECT_EQ(values(f(x)), (std::vector<float>{0, 0}));
  layer.remove_hook(id);
  EXPECT_EQ(values(f(x)), plain);
}

TEST(Key, ACapturedVariableThatHoldsAnotherTensorIsSeen) {
  Tensor w = full({2}, 1);
  auto f = compile([&](Tensor x) { return x * w; });
  EXPECT_EQ(values(f(ones({2}))), (std::vector<float>{1, 1}));
  w = full({2}, 3);
  EXPECT_EQ(values(f(ones({2}))), (std::vector<float>{3, 3}));
  w = w + 1.0;
  EXPECT_EQ(values(f(ones({2}))), (std::vector<float>{4, 4}));
  EXPECT_EQ(f.function().executables(), 1u);  // the others can never be meant again
  w = state(full({2}, 5));
  f(ones({2}));
  w = state(full({2}, 6));
  EXPECT_EQ(values(f(ones({2}))), (std::vector<float>{6, 6}));
  f(ones({2})), f(ones({2}));
  EXPECT_EQ(f.function().executables(), 1u);
}

TEST(Key, AModuleThatIsMadeAnewIsSeen) {
  std::optional<nn::Linear> layer;
  layer.emplace(2, 2);
  auto f = compile([&](Tensor x) { return (*layer)(x); });
  f(ones({1, 2}));
  layer.emplace(2, 3);
  EXPECT_EQ(f(ones({1, 2})).shape(), (Shape{1, 3}));
}

TEST(Key, AVariableThatTheFunctionItselfSetsIsRefused) {
  Tensor sum_so_far = zeros({2});
  auto f = compile([&](Tensor x) { return sum_so_far = sum_so_far + x; });
  expect_error([&] { f(ones({2})); }, "make it a State");
}

TEST(Key, TheWarningNamesTheArgumentsThatChange) {
  auto f = compile([](Tensor a, Tensor b, Tensor c) { return sum(a) + sum(b) + sum(c); });
  testing::internal::CaptureStderr();
  for (int i = 1; i <= 40; ++i) f(ones({3}), ones({i}), ones({2}));
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_NE(text.find("what keeps changing is argument 1 (f32["), std::string::npos) << text;
  EXPECT_EQ(text.find("argument 0"), std::string::npos) << text;
  EXPECT_EQ(text.find("argument 2"), std::string::npos) << text;
}

TEST(Key, ExecutablesNotUsedForLongestAreGivenUp) {
  auto f = compile([](Tensor a) { return a + 1.0; });
  constexpr int64_t kEach = 6 << 20;  // elements: what an executable keeps of its results
  testing::internal::CaptureStderr();
  for (int64_t i = 0; i < 24; ++i) {
    f(zeros({kEach + i}));
    EXPECT_EQ(values(f(zeros({3})))[0], 1);  // used again each time, so never given up
  }
  const std::string text = testing::internal::GetCapturedStderr();
  EXPECT_NE(text.find("the ones not used for longest are given up"), std::string::npos) << text;
  EXPECT_NE(text.find("argument 0"), std::string::npos) << text;
  EXPECT_LE(f.function().executables(), 12u);
  EXPECT_GE(f.function().executables(), 2u);
}

TEST(Key, ACapturedVariableIsSeenWhileOthersHoldItsOldTensor) {
  Tensor w = full({2}, 1), v = full({2}, 2);
  const Tensor old = w;
  Tensors list = {full({2}, 1)};
  const Tensors old_list = list;
  Tensor count = state(full({2}, 0));
  const Tensor old_count = count;
  const auto eager = [&](Tensor x) { return x * w - v + list[0] + count; };
  auto f = compile(eager);
  const Tensor x = ones({2});
  const auto agree = [&] { EXPECT_EQ(values(f(x)), values(eager(x))); };
  agree(), agree();
  w = full({2}, 3), agree();
  std::swap(w, v), agree();
  list[0] = full({2}, 7), agree();
  count = state(full({2}, 9)), agree();
  w = full({1}, 5), agree();  // another shape
  w = old, agree();
  const size_t made = f.function().executables();
  for (int i = 0; i < 4; ++i) {
    std::swap(w, v), agree();
    Tensor other = w;  // another variable, which the function does not read
    other = x, agree();
  }
  EXPECT_LE(f.function().executables(), made + 2);  // those of before serve again
}

// ---- what only another trace can see

TEST(Retrace, FindsAtTheNextCallsWhatTheHostChanged) {
  struct Host {
    double factor = 1;
    int64_t length = 2;
    Tensors list = {full({4}, 1)};
  };
  for (const std::function<void(Host&)>& change : std::vector<std::function<void(Host&)>>{
           [](Host& h) { h.factor = 2; },
           [](Host& h) { h.length = 3; },
           [](Host& h) { h.list.push_back(full({4}, 3)); },
       }) {
    Host host;
    auto f = compile([&](Tensor x) {
      for (const Tensor& t : host.list) x = x + t;
      return sum(slice(x * host.factor, 0, 0, host.length)) *
             tensor({static_cast<float>(host.factor)});
    });
    const Tensor x = ones({4});
    f(x), f(x);
    change(host);
    for (int call = 3; call < 6; ++call)  // as long as it does
      expect_error([&] { f(x); }, "traces to another graph");
  }
}

TEST(Retrace, LooksEverMoreSeldomAndSaysSinceWhenResultsMayBeWrong) {
  int traces = 0;
  double factor = 1;
  auto f = compile([&](Tensor x) { return ++traces, x * factor; });
  const Tensor x = ones({2});
  for (int call = 1; call <= 100; ++call) f(x);
  EXPECT_EQ(traces, 4 + 4);  // 8, 16, 32, 64
  factor = 2;
  for (int call = 101; call < 128; ++call) f(x);
  expect_error([&] { f(x); }, "results since call 65 of 128 may be wrong");
}

TEST(Retrace, IsOffWithZero) {
  setenv("CAIRN_RETRACE", "0", 1);
  int traces = 0;
  auto f = compile([&](Tensor x) { return ++traces, x * 2.0; });
  unsetenv("CAIRN_RETRACE");
  for (int call = 0; call < 20; ++call) f(ones({2}));
  EXPECT_EQ(traces, 1);
}

TEST(Retrace, FindsEveryKindOfWhatIsFrozen) {
  const RetraceAlways on;
  Tensor w = full({2}, 1), kept = w;
  double factor = 1, tiny = 1, inside = 1;
  bool branch = false;
  const Tensor one = state(zeros({2})), two = state(zeros({2}));
  auto f = compile([&](Tensor x) {
    assign(branch ? one : two, x);
    return x * w * factor + tensor({static_cast<float>(inside), 0}) + tiny;
  });
  const Tensor x = ones({2});
  f(x), f(x);
  kept = w, w = full({2}, 3);  // someone still holds the first
  EXPECT_EQ(values(f(x))[1], 4);
  w = kept, f(x);
  factor = 2;
  expect_error([&] { f(x); }, "value=2");
  factor = 1, f(x);
  tiny = 1 + 1e-12;
  expect_error([&] { f(x); }, "traces to another graph");
  tiny = 1, f(x);
  inside = 4;
  expect_error([&] { f(x); }, "holds 4 0");
  inside = 1, f(x);
  branch = true;
  expect_error([&] { f(x); }, "tensor");
  branch = false, f(x);
}

TEST(Retrace, FindsAnotherLeafForTheGradient) {
  const RetraceAlways on;
  const Tensor a = parameter(ones({2})), b = parameter(ones({2}));
  bool second = false;
  auto f = compile([&](Tensor x) {
    const Tensor g = x * 2.0;
    (second ? b : a).set_grad(g);
    return g;
  });
  f(ones({2})), f(ones({2}));
  second = true;
  expect_error([&] { f(ones({2})); }, "gradient of tensor");
}

TEST(Retrace, LetsAFunctionKeepWhatItMadeOnce) {
  const RetraceAlways on;
  Tensor table;
  auto f = compile([&](Tensor x) {
    if (!table.defined()) table = tensor({1, 2});
    return x * table;
  });
  for (int i = 0; i < 3; ++i) EXPECT_EQ(values(f(ones({2}))), (std::vector<float>{1, 2}));
  table = tensor({3, 4});
  EXPECT_EQ(values(f(ones({2}))), (std::vector<float>{3, 4}));
}

// ---- threads

TEST(Threads, ThatCallOneCompiledFunctionTakeTurns) {
  nn::Linear layer(16, 16);
  const NoGrad outer;
  auto f = compile([&](Tensor x) { return layer(x); });
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      const NoGrad no_grad;
      const SerialScope serial;
      const Tensor x = full({1 + t % 2, 16}, t);
      const auto expected = values(layer(x));
      for (int i = 0; i < 50; ++i) {
        const auto got = values(f(x));
        for (size_t k = 0; k < got.size(); ++k)
          wrong += std::abs(got[k] - expected[k]) > 1e-4f * (1 + std::abs(expected[k]));
      }
    });
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(wrong, 0);
}

// ---- user's kernels

static void copy_kernel(const OpCall& c, const Launch& l) {
  for (int64_t i = 0; i < numel(c.shape()); ++i)
    static_cast<float*>(l.outputs[0])[i] = static_cast<const float*>(l.inputs[0])[i];
}

TEST(HostKernel, GetsContiguousInputsUnlessItReadsStrides) {
  static OpDef plain{
      "test_plain_copy", "x",     1,     1, [](OpCall& c) { c.set(0, c.dtype(), c.shape()); },
      kElementwise,      nullptr, "test"};
  plain.host_kernel = copy_kernel;
  static OpDef strided = plain;
  strided.name = "test_strided_copy", strided.flags |= kReadsStrides;
  strided.host_kernel = [](const OpCall& c, const Launch& l) {  // of a matrix
    const Layout& at = c.in(0).layout;
    for (int64_t i = 0; i < c.shape()[0]; ++i)
      for (int64_t k = 0; k < c.shape()[1]; ++k)
        static_cast<float*>(l.outputs[0])[i * c.shape()[1] + k] = static_cast<const float*>(
            l.inputs[0])[at.offset + i * at.strides[0] + k * at.strides[1]];
  };
  const Tensor x = tensor(std::vector<float>{0, 1, 2, 3, 4, 5}, {2, 3});
  for (const OpDef* op : {&plain, &strided}) {
    auto turned = [op](Tensor x) { return apply(*op, {transpose(x, 0, 1)}); };
    auto row = [op](Tensor x) { return apply(*op, {slice(x, 0, 1, 1)}); };
    EXPECT_EQ(values(turned(x)), (std::vector<float>{0, 3, 1, 4, 2, 5}));
    EXPECT_EQ(values(compile(turned)(x)), (std::vector<float>{0, 3, 1, 4, 2, 5}));
    EXPECT_EQ(values(row(x)), (std::vector<float>{3, 4, 5}));
    EXPECT_EQ(values(compile(row)(x)), (std::vector<float>{3, 4, 5}));
  }
  // Between convolutions, whose values lie in blocks.
  nn::Conv2d a(16, 16, 3, {.padding = 1}), b(16, 16, 3, {.padding = 1});
  const NoGrad no_grad;
  const Tensor image = randn({1, 16, 8, 8});
  auto with = [&](Tensor x) { return b(apply(plain, {a(x)})); };
  const auto compiled = values(compile(with)(image)), eager = values(b(a(image)));
  for (size_t i = 0; i < eager.size(); ++i) EXPECT_NEAR(compiled[i], eager[i], 1e-4);
}

}  // namespace cairn
