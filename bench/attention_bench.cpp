// Speed of the attention kernels: GFLOP/s of the products that are needed (half of them under a
// causal mask), best of several runs; and for decoding the bytes of keys and values read per
// second. bench_attention [threads]
#include <fmt/core.h>
#include <sys/mman.h>

#include <chrono>
#include <cstdlib>
#include <vector>

#include "cairn/backend/cpu/attention/attention.h"
#include "cairn/base/parallel.h"
#include "cairn/base/philox.h"

namespace {

using namespace cairn;
using namespace cairn::cpu;

template <class F>
double best_seconds(F run) {
  using Clock = std::chrono::steady_clock;
  double best = 1e9, total = 0;
  for (int i = 0; i < 200 && (i < 5 || total < 0.7); ++i) {
    const auto start = Clock::now();
    run();
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    best = std::min(best, seconds), total += seconds;
  }
  return best;
}

// Memory in huge pages, as the engine's arena has it.
class Buffer {
 public:
  explicit Buffer(int64_t floats) {
    const size_t bytes = (static_cast<size_t>(floats) * sizeof(float) + kPage) / kPage * kPage;
    data_ = static_cast<float*>(std::aligned_alloc(kPage, bytes));
    madvise(data_, bytes, MADV_HUGEPAGE);
    PhiloxStream random(1);
    for (int64_t i = 0; i < floats; ++i) data_[i] = random.uniform(-1, 1);
  }
  ~Buffer() { std::free(data_); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  float* data() { return data_; }

 private:
  static constexpr size_t kPage = 2 << 20;
  float* data_;
};

struct Problem {
  const char* name;
  AttentionShape shape;
  AttentionOptions options;
  bool fused_qkv = false;  // views of [B, T, 3, H, D]
};

void bench(const Problem& p, int threads) {
  const AttentionShape& s = p.shape;
  const AttentionPlan plan = plan_attention(s, p.options, threads);
  const int64_t tokens = s.batch * std::max(s.queries, s.keys), width = 3 * s.heads * s.dim;
  Buffer qkv(tokens * width), dqkv(tokens * width), dout(tokens * width / 3),
      out(tokens * width / 3);
  Buffer lse(s.batch * s.heads * s.queries);
  std::vector<char> work(std::max(plan.forward_workspace, plan.backward_workspace));
  const auto strides = [&](int64_t heads, int64_t length) {
    return p.fused_qkv ? TokenStrides{length * width, s.dim, width}
                       : TokenStrides{heads * length * s.dim, length * s.dim, s.dim};
  };
  const int64_t part = p.fused_qkv ? s.heads * s.dim : tokens * s.heads * s.dim;
  const TokenStrides qs = strides(s.heads, s.queries), ks = strides(s.kv_heads, s.keys);
  const TokenStrides os = {s.queries * s.heads * s.dim, s.dim, s.heads * s.dim};
  const AttentionInputs in = {.q = qkv.data(),
                              .k = qkv.data() + part,
                              .v = qkv.data() + 2 * part,
                              .q_strides = qs,
                              .k_strides = ks,
                              .v_strides = ks,
                              .mask_strides = {}};
  const AttentionGradients grad = {.out = out.data(),
                                   .lse = lse.data(),
                                   .dout = dout.data(),
                                   .out_strides = os,
                                   .dout_strides = os,
                                   .dq = dqkv.data(),
                                   .dk = dqkv.data() + part,
                                   .dv = dqkv.data() + 2 * part,
                                   .dq_strides = qs,
                                   .dk_strides = ks,
                                   .dv_strides = ks};
  const double pairs =
      double(s.batch * s.heads * s.queries) * s.keys * (p.options.causal ? 0.5 : 1);
  const double forward =
      best_seconds([&] { attention_forward(plan, in, out.data(), os, lse.data(), work.data()); });
  fmt::print("{:<34} forward {:9.3f} ms {:6.1f} GFLOP/s", p.name, forward * 1e3,
             4e-9 * pairs * s.dim / forward);
  if (plan.decode) {
    fmt::print("  {:6.1f} GB/s\n", 8e-9 * s.batch * s.kv_heads * s.keys * s.dim / forward);
    return;
  }
  const double backward = best_seconds([&] { attention_backward(plan, in, grad, work.data()); });
  fmt::print("  backward {:9.3f} ms {:6.1f} GFLOP/s  workspace {} KB\n", backward * 1e3,
             10e-9 * pairs * s.dim / backward, work.size() / 1024);
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::atoi(argv[1]) : num_threads();
  set_num_threads(threads);
  const auto self = [](int64_t b, int64_t h, int64_t t, int64_t d) {
    return AttentionShape{.batch = b, .heads = h, .kv_heads = h, .queries = t, .keys = t, .dim = d};
  };
  const AttentionOptions causal = {.causal = true};
  bench({"8 x 8 heads, T 256, D 64", self(8, 8, 256, 64), {}}, threads);
  bench({"8 x 8 heads, T 256, D 64, qkv", self(8, 8, 256, 64), {}, true}, threads);
  bench({"8 x 8 heads, T 256, D 64, causal", self(8, 8, 256, 64), causal}, threads);
  bench({"12 x 6 heads, T 256, D 64, qkv c.", self(12, 6, 256, 64), causal, true}, threads);
  bench({"4 x 8 heads, T 512, D 64", self(4, 8, 512, 64), {}}, threads);
  bench({"2 x 8 heads, T 1024, D 64", self(2, 8, 1024, 64), {}}, threads);
  bench({"2 x 8 heads, T 1024, D 64, causal", self(2, 8, 1024, 64), causal}, threads);
  bench({"2 x 16 heads, T 1024, D 64, qkv", self(2, 16, 1024, 64), {}, true}, threads);
  bench({"1 head, T 2048, D 64", self(1, 1, 2048, 64), {}}, threads);
  bench({"1 x 8 heads, T 8192, D 64, causal", self(1, 8, 8192, 64), causal}, threads);
  bench({"8 x 8 heads, T 256, D 40", self(8, 8, 256, 40), {}}, threads);
  bench({"8 x 8 heads, T 256, D 80", self(8, 8, 256, 80), {}}, threads);
  bench({"64 x 8 heads, T 32, D 32", self(64, 8, 32, 32), {}}, threads);
  bench({"8 x 8 heads, T 256, dropout 0.1", self(8, 8, 256, 64), {.dropout = 0.1f}}, threads);
  const auto decode = [](int64_t b, int64_t h, int64_t kv, int64_t keys) {
    return AttentionShape{
        .batch = b, .heads = h, .kv_heads = kv, .queries = 1, .keys = keys, .dim = 64};
  };
  bench({"decode 12 heads, 192 keys", decode(1, 12, 12, 192), {}}, threads);
  bench({"decode 32 heads, 8192 keys", decode(1, 32, 32, 8192), {}}, threads);
  bench({"decode 1 head, 65536 keys", decode(1, 1, 1, 65536), {}}, threads);
  bench({"decode 32 heads on 8, 16384 keys", decode(1, 32, 8, 16384), {}}, threads);
}
