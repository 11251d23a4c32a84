// Does CAIRN_CONV=auto choose the quickest kernel? Some sixty convolutions, every kernel that can
// run them, alternated with the caches emptied of weights; the kernel that is chosen, the best one,
// and how much slower the chosen one is (regret).
//   bench_conv [--threads T] [--op infer|forward|input|weight] [--rounds R] [--bf16] [--avx2]
//   [--warm] [--only TEXT]
#include <fmt/core.h>
#include <hwy/highway.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <string>
#include <vector>

#include "cairn/backend/cpu/conv/conv_kernel.h"
#include "cairn/base/caches.h"
#include "cairn/base/parallel.h"
#include "cairn/device/backend.h"

using namespace cairn;

namespace {

struct Problem {
  const char* op;  // infer: forward with a weight that stays
  int64_t batch, in, out, size, kernel, stride, depth = 0;

  std::string text() const {
    return fmt::format("{:7} {:3} x {:4} -> {:4}, {:3}^{}, {}x{}{}", op, batch, in, out, size,
                       depth ? 3 : 2, kernel, kernel, stride == 2 ? " /2" : "");
  }
  double gflop(int64_t out_size) const {
    const double spatial = depth ? static_cast<double>(depth) * 9 : static_cast<double>(kernel);
    return 2e-9 * static_cast<double>(batch * in * out * out_size * out_size * kernel) * spatial;
  }
};

// ResNet-50 for one image and for 16, SqueezeNet for one; the trainings of ResNet-18 on CIFAR, a
// U-Net, GANs, video.
std::vector<Problem> problems() {
  std::vector<Problem> list;
  for (int64_t batch : {1, 16})
    for (const Problem& p : std::initializer_list<Problem>{{"infer", 0, 3, 64, 224, 7, 2},
                                                           {"infer", 0, 64, 64, 56, 1, 1},
                                                           {"infer", 0, 64, 64, 56, 3, 1},
                                                           {"infer", 0, 64, 256, 56, 1, 1},
                                                           {"infer", 0, 256, 64, 56, 1, 1},
                                                           {"infer", 0, 256, 128, 56, 1, 1},
                                                           {"infer", 0, 128, 128, 56, 3, 2},
                                                           {"infer", 0, 128, 512, 28, 1, 1},
                                                           {"infer", 0, 256, 512, 56, 1, 2},
                                                           {"infer", 0, 128, 128, 28, 3, 1},
                                                           {"infer", 0, 256, 256, 28, 3, 2},
                                                           {"infer", 0, 256, 1024, 14, 1, 1},
                                                           {"infer", 0, 256, 256, 14, 3, 1},
                                                           {"infer", 0, 512, 512, 14, 3, 2},
                                                           {"infer", 0, 1024, 2048, 14, 1, 2},
                                                           {"infer", 0, 512, 512, 7, 3, 1},
                                                           {"infer", 0, 2048, 512, 7, 1, 1}}) {
      list.push_back(p);
      list.back().batch = batch;
    }
  for (const char* op : {"forward", "input", "weight"})
    for (const Problem& p : std::initializer_list<Problem>{{op, 128, 64, 64, 32, 3, 1},
                                                           {op, 128, 64, 128, 32, 3, 2},
                                                           {op, 128, 128, 128, 16, 3, 1},
                                                           {op, 128, 256, 256, 8, 3, 1},
                                                           {op, 128, 512, 512, 4, 3, 1},
                                                           {op, 128, 64, 128, 32, 1, 2},
                                                           {op, 128, 64, 128, 16, 4, 2},
                                                           {op, 4, 32, 32, 64, 3, 1},
                                                           {op, 64, 32, 32, 28, 1, 1},
                                                           {op, 8, 16, 32, 16, 3, 1, 16}})
      list.push_back(p);
  for (const char* op : {"forward", "input", "weight"})
    for (const Problem& p : std::initializer_list<Problem>{{op, 64, 3, 64, 32, 4, 2},
                                                           {op, 64, 64, 128, 16, 4, 2},
                                                           {op, 64, 128, 256, 8, 4, 2},
                                                           {op, 64, 256, 512, 4, 4, 4},
                                                           {op, 64, 64, 128, 16, 5, 1}})
      list.push_back(p);
  // SqueezeNet 1.1
  for (const Problem& p : std::initializer_list<Problem>{{"infer", 1, 16, 64, 55, 3, 1},
                                                         {"infer", 1, 32, 128, 27, 3, 1},
                                                         {"infer", 1, 48, 192, 13, 3, 1},
                                                         {"infer", 1, 64, 256, 13, 3, 1},
                                                         {"infer", 1, 128, 16, 55, 1, 1},
                                                         {"infer", 1, 16, 64, 55, 1, 1},
                                                         {"infer", 1, 32, 128, 27, 1, 1},
                                                         {"infer", 1, 384, 64, 13, 1, 1},
                                                         {"infer", 1, 512, 1000, 13, 1, 1}})
    list.push_back(p);
  list.push_back({"infer", 1, 1, 32, 28, 3, 1}), list.push_back({"infer", 1, 32, 64, 14, 3, 1});
  for (const char* op : {"forward", "weight"}) list.push_back({op, 128, 3, 64, 32, 3, 1});
  for (const char* op : {"forward", "weight"}) list.push_back({op, 256, 1, 32, 28, 3, 1});
  return list;
}

DType type = DType::f32;  // of all operands
bool warm = false;        // caches stay as they are

using Clock = std::chrono::steady_clock;

// One kernel's plan with operands of its own.
class Candidate {
 public:
  explicit Candidate(const Problem& p) {
    const bool infer = p.op == std::string_view("infer"),
               gradient_of_input = *p.op == 'i' && !infer, gradient_of_weight = *p.op == 'w';
    const int spatial = p.depth ? 3 : 2;
    const int64_t pad = p.kernel == p.size ? 0 : (p.kernel - 1) / 2;
    Shape x{p.batch, p.in}, w{p.out, p.in}, y{p.batch, p.out};
    Ints stride, pads, dilation;
    for (int d = 0; d < spatial; ++d) {
      const int64_t size = d == 0 && p.depth ? p.depth : p.size;
      x.push_back(size), w.push_back(p.kernel), stride.push_back(p.stride);
      y.push_back((size + 2 * pad - p.kernel) / p.stride + 1);
      pads.push_back(pad), pads.push_back(pad), dilation.push_back(1);
    }
    out_size = y.back();
    attrs_ = {{"stride", stride}, {"pads", pads}, {"dilation", dilation}, {"groups", int64_t{1}}};
    if (gradient_of_input) attrs_.set("spatial", Ints(x.begin() + 2, x.end()));
    if (gradient_of_weight) attrs_.set("kernel", Ints(w.begin() + 2, w.end()));
    call_.op = &op_named(gradient_of_input    ? "conv_grad_input"
                         : gradient_of_weight ? "conv_grad_weight"
                                              : "conv");
    call_.attrs = &attrs_;
    descs_ = {TensorDesc(type, gradient_of_input ? y : x),
              TensorDesc(type, gradient_of_weight ? y : w), TensorDesc()};
    call_.inputs.push_back(&descs_[0]), call_.inputs.push_back(&descs_[1]);
    call_.outputs.push_back(&descs_[2]);
    call_.op->infer(call_);
    call_.fixed = infer ? 2 : 0;
    name = cpu::conv_kernel_name(call_);
    Backend& backend = backend_named("cpu");
    backend.preferred_layouts(call_);
    plan_ = backend.prepare(call_);
    for (const TensorDesc& d : descs_) buffers_.emplace_back(d.bytes() / sizeof(float) + 16, 0.1f);
    workspace_.resize(plan_->workspace_bytes / sizeof(float) + 32);
  }

