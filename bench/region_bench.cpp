// Speed of the region engine beside plain loops: bench_region [threads].
#include <fmt/core.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "cairn/backend/cpu/region/region.h"
#include "cairn/base/parallel.h"

using namespace cairn;
using namespace cairn::cpu;

namespace {

double best_seconds(double budget, FunctionRef<void()> body) {
  using Clock = std::chrono::steady_clock;
  const auto seconds = [](auto a, auto b) { return std::chrono::duration<double>(b - a).count(); };
  body();
  double best = 1e9;
  const auto start = Clock::now();
  int repeats = 1;
  while (seconds(start, Clock::now()) < budget) {
    const auto begin = Clock::now();
    for (int i = 0; i < repeats; ++i) body();
    const double spent = seconds(begin, Clock::now());
    best = std::min(best, spent / repeats);
    if (spent < 1e-4) repeats *= 2;
  }
  return best;
}

// Memory in huge pages, touched.
float* floats(int64_t count) {
  const size_t bytes = (static_cast<size_t>(count) * 4 + (2 << 20)) & ~((size_t{2} << 20) - 1);
  float* p = static_cast<float*>(std::aligned_alloc(2 << 20, bytes + (2 << 20)));
  for (int64_t i = 0; i < count; ++i) p[i] = static_cast<float>(i % 17) * 0.1f - 0.5f;
  return p;
}

int threads = 2;

// Times a program; `bytes` is what it must move at least.
void measure(const char* name, const RegionProgram& program, int used_threads, double bytes = 0) {
  const RegionPlan plan(program, used_threads);
  std::vector<const void*> in;
  std::vector<void*> out;
  const auto extent = [&](const RegionOperand& o) {
    int64_t last = o.offset;
    for (int d = 0; d < program.dims.ssize(); ++d) last += o.strides[d] * (program.dims[d] - 1);
    return last + 1;
  };
  for (const auto& o : program.inputs) in.push_back(floats(extent(o)));
  for (const auto& o : program.outputs) out.push_back(floats(extent(o)));
  void* workspace = std::aligned_alloc(64, (plan.workspace_bytes() + 127) / 64 * 64);
  const double s = best_seconds(0.4, [&] { plan.run(in.data(), out.data(), workspace); });
  fmt::print("{:44} {:>2} threads {:>12.2f} us {:>8.3f} ns/value", name, used_threads, s * 1e6,
             s * 1e9 / static_cast<double>(numel(program.dims)));
  fmt::print("{}\n", bytes > 0 ? fmt::format(" {:>6.1f} GB/s", bytes / s * 1e-9) : "");
  std::fflush(stdout);
  for (const void* p : in) std::free(const_cast<void*>(p));
  for (void* p : out) std::free(p);
  std::free(workspace);
}

RegionOperand dense(const Ints& dims) { return {DType::f32, contiguous_strides(dims)}; }

RegionProgram binary(const char* fn, const Ints& dims, RegionOperand a, RegionOperand b) {
  RegionBuilder r(dims);
  const int x = r.load(a);
  r.store(r.compute(fn, x, r.load(b)), dense(dims));
  return r.program();
}
RegionProgram unary(const char* fn, const Ints& dims) {
  RegionBuilder r(dims);
  r.store(r.compute(fn, r.load(dense(dims)), -1, -1, 1, 20), dense(dims));
  return r.program();
}

RegionProgram softmax(int64_t rows, int64_t columns) {
  const Ints dims{rows, columns};
  RegionBuilder r(dims, 1);
  const int x = r.load(dense(dims));
  const int e = r.compute("exp", r.compute("sub", x, r.row_reduce(Combine::max, x)));
  r.store(r.compute("mul", e, r.compute("reciprocal", r.row_reduce(Combine::sum, e))), dense(dims));
  return r.program();
}

RegionProgram layer_norm(int64_t rows, int64_t columns) {
  const Ints dims{rows, columns};
  const RegionOperand row{DType::f32, {0, 1}};
  const float scale = 1.0f / static_cast<float>(columns);
  RegionBuilder r(dims, 1);
  const int x = r.load(dense(dims));
  const int d = r.compute("sub", x, r.row_reduce(Combine::sum, x, scale));
  const int variance = r.row_reduce(Combine::sum, r.compute("square", d), scale);
  const int rstd = r.compute("rsqrt", r.compute("add_scalar", variance, -1, -1, 1e-5f));
  const int y = r.compute("mul", d, rstd), weight = r.load(row), bias = r.load(row);
  r.store(r.compute("fma", y, weight, bias), dense(dims));
  return r.program();
}

// dx, and the sums for the weight and the bias.
RegionProgram layer_norm_backward(int64_t rows, int64_t columns) {
  const Ints dims{rows, columns};
  const RegionOperand row{DType::f32, {0, 1}}, column{DType::f32, {1, 0}};
  const float scale = 1.0f / static_cast<float>(columns);
  RegionBuilder r(dims, 1);
  const int dy = r.load(dense(dims)), x = r.load(dense(dims)), weight = r.load(row);
  const int mean = r.load(column), rstd = r.load(column);
  const int xhat = r.compute("mul", r.compute("sub", x, mean), rstd);
  const int g = r.compute("mul", dy, weight);
  const int a = r.row_reduce(Combine::sum, g, scale);
  const int b = r.row_reduce(Combine::sum, r.compute("mul", g, xhat), scale);
  const int inner = r.compute("sub", r.compute("sub", g, a), r.compute("mul", xhat, b));
  r.store(r.compute("mul", inner, rstd), dense(dims));
  r.reduce_store(Combine::sum, r.compute("mul", dy, xhat), row);
  r.reduce_store(Combine::sum, dy, row);
  return r.program();
}

// Batch norm of channel-blocked images, residual and relu: 8 instructions.
RegionProgram norm_add_relu(int64_t batch, int64_t channels, int64_t pixels, int64_t lanes) {
  const Ints dims{batch, channels / lanes, pixels, lanes};
  const RegionOperand channel{DType::f32, {0, lanes, 0, 1}};
  RegionBuilder r(dims);
  const int x = r.load(dense(dims)), mean = r.load(channel), rstd = r.load(channel);
  const int weight = r.load(channel), bias = r.load(channel), residual = r.load(dense(dims));
  const int y = r.compute("mul", r.compute("sub", x, mean), rstd);
  const int z = r.compute("add", r.compute("add", r.compute("mul", y, weight), bias), residual);
  r.store(r.compute("relu", z), dense(dims));
  return r.program();
}

RegionProgram norm_sums(int64_t batch, int64_t channels, int64_t pixels, int64_t lanes) {
  const Ints dims{batch, channels / lanes, pixels, lanes};
  const RegionOperand channel{DType::f32, {0, lanes, 0, 1}};
  RegionBuilder r(dims);
  const int x = r.load(dense(dims));
  r.reduce_store(Combine::sum, x, channel);
  r.reduce_store(Combine::sum, r.compute("square", x), channel);
  return r.program();
}

RegionProgram reduction(const Ints& dims, const Ints& strides) {
  RegionBuilder r(dims);
  r.reduce_store(Combine::sum, r.load(dense(dims)), {DType::f32, strides});
  return r.program();
}

// c = a + b by plain loops, the bar for memory-bound programs.
void plain_add(int64_t n) {
  float *a = floats(n), *b = floats(n), *c = floats(n);
  const double s = best_seconds(0.4, [&] {
    parallel_for(n, 1, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) c[i] = a[i] + b[i];
    });
  });
  fmt::print("{:44} {:>2} threads {:>12.2f} us {:>8.3f} ns/value {:>6.1f} GB/s\n",
             fmt::format("plain loop c = a + b, {}", n), threads, s * 1e6, s * 1e9 / double(n),
             12.0 * double(n) / s * 1e-9);
  std::free(a), std::free(b), std::free(c);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) threads = std::atoi(argv[1]);
  set_num_threads(threads);
  measure("add [16]", binary("add", {16}, dense({16}), dense({16})), 1);
  measure("relu [16]", unary("relu", {16}), 1);
  measure("add [1024]", binary("add", {1024}, dense({1024}), dense({1024})), 1);
  measure("sum [16]", reduction({16}, {0}), 1);
  for (const char* fn :
       {"relu", "exp", "tanh", "sigmoid", "erf", "gelu", "gelu_tanh", "silu", "log", "sin"})
    measure(fmt::format("{} [8192]", fn).c_str(), unary(fn, {8192}), 1);
  constexpr int64_t n = 16 << 20;
  plain_add(n);
  measure("add [16 M]", binary("add", {n}, dense({n}), dense({n})), threads, 12.0 * n);
  plain_add(1 << 18);
  measure("add [256 K]", binary("add", {1 << 18}, dense({1 << 18}), dense({1 << 18})), threads,
          12.0 * (1 << 18));
  const Ints rows{3072, 384};
  const double row_bytes = 4.0 * 3072 * 384;
  measure("add [3072, 384] + [384]", binary("add", rows, dense(rows), {DType::f32, {0, 1}}),
          threads, 2 * row_bytes);
  measure("add [3072, 384] + [3072, 1]", binary("add", rows, dense(rows), {DType::f32, {1, 0}}),
          threads, 2 * row_bytes);
  measure("add [3072, 384] + transposed", binary("add", rows, dense(rows), {DType::f32, {1, 3072}}),
          threads, 3 * row_bytes);
  measure("add [12288, 10] + [10]",
          binary("add", {12288, 10}, dense({12288, 10}), {DType::f32, {0, 1}}), threads,
          8.0 * 122880);
  const Ints nchw{64, 64, 1024};
  const double image_bytes = 4.0 * 64 * 64 * 1024;
  measure("add NCHW [64, 64, 32x32] + channel",
          binary("add", nchw, dense(nchw), {DType::f32, {0, 1, 0}}), threads, 2 * image_bytes);
  measure("norm, add, relu [64, 8, 32x32, 8]", norm_add_relu(64, 64, 1024, 8), threads,
          3 * image_bytes);
  measure("norm, add, relu [64, 64, 4x4, 8]", norm_add_relu(64, 512, 16, 8), threads,
          12.0 * 64 * 512 * 16);
  measure("sum, sum of squares [64, 8, 32x32, 8]", norm_sums(64, 64, 1024, 8), threads,
          image_bytes);
  measure("sum, sum of squares [64, 64, 4x4, 8]", norm_sums(64, 512, 16, 8), threads,
          4.0 * 64 * 512 * 16);
  measure("softmax [18432, 256]", softmax(12 * 6 * 256, 256), threads, 8.0 * 18432 * 256);
  measure("softmax [128, 10]", softmax(128, 10), threads);
  measure("softmax [64, 50257]", softmax(64, 50257), threads, 8.0 * 64 * 50257);
  measure("layer norm [3072, 384]", layer_norm(3072, 384), threads, 2 * row_bytes);
  measure("layer norm backward [3072, 384]", layer_norm_backward(3072, 384), threads,
          3 * row_bytes);
  measure("column sums [3072, 384]", reduction(rows, {0, 1}), threads, row_bytes);
  measure("row sums [3072, 384]", reduction(rows, {1, 0}), threads, row_bytes);
  measure("sum [3072, 384]", reduction(rows, {0, 0}), threads, row_bytes);
  measure("sum [16 M]", reduction({n}, {0}), threads, 4.0 * n);
  measure("column sums [100000, 10]", reduction({100000, 10}, {0, 1}), threads, 4e6);
  measure("row sums [100000, 10]", reduction({100000, 10}, {1, 0}), threads, 4e6);
}
