// Time of the CTC loss, forward and backward. Usage: bench_ctc [seconds a row]
#include <fmt/core.h>

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <random>
#include <vector>

#include "cairn/backend/cpu/ctc/ctc.h"
#include "cairn/base/parallel.h"

namespace {

using namespace cairn;
using namespace cairn::cpu;

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::vector<float> floats_of(size_t bytes) { return std::vector<float>(bytes / 4 + 16); }

void measure(int64_t steps, int64_t batch, int64_t classes, int64_t target, double seconds) {
  const CtcConfig config{steps, batch, classes, target};
  const CtcSizes sizes = ctc_sizes(config);
  std::vector<float> x(steps * batch * classes, -std::log(float(classes))), dx(x.size());
  std::vector<float> losses(batch), dlosses(batch, 1.0f);
  std::vector<int32_t> labels(batch * target);
  std::mt19937 engine(1);
  for (int32_t& label : labels) label = 1 + engine() % (classes - 1);
  auto reserve = floats_of(sizes.reserve_bytes);
  auto workspace = floats_of(sizes.workspace_bytes);
  const CtcInput input{x.data(), batch * classes, classes, labels.data()};
  double best = 1e9, best_forward = 1e9;
  for (double start = now(); now() - start < seconds;) {
    const double begin = now();
    ctc_forward(config, input, losses.data(), reserve.data(), workspace.data());
    best_forward = std::min(best_forward, now() - begin);
    ctc_backward(config, input, reserve.data(), dlosses.data(), dx.data(), batch * classes, classes,
                 workspace.data());
    best = std::min(best, now() - begin);
  }
  fmt::print("CTC {} x {}, {} classes, {} labels: {:.3f} ms (forward {:.3f}), loss {:.3f}\n", batch,
             steps, classes, target, best * 1e3, best_forward * 1e3, losses[0]);
}

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 1.0;
  fmt::print("{} threads\n", num_threads());
  measure(200, 16, 29, 40, seconds);
  measure(1000, 16, 29, 150, seconds);
  measure(200, 16, 5000, 40, seconds);
}
