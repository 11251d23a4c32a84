// What single ops cost through the eager path: `bench_kernels`. Best of many, microseconds.
#include <chrono>
#include <cstdio>
#include <functional>

#include "cairn/base/parallel.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"

using namespace cairn;

namespace {

double best_us(const std::function<void()>& body, int repeats) {
  using Clock = std::chrono::steady_clock;
  double best = 1e30;
  const auto limit = Clock::now() + std::chrono::milliseconds(700);
  while (Clock::now() < limit) {
    const auto start = Clock::now();
    for (int i = 0; i < repeats; ++i) body();
    best = std::min(
        best, std::chrono::duration<double, std::micro>(Clock::now() - start).count() / repeats);
  }
  return best;
}

void row(const char* name, int repeats, const std::function<void()>& body, double flops = 0) {
  body();
  const double us = best_us(body, repeats);
  std::printf("%-34s %10.2f us", name, us);
  if (flops > 0) std::printf("  %7.1f GFLOP/s", flops / us / 1e3);
  std::printf("\n");
}

}  // namespace

int main() {
  NoGrad no_grad;
  std::printf("%d threads\n", num_threads());
  const Tensor small = rand({16}), other = rand({16});
  row("add, 16 floats", 2000, [&] { add(small, other); });
  row("relu, 16 floats", 2000, [&] { relu(small); });
  row("view of 16 floats", 2000, [&] { reshape(small, {4, 4}); });
  const Tensor large = rand({1 << 22}), matrix = rand({1024, 1024}), wide = rand({4096, 512});
  row("add, 4M floats", 5, [&] { add(large, large); });
  row("gelu, 4M floats", 5, [&] { gelu(large); });
  row("sum, 4M floats", 5, [&] { sum(large); });
  row("softmax, 4096 x 512", 5, [&] { softmax(wide, -1); });
  row("rand, 4M floats", 5, [&] { rand({1 << 22}); });
  row("randn, 4M floats", 2, [&] { randn({1 << 22}); });
  row(
      "matmul 1024^3", 2, [&] { matmul(matrix, matrix); }, 2.0 * 1024 * 1024 * 1024);
  row(
      "matmul 1024^3, transposed view", 2, [&] { matmul(matrix, transpose(matrix, 0, 1)); },
      2.0 * 1024 * 1024 * 1024);
  const Tensor batch = rand({64, 128, 64}), keys = rand({64, 64, 128});
  row(
      "matmul 64 x 128x64x128", 5, [&] { matmul(batch, keys); }, 2.0 * 64 * 128 * 64 * 128);
  const Tensor image = rand({32, 64, 32, 32}), filter = rand({64, 64, 3, 3});
  row(
      "conv 32x64x32x32, 3x3, plain", 2,
      [&] {
        conv2d(image, filter, Tensor(), {.padding = {1, 1}});
      },
      2.0 * 32 * 64 * 64 * 9 * 1024);
  row("max_pool 32x64x32x32, plain", 5, [&] { max_pool2d(image, 2); });
  row("cat 2 x 2M floats", 5, [&] { cat({image, image}, 1); });
  return 0;
}
