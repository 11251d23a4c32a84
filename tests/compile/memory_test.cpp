// What compiled steps hold: attention over long sequences, losses over large vocabularies,
// activations that are computed again.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "cairn/autograd/autograd.h"
#include "cairn/compile/compile.h"
#include "cairn/compile/dump.h"
#include "cairn/graph/recorder.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"

namespace cairn {
namespace {

constexpr size_t kMega = size_t{1} << 20;

// The arena of a step that is compiled and never run.
size_t arena_of(const std::function<Tensors()>& body) {
  Graph graph;
  {
    GraphRecorder recorder(graph);
    RecorderScope scope(&recorder);
    for (const Tensor& t : body()) graph.outputs.push_back(recorder.value_of(t));
    recorder.finish();
  }
  return Executable(std::move(graph), current_backend(), std::make_shared<Arena>())
      .stats()
      .arena_bytes;
}

TEST(Memory, AttentionOver8192TokensNeedsLittleBeyondItsInputsAndOutputs) {
  const Shape shape = {1, 8, 8192, 64};
  const Tensor q = parameter(zeros(shape)), k = parameter(zeros(shape)),
               v = parameter(zeros(shape)), g = zeros(shape);
  for (const bool causal : {false, true})
    EXPECT_LT(arena_of([&]() -> Tensors {
                const Tensor y = attention(q, k, v, {.causal = causal});
                Tensors all = grad({sum(y * g)}, {q, k, v});
                all.push_back(y);
                return all;
              }),
              64 * kMega);
}

// The gradients' norm is checked before the States change: were it summed in the region that
// changes them, all of them would be copied at the end.
TEST(Memory, StatesAreWrittenWhereTheyLieBehindTheCheckOfTheirGradients) {
  const Shape shape = {512, 512};
  const Tensor w = parameter(ones(shape)), m = state(zeros(shape)), x = ones({1, 512});
  EXPECT_LT(arena_of([&]() -> Tensors {
              const Tensor g = grad({sum(square(square(w) * x))}, {w})[0];
              const Tensor norm = check_finite(sqrt(sum(square(g))));
              const Tensor moved = m * 0.9 + g;
              assign(m, moved);
              assign(w, w - moved * 0.1);
              return {norm};
            }),
            size_t{3} << 19);  // a gradient, of 1 MB
}

// Loss and gradients of a linear layer over many classes.
Tensors loss_and_gradients(const Tensor& x, const Tensor& w, const Tensor& b, const Tensor& target,
                           double times) {
  const Tensor logits =
      reshape(linear(reshape(x, {4, -1, x.size(1)}), w, b), {x.size(0), w.size(0)});
  const Tensor loss = cross_entropy(logits, target, {.ignore_index = 7}) * times;
  Tensors leaves = {x, w};
  if (b.defined()) leaves.push_back(b);
  Tensors all = grad({loss}, leaves);
  all.push_back(loss);
  return all;
}

TEST(Memory, LogitsOfALargeVocabularyAreNotKept) {
  manual_seed(1);
  for (const bool bias : {false, true})
    for (const double times : {1.0, 0.5}) {
      const Tensor x = parameter(randn({1024, 16})), w = parameter(randn({5000, 16})),
                   b = bias ? parameter(randn({5000})) : Tensor();
      for (const DType dtype : {DType::i64, DType::i32}) {
        Tensor target = cast(randint(5000, {1024}), dtype);
        target = where(lt(arange(0, 1024), 9.0), full({}, 7, dtype), target);
        auto body = [&](Tensor t) -> Tensors { return loss_and_gradients(x, w, b, t, times); };
        auto step = compile(body);
        const Tensors got = step(target), want = body(target);
        EXPECT_LT(step.last()->stats().arena_bytes, 13 * kMega);  // logits take 20
        for (size_t i = 0; i < want.size(); ++i) {
          const auto a = got[i].to_vector<float>(), e = want[i].to_vector<float>();
          ASSERT_EQ(a.size(), e.size());
          for (size_t j = 0; j < e.size(); ++j)
            ASSERT_NEAR(a[j], e[j], 1e-5 * (1 + std::abs(e[j]))) << "result " << i;
        }
      }
    }
}

TEST(Memory, LogitsThatAreReadElsewhereStay) {
  manual_seed(1);
  const Tensor x = parameter(randn({1024, 16})), w = parameter(randn({2000, 16})),
               target = randint(2000, {1024});
  auto step = compile([&](Tensor t) -> Tensors {
    const Tensor logits = linear(x, w, Tensor());
    const Tensor loss = cross_entropy(logits, t);
    return {grad({loss}, {w})[0], argmax(logits, 1), loss};
  });
  const Tensors got = step(target);
  const auto best = got[1].to_vector<int64_t>(),
             want = argmax(linear(x, w, Tensor()), 1).to_vector<int64_t>();
  EXPECT_EQ(best, want);
}

TEST(Memory, ATargetOutsideTheVocabularyIsNamed) {
  const Tensor x = parameter(zeros({1024, 4})), w = parameter(zeros({2000, 4}));
  auto step =
      compile([&](Tensor t) -> Tensors { return loss_and_gradients(x, w, Tensor(), t, 1); });
  step(zeros({1024}, DType::i64));
  try {
    step(full({1024}, 2000, DType::i64));
    FAIL() << "accepted";
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("2000"), std::string::npos) << e.what();
  }
}

TEST(Memory, ARegionWritesOverWhatItReadsThroughAView) {
  manual_seed(1);
  constexpr int64_t kWide = 512, kBytes = kWide * kWide * 4;
  const Tensor a = randn({kWide, 64}), b = randn({64, kWide}), c = randn({kWide, 8});
  auto body = [&](Tensor x) -> Tensor {
    const Tensor y = exp(reshape(matmul(x, b), {2, kWide / 2, kWide}) * 0.01);
    return matmul(reshape(y, {kWide, kWide}), c);
  };
  auto f = compile(body);
  const auto compiled = f(a).to_vector<float>(), eager = body(a).to_vector<float>();
  for (size_t i = 0; i < eager.size(); ++i) EXPECT_NEAR(compiled[i], eager[i], 1e-3);
  EXPECT_LT(f.last()->stats().arena_bytes, size_t{kBytes} * 3 / 2);
}

// A block whose activations are read through views by a matrix product, and by the backward pass.
TEST(Memory, ActivationsThatAreReadThroughViewsAreComputedAgain) {
  manual_seed(1);
  constexpr int64_t kLayers = 8, kWide = 512;
  std::vector<Tensor> weights;
  for (int64_t i = 0; i < 2 * kLayers; ++i)
    weights.push_back(parameter(randn(i % 2 ? Shape{kWide, 32} : Shape{32, kWide}) * 0.1));
  const Tensor x = parameter(randn({16, 128, 32}));
  auto body = [&](Tensor t) -> Tensors {
    Tensor h = x * t;
    for (int64_t i = 0; i < kLayers; ++i)
      h = h + matmul(gelu(matmul(h, weights[2 * i])), weights[2 * i + 1]);
    Tensors leaves = weights;
    leaves.push_back(x);
    return grad({sum(square(h))}, leaves);
  };
  size_t bytes[2];
  Tensors results[2];
  for (const bool on : {false, true}) {
    set_pass("rematerialize", on);
    auto step = compile(body);
    results[on] = step(scalar(1.0));
    bytes[on] = step.last()->stats().arena_bytes;
    // Forward, and once more in the region that multiplies with the slope.
    int64_t gates = 0;
    for (const Node& node : step.last()->graph().nodes)
      if (node.region)
        for (const RegionStep& s : node.region->steps)
          gates += std::string(s.op->name) == "gelu_gate";
    EXPECT_EQ(gates, 2 * kLayers);
  }
  EXPECT_LT(bytes[1], bytes[0] * 2 / 3);
  for (size_t i = 0; i < results[0].size(); ++i)
    EXPECT_EQ(results[0][i].to_vector<float>(), results[1][i].to_vector<float>());
}

}  // namespace
}  // namespace cairn
