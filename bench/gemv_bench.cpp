// Products of a large weight matrix with 1 to 8 vectors: bytes of weights read per second, beside a
// plain sum of the same memory, which is what the machine streams. bench_gemv [threads]
#include <fmt/core.h>

#include <chrono>
#include <cstdlib>
#include <vector>

#include "cairn/backend/cpu/gemv/gemv.h"
#include "cairn/base/parallel.h"

namespace {

using namespace cairn;
using namespace cairn::cpu;

template <class F>
double best_seconds(F run) {
  using Clock = std::chrono::steady_clock;
  double best = 1e9, total = 0;
  for (int i = 0; i < 100 && (i < 5 || total < 0.5); ++i) {
    const auto start = Clock::now();
    run();
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    best = std::min(best, seconds), total += seconds;
  }
  return best;
}

double stream_seconds(const std::vector<float>& x) {
  std::vector<float> sums(64 * 16);
  return best_seconds([&] {
    parallel_for(static_cast<int64_t>(x.size()) / 16, 1, [&](int64_t begin, int64_t end) {
      float sum[16] = {};
      for (int64_t i = begin; i < end; ++i)
        for (int j = 0; j < 16; ++j) sum[j] += x[i * 16 + j];
      for (int j = 0; j < 16; ++j) sums[begin % 64 * 16 + j] = sum[j];
    });
  });
}

}  // namespace

int main(int argc, char** argv) {
  set_num_threads(argc > 1 ? std::atoi(argv[1]) : num_threads());
  for (auto [outputs, depth] : {std::pair<int64_t, int64_t>{50257, 768}, {12288, 3072}}) {
    std::vector<float> weight(outputs * depth, 0.5f), x(8 * depth, 1), y(8 * outputs),
        scales(outputs, 0.5f / 127);
    std::vector<int8_t> quantized(weight.size(), 127);
    const double bytes = 4e-9 * static_cast<double>(weight.size());
    fmt::print("{} x {}: plain sum {:.1f} GB/s\n", outputs, depth, bytes / stream_seconds(weight));
    for (int64_t rows : {1, 2, 3, 4, 6, 8}) {
      const double f32 = best_seconds([&] {
        gemv_f32(weight.data(), outputs, depth, x.data(), depth, rows, {}, y.data(), outputs);
      });
      const double i8 = best_seconds([&] {
        gemv_i8(quantized.data(), scales.data(), outputs, depth, x.data(), depth, rows, {},
                y.data(), outputs);
      });
      fmt::print("  {} rows: f32 {:8.3f} ms {:5.1f} GB/s, int8 {:8.3f} ms {:5.1f} GB/s\n", rows,
                 f32 * 1e3, bytes / f32, i8 * 1e3, bytes / 4 / i8);
    }
  }
}
