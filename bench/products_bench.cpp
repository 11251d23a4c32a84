// Which kernel Cairn chooses for a matrix product, which is quickest, and what the choice costs:
// `bench_products`, over shapes of networks and some that nobody wants. Each kernel's best of
// alternated rounds; regret: its time over that of the quickest, less 1. oneDNN's sgemm stands
// beside them (it is not chosen: it allocates).
#include <dnnl.h>
#include <sys/mman.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>

#include "cairn/backend/cpu/gemm/product.h"
#include "cairn/backend/cpu/onednn/primitive.h"
#include "cairn/base/parallel.h"

using namespace cairn;
using namespace cairn::cpu;

namespace {

constexpr ProductKernel kKernels[] = {ProductKernel::packed, ProductKernel::unpacked,
                                      ProductKernel::few_rows};
constexpr int kRounds = 15;

struct Case {
  int64_t m, n, k;
  char a, b;  // 'N' rows are dense, 'T' columns are
};
constexpr Case kShapes[] = {
    {4, 4, 4, 'N', 'N'},         {8, 8, 8, 'N', 'T'},         {16, 16, 16, 'N', 'N'},
    {32, 32, 32, 'T', 'N'},      {1, 64, 64, 'N', 'N'},       {1, 768, 768, 'N', 'T'},
    {1, 3072, 768, 'N', 'T'},    {1, 768, 3072, 'N', 'N'},    {2, 1024, 1024, 'N', 'T'},
    {4, 512, 512, 'N', 'T'},     {6, 1000, 512, 'N', 'N'},    {8, 2048, 512, 'N', 'T'},
    {10, 512, 512, 'N', 'T'},    {16, 1024, 1024, 'N', 'T'},  {16, 1024, 1024, 'N', 'N'},
    {12, 1536, 384, 'N', 'T'},   {12, 384, 1536, 'N', 'T'},   {16, 1152, 384, 'N', 'T'},
    {24, 1536, 384, 'N', 'T'},   {24, 384, 1536, 'N', 'T'},   {32, 1536, 384, 'N', 'T'},
    {32, 384, 384, 'N', 'T'},    {40, 384, 1536, 'N', 'T'},   {48, 1536, 384, 'N', 'T'},
    {64, 1536, 384, 'N', 'T'},   {64, 384, 1536, 'N', 'T'},   {96, 1536, 384, 'N', 'T'},
    {24, 384, 384, 'N', 'N'},    {32, 168, 128, 'N', 'T'},    {32, 128, 168, 'N', 'N'},
    {168, 128, 32, 'T', 'N'},    {64, 10, 500, 'N', 'T'},     {10, 500, 64, 'T', 'N'},
    {64, 500, 10, 'N', 'N'},     {64, 64, 64, 'N', 'T'},      {64, 64, 64, 'N', 'N'},
    {128, 768, 768, 'N', 'T'},   {128, 3072, 768, 'N', 'T'},  {100, 29, 512, 'N', 'T'},
    {3200, 29, 512, 'N', 'T'},   {29, 512, 3200, 'T', 'N'},   {256, 64, 256, 'N', 'N'},
    {256, 256, 64, 'N', 'T'},    {1000, 7, 128, 'N', 'T'},    {384, 7, 3072, 'T', 'N'},
    {3072, 1, 384, 'N', 'N'},    {1, 384, 3072, 'T', 'N'},    {512, 512, 512, 'N', 'N'},
    {512, 512, 512, 'T', 'N'},   {3072, 384, 384, 'N', 'T'},  {384, 1536, 3072, 'T', 'N'},
    {2048, 2048, 512, 'N', 'T'}, {2048, 256, 1024, 'N', 'N'}, {4096, 48, 27, 'N', 'T'},
    {48, 27, 4096, 'T', 'N'},    {20, 4096, 20, 'N', 'N'},
};

// In huge pages, as the engine's own memory.
struct Buffer {
  explicit Buffer(int64_t floats) {
    constexpr size_t kHuge = 2 << 20;
    const size_t bytes = (static_cast<size_t>(floats) * sizeof(float) + kHuge) / kHuge * kHuge;
    data = static_cast<float*>(std::aligned_alloc(kHuge, bytes));
    madvise(data, bytes, MADV_HUGEPAGE);
    for (int64_t i = 0; i < floats; ++i) data[i] = static_cast<float>(i % 17) - 8.0f;
  }
  ~Buffer() { std::free(data); }
  float* data;
};

// Microseconds of one call, of enough of them to be seen.
double microseconds(int64_t calls, const std::function<void()>& body) {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  for (int64_t i = 0; i < calls; ++i) body();
  return std::chrono::duration<double, std::micro>(Clock::now() - start).count() /
         static_cast<double>(calls);
}

// The regret of one shape.
double row(const Case& s) {
  Buffer a(s.m * s.k), b(s.k * s.n), c(s.m * s.n);
  const GemmShape shape{s.m, s.n, s.k};
  const GemmOperand x = s.a == 'N' ? GemmOperand{a.data, s.k, 1} : GemmOperand{a.data, 1, s.m};
  const GemmOperand y = s.b == 'N' ? GemmOperand{b.data, s.n, 1} : GemmOperand{b.data, 1, s.k};
  const auto workspace_floats = [&] {
    size_t most = 0;
    for (const ProductKernel kernel : kKernels)
      most = std::max(most, product_workspace(kernel, shape, x));
    return static_cast<int64_t>(most / sizeof(float));
  };
  Buffer workspace(workspace_floats());
  double best[4] = {INFINITY, INFINITY, INFINITY, INFINITY};
  const int64_t calls = std::clamp<int64_t>(4'000'000 / (s.m * s.n * s.k), 1, 2000);
  for (int round = 0; round < kRounds; ++round) {
    for (int i = 0; i < 3; ++i) {
      if (!product_works(kKernels[i], shape, x, y, false)) continue;
      best[i] = std::min(best[i], microseconds(calls, [&] {
                           product(kKernels[i], shape, x, y, {}, c.data, s.n, workspace.data);
                         }));
    }
    onednn::ThreadScope scope(num_threads());
    best[3] = std::min(best[3], microseconds(calls, [&] {
                         dnnl_sgemm(s.a, s.b, s.m, s.n, s.k, 1, a.data, s.a == 'N' ? s.k : s.m,
                                    b.data, s.b == 'N' ? s.n : s.k, 0, c.data, s.n);
                       }));
  }
  const int chosen = static_cast<int>(choose_product(shape, x, y, false));
  const int quickest = static_cast<int>(std::min_element(best, best + 3) - best);
  const double regret = best[chosen] / best[quickest] - 1;
  std::printf("%5ld %5ld %5ld %c%c  %-9s", s.m, s.n, s.k, s.a, s.b, name_of(kKernels[chosen]));
  for (const double time : best)
    if (std::isinf(time)) std::printf(" %9s", "-");
    else std::printf(" %9.2f", time);
  std::printf("  best %-9s regret %5.1f %%  %6.1f GFLOP/s\n", name_of(kKernels[quickest]),
              100 * regret, 2e-3 * static_cast<double>(s.m * s.n * s.k) / best[chosen]);
  return regret;
}

}  // namespace

int main() {
  std::printf(
      "%d threads, microseconds\n    m     n     k      chosen       packed  unpacked  few rows    "
      " sgemm\n",
      num_threads());
  double sum = 0, worst = 0;
  for (const Case& s : kShapes) {
    const double regret = row(s);
    sum += regret, worst = std::max(worst, regret);
  }
  std::printf("%zu shapes: regret %.1f %% on average, %.1f %% at worst\n", std::size(kShapes),
              100 * sum / std::size(kShapes), 100 * worst);
  return 0;
}
