// Cairn's product of large matrices beside oneDNN's sgemm, over the shapes of the Transformer
// workloads: `bench_gemm`, or one: `bench_gemm M N K NT`. Best of alternated runs, GFLOP/s.
#include <dnnl.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <vector>

#include "cairn/backend/cpu/gemm/gemm.h"
#include "cairn/backend/cpu/onednn/primitive.h"
#include "cairn/base/parallel.h"

using namespace cairn;
using namespace cairn::cpu;

namespace {

double seconds_of(const std::function<void()>& body) {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  body();
  return std::chrono::duration<double>(Clock::now() - start).count();
}

struct Buffer {
  explicit Buffer(size_t floats)
      : data(static_cast<float*>(std::aligned_alloc(4096, (floats * 4 + 4095) / 4096 * 4096))) {
    for (size_t i = 0; i < floats; ++i) data[i] = static_cast<float>(i % 17) - 8.0f;
  }
  ~Buffer() { std::free(data); }
  float* data;
};

// A and B as a matrix with dense rows ('N') or dense columns ('T').
void row(const char* name, int64_t m, int64_t n, int64_t k, char order_a, char order_b) {
  Buffer a(m * k), b(k * n), c(m * n);
  const GemmShape shape{m, n, k};
  const GemmOperand x = order_a == 'N' ? GemmOperand{a.data, k, 1} : GemmOperand{a.data, 1, m};
  const GemmOperand y = order_b == 'N' ? GemmOperand{b.data, n, 1} : GemmOperand{b.data, 1, k};
  Buffer workspace(gemm_workspace(shape) / 4);
  double library = 1e9, own = 1e9;
  Buffer others(16 << 20);  // what the rest of a training step leaves in the caches
  const auto forget = [&] {
    for (int i = 0; i < 16 << 20; i += 16) others.data[i] += 1;
  };
  for (int round = 0; round < 12; ++round) {
    forget();
    library = std::min(library, seconds_of([&] {
                         onednn::ThreadScope scope(num_threads());
                         dnnl_sgemm(order_a, order_b, m, n, k, 1, a.data, order_a == 'N' ? k : m,
                                    b.data, order_b == 'N' ? n : k, 0, c.data, n);
                       }));
    forget();
    own = std::min(own, seconds_of([&] { gemm(shape, x, y, {}, c.data, n, workspace.data); }));
  }
  const double flops = 2e-9 * m * n * k;
  std::printf("%-16s %5ld x %5ld x %5ld %c%c  oneDNN %6.1f  own %6.1f  %5.2f%s\n", name, m, n, k,
              order_a, order_b, flops / library, flops / own, library / own,
              gemm_pays(shape) ? "" : "  (not chosen)");
}

}  // namespace

int main(int count, char** arguments) {
  std::printf("%d threads, GFLOP/s\n", num_threads());
  if (count == 5) {
    row("given", std::atol(arguments[1]), std::atol(arguments[2]), std::atol(arguments[3]),
        arguments[4][0], arguments[4][1]);
    return 0;
  }
  for (int64_t tokens : {4096, 3072, 2048}) {
    const int64_t width = tokens == 3072 ? 384 : 256;
    for (int64_t factor : {1, 2, 4}) {
      const int64_t out = width * factor;
      row("forward", tokens, out, width, 'N', 'T');
      row("input gradient", tokens, width, out, 'N', 'N');
      row("weight gradient", out, width, tokens, 'T', 'N');
      if (factor != 4) continue;
      row("forward", tokens, width, out, 'N', 'T');
      row("input gradient", tokens, out, width, 'N', 'N');
      row("weight gradient", width, out, tokens, 'T', 'N');
    }
  }
  row("LSTM input", 2048, 2048, 512, 'N', 'T');
  row("LSTM weights", 2048, 512, 2048, 'T', 'N');
  row("vocabulary", 2048, 8000, 256, 'N', 'T');
  row("vocabulary", 2048, 10000, 512, 'N', 'T');
  return 0;
}
