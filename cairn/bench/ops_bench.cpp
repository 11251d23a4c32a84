#include "cairn/bench/ops_bench.h"

#include <algorithm>
#include <chrono>
#include <functional>

#include "cairn/base/json.h"
#include "cairn/autograd/autograd.h"
#include "cairn/compile/compile.h"
#include "cairn/ops/attention.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"

namespace cairn::bench {
namespace {

using Clock = std::chrono::steady_clock;

// Fastest microseconds of body(), over batches that are long enough to time.
double fastest_us(double seconds, const std::function<void()>& body) {
  const auto timed = [&](int64_t count) {
    const auto start = Clock::now();
    for (int64_t i = 0; i < count; ++i) body();
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  int64_t count = 1;
  while (timed(count) < 1e-3 && count < (1 << 20)) count *= 2;
  double best = 1e30, spent = 0;
  while (spent < seconds) {
    const double t = timed(count);
    best = std::min(best, t / static_cast<double>(count));
    spent += t;
  }
  return best * 1e6;
}

// What one more node costs in a replay: a chain of twice as many nodes against a chain.
double replayed_node_us(double seconds) {
  constexpr int kNodes = 100;
  const auto chain_us = [&](int nodes) {
    auto step = compile([nodes](Tensor x) -> Tensor {
      for (int i = 0; i < nodes; ++i) x = cumsum(x, 0);
      return x;
    });
    const Tensor x = zeros({1});
    return fastest_us(seconds / 2, [&] { step(x); });
  };
  return (chain_us(2 * kNodes) - chain_us(kNodes)) / kNodes;
}

// A step over a long sequence: what it holds beyond its inputs and outputs.
Json long_attention_row() {
  const Shape shape = {1, 8, 8192, 64};
  const Tensor q = parameter(randn(shape)), k = parameter(randn(shape)),
               v = parameter(randn(shape)), g = randn(shape);
  auto step = compile([&](Tensor weight) -> Tensors {
    const Tensor y = attention(q, k, v);
    Tensors all = grad({y}, {q, k, v}, {.grad_outputs = {weight}});
    all.push_back(y);
    return all;
  });
  step(g);
  const auto start = Clock::now();
  step(g);
  return {{"name", "attention with gradients, 8 heads of 64, 8192 positions, compiled"},
          {"system", "cairn"},
          {"us", std::chrono::duration<double>(Clock::now() - start).count() * 1e6},
          {"mb_beyond_inputs_and_outputs",
           static_cast<double>(step.last()->stats().arena_bytes) / (1 << 20)}};
}

// Resizing, pooling, picking, sorting: what computes little and moves much. Where a name ends so,
// the gradient of the input is in it. tools/torch_ops.py times the same in PyTorch.
template <class Add>
void add_moves(const Add& add) {
  const Tensor x = randn({8, 64, 32, 32});
  const auto both = [&](const char* name, const char* with_gradient, auto&& op) {
    add(name, 0, [&] { (void)op(x); });
    const Tensor ones = randn(op(x).shape());
    const Tensor leaf = parameter(x);
    const NoGrad taped(true);
    add(with_gradient, 0, [&] { (void)grad({op(leaf)}, {leaf}, {.grad_outputs = {ones}}); });
  };
  const auto resized = [](Interpolation mode) {
    return [=](const Tensor& t) { return interpolate(t, {.scale = {2}, .mode = mode}); };
  };
  both("nearest x2, 8 x 64 x 32 x 32", "nearest x2, 8 x 64 x 32 x 32, gradient",
       resized(Interpolation::nearest));
  both("bilinear x2, 8 x 64 x 32 x 32", "bilinear x2, 8 x 64 x 32 x 32, gradient",
       resized(Interpolation::linear));
  both("adaptive average to 7, 8 x 64 x 32 x 32", "adaptive average to 7, gradient",
       [](const Tensor& t) {
         return adaptive_avg_pool(t, {7, 7});
       });
  both("average 2 x 2, 8 x 64 x 32 x 32", "average 2 x 2, gradient",
       [](const Tensor& t) { return avg_pool2d(t, 2); });
  const Tensor table = randn({50000, 64}), picks = randint(50000, {20000});
  add("index_select, 20,000 of 50,000 rows of 64", 0, [&] { (void)index_select(table, 0, picks); });
  const Tensor columns = randint(64, {32});
  add("index_select, 32 of 64 columns of 50,000", 0,
      [&] { (void)index_select(table, 1, columns); });
  const Tensor scores = randn({512, 10000});
  add("topk 10 of 10,000, 512 rows", 0, [&] { (void)topk(scores, 10); });
  add("topk 1,000 of 10,000, 512 rows", 0, [&] { (void)topk(scores, 1000); });
  add("sort of 10,000, 512 rows", 0, [&] { (void)sort(scores); });
}

}  // namespace

Json op_rows(double seconds) {
  Json rows = Json::array();
  const auto add = [&](const char* name, double multiply_adds, const std::function<void()>& body) {
    const double us = fastest_us(seconds, body);
    Json row = {{"name", name}, {"system", "cairn"}, {"us", us}};
    if (multiply_adds > 0) row["gflop_per_s"] = 2e-3 * multiply_adds / us;
    rows.push_back(row);
  };
  const Tensor a = randn({16}), b = randn({16}), p = parameter(a);
  {
    const NoGrad no_grad;
    add("eager add, 16 floats, no gradient", 0, [&] { (void)(a + b); });
  }
  add("eager add, 16 floats, with gradient", 0, [&] { (void)(p + b); });
  rows.push_back({{"name", "replayed node, one float"},
                  {"system", "cairn"},
                  {"us", replayed_node_us(seconds)}});
  rows.push_back(long_attention_row());

  const NoGrad no_grad;
  const Tensor large = randn({1 << 22});
  add("add, 4 M floats", 0, [&] { (void)(large + large); });
  add("sum, 4 M floats", 0, [&] { (void)sum(large); });
  add("softmax, 4096 x 1024", 0, [x = reshape(large, {4096, 1024})] { (void)softmax(x); });
  const Tensor m = randn({1024, 1024});
  add("matmul, 1024 x 1024 x 1024", 1024.0 * 1024 * 1024, [&] { (void)matmul(m, m); });
  const Tensor images = randn({16, 64, 56, 56}), filter = randn({64, 64, 3, 3});
  add("conv2d, 16 x 64 x 56 x 56, 64 filters 3 x 3", 16.0 * 56 * 56 * 64 * 64 * 9,
      [&] { (void)conv2d(images, filter, {}, {.padding = {1}}); });
  const Tensor q = randn({1, 8, 1024, 64});
  add("attention, 8 heads of 64, 1024 positions", 2.0 * 8 * 1024 * 1024 * 64,
      [&] { (void)attention(q, q, q); });
  add_moves(add);
  return rows;
}

}  // namespace cairn::bench
