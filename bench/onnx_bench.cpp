// Times an ONNX file (or a run) as the program computes it, when it is asked: tools/onnx_speed.py.
//   bench_onnx FILE BATCH LENGTH SECONDS
// For each line on standard input, 1 (one thread) or 0 (all), runs for so long and prints the
// milliseconds of one run. With CAIRN_PROFILE=1 it ends with where the time went.
#include <fmt/core.h>

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <iostream>

#include "cairn/compile/profile.h"
#include "cairn/infer/context.h"

namespace {

using namespace cairn;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

// A context with memory and operands of its own.
struct Runner {
  Runner(const std::shared_ptr<infer::Opened>& opened, int64_t batch, int64_t length, int threads)
      : context(opened, batch, length, threads), memory(context.memory()) {
    context.lend(memory.data(), memory.size());
    for (size_t i = 0; i < opened->takes.size(); ++i) add(context.input(i));
    for (const std::vector<char>& o : operands) in.push_back(o.data());
    const size_t inputs = operands.size();
    for (size_t i = 0; i < opened->gives.size(); ++i) add(context.output(i));
    for (size_t i = inputs; i < operands.size(); ++i) out.push_back(operands[i].data());
  }
  void add(const TensorDesc& desc) {
    std::vector<char> bytes(desc.bytes());
    for (int64_t i = 0; i < numel(desc.shape); ++i)  // 1 is a token of any model
      store_element(bytes.data() + static_cast<size_t>(i) * size_of(desc.dtype), desc.dtype,
                    is_float(desc.dtype) ? std::sin(static_cast<double>(i)) : 1);
    operands.push_back(std::move(bytes));
  }
  double milliseconds(double seconds) {
    const auto begin = Clock::now();
    int count = 0;
    do context.run(in.data(), out.data()), ++count;
    while (seconds_since(begin) < seconds);
    return seconds_since(begin) * 1e3 / count;
  }

  infer::Context context;
  std::vector<char> memory;
  std::vector<std::vector<char>> operands;
  std::vector<const void*> in;
  std::vector<void*> out;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return fmt::print(stderr, "bench_onnx FILE BATCH LENGTH SECONDS\n"), 2;
  try {
    const auto opened = std::make_shared<infer::Opened>(argv[1]);
    const int64_t batch = std::atoll(argv[2]), length = std::atoll(argv[3]);
    const bool profile = std::getenv("CAIRN_PROFILE") != nullptr;
    if (profile) start_profile();
    Runner all(opened, batch, length, 0), one(opened, batch, length, 1);
    for (int threads = 0; std::cin >> threads;) {
      fmt::print("{}\n", (threads == 1 ? one : all).milliseconds(std::atof(argv[4])));
      std::fflush(stdout);
    }
    if (profile) fmt::print("{}", profile_report());
  } catch (const std::exception& e) { return fmt::print(stderr, "{}\n", e.what()), 1; }
  return 0;
}