  // Seconds of a launch after others used the caches; activations were written just before.
  double launch() {
    for (volatile float* p : {buffers_[0].data()})
      for (size_t i = 0; i < buffers_[0].size(); i += 16) (void)p[i];
    const void* in[] = {aligned(buffers_[0]), aligned(buffers_[1])};
    void* out[] = {aligned(buffers_[2])};
    Fault fault;
    const auto start = Clock::now();
    plan_->launch({in, out, aligned(workspace_), &fault});
    return std::chrono::duration<double>(Clock::now() - start).count();
  }
  std::string name;
  int64_t out_size = 0;
  std::vector<double> seconds;
  // Not the median: what else runs on the machine would decide between kernels.
  double fastest() const { return *std::min_element(seconds.begin(), seconds.end()); }

 private:
  static float* aligned(std::vector<float>& v) {
    const auto at = reinterpret_cast<uintptr_t>(v.data());
    return reinterpret_cast<float*>((at + 63) / 64 * 64);
  }
  Attrs attrs_;
  std::vector<TensorDesc> descs_;
  OpCall call_;
  std::unique_ptr<Plan> plan_;
  std::vector<std::vector<float>> buffers_;
  std::vector<float> workspace_;
};

// By reading: lines that were written would be written back during the measurement.
void empty_caches() {
  static const std::vector<float> other(static_cast<size_t>(caches().l3) * 2 / sizeof(float), 1);
  parallel_for(static_cast<int64_t>(other.size()), 1 << 16, [](int64_t begin, int64_t end) {
    float sum = 0;
    for (int64_t i = begin; i < end; i += 16) sum += other[static_cast<size_t>(i)];
    volatile float kept = sum;
    (void)kept;
  });
}

double measure(const Problem& p, int rounds) {
  setenv("CAIRN_CONV", "auto", 1);
  const std::string chosen = Candidate(p).name;
  std::vector<Candidate> candidates;
  for (const char* choice : {"auto", "direct", "gemm", "lines", "f2", "f4"}) {
    setenv("CAIRN_CONV", choice, 1);
    Candidate candidate(p);
    const bool known = std::any_of(candidates.begin(), candidates.end(),
                                   [&](const Candidate& c) { return c.name == candidate.name; });
    if (!known) candidates.push_back(std::move(candidate));
  }
  for (int round = 0; round < rounds; ++round)
    for (Candidate& c : candidates) {
      if (!warm) empty_caches();
      const double seconds = c.launch();
      if (round > 0) c.seconds.push_back(seconds);
    }
  double best = 1e9, own = 0;
  std::string row = p.text() + " ", best_name;
  for (Candidate& c : candidates) {
    const double seconds = c.fastest();
    row += fmt::format(" {} {:.3f}", c.name, 1e3 * seconds);
    if (seconds < best) best = seconds, best_name = c.name;
    if (c.name == chosen) own = seconds;
  }
  const double regret = own / best - 1;
  fmt::print("{} ms: {} chosen, {:.0f} GFLOP/s", row, chosen,
             p.gflop(candidates.front().out_size) / own);
  if (regret > 0) fmt::print(", {} best, regret {:.1f} %", best_name, 100 * regret);
  fmt::print("\n");
  std::fflush(stdout);
  return regret;
}

}  // namespace

int main(int argc, char** argv) {
  std::string op, only;
  int rounds = 6;
  for (int i = 1; i < argc; ++i) {
    const std::string arg = argv[i];
    const auto value = [&] { return std::string(i + 1 < argc ? argv[++i] : ""); };
    if (arg == "--threads") set_num_threads(std::atoi(value().c_str()));
    else if (arg == "--op") op = value();
    else if (arg == "--only") only = value();
    else if (arg == "--rounds") rounds = std::max(2, std::atoi(value().c_str()));
    else if (arg == "--warm") warm = true;
    else if (arg == "--bf16") type = DType::bf16;
    else if (arg == "--avx2") {
      setenv("DNNL_MAX_CPU_ISA", "AVX2", 1);
      hwy::SetSupportedTargetsForTest(HWY_AVX2);
    } else return fmt::print(stderr, "unknown option {}\n", arg), 2;
  }
  double sum = 0, worst = 0;
  int count = 0;
  for (const Problem& p : problems()) {
    if ((!op.empty() && op != p.op) || p.text().find(only) == std::string::npos) continue;
    const double regret = measure(p, rounds);
    sum += regret, worst = std::max(worst, regret), ++count;
  }
  fmt::print("{} convolutions: regret {:.1f} % on average, {:.1f} % at worst\n", count,
             100 * sum / std::max(1, count), 100 * worst);
  return 0;
}
