#include "cairn/bench/bench.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "cairn/base/invalid_option.h"
#include "cairn/base/json.h"
#include "cairn/base/parallel.h"
#include "cairn/bench/ops_bench.h"
#include "cairn/bench/workloads.h"
#include "cairn/compile/profile.h"
#include "cairn/io/file.h"
#include "cairn/ops/context.h"
#include "cairn/ops/random.h"

namespace cairn::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kWarmUp = 2, kLeastSteps = 5;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

double peak_megabytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

double rounded(double value, double digits) {  // to so many decimal digits
  const double scale = std::pow(10, digits);
  return std::round(value * scale) / scale;
}

Json measured(const Workload& workload, const Mode& mode, double seconds) {
  manual_seed(0);
  const Running running = workload.make(mode);
  const auto start = Clock::now();
  const double loss = running.step();
  const double first = seconds_since(start);
  for (int i = 0; i < kWarmUp; ++i) running.step();
  std::vector<double> ms;
  const auto begin = Clock::now();
  while (ms.size() < kLeastSteps || seconds_since(begin) < seconds) {
    const auto s = Clock::now();
    running.step();
    ms.push_back(seconds_since(s) * 1e3);
  }
  std::sort(ms.begin(), ms.end());
  const double median = ms[ms.size() / 2];
  return {{"ms", rounded(median, 4)},
          {"fastest", rounded(ms.front(), 4)},
          {"slowest", rounded(ms.back(), 4)},
          {"steps", ms.size()},
          {"loss", loss},
          {"params", running.params},
          {"gflop", rounded(running.gflop, 4)},
          {"gflop_per_s", rounded(running.gflop / median * 1e3, 1)},
          {"peak_mb", rounded(peak_megabytes(), 1)},
          {"compile_s", rounded(std::max(0.0, first - median / 1e3), 3)}};
}

Json row_of(const Workload& workload, const Mode& mode, double seconds) {
  Json row = {{"name", workload.name},
              {"system", "cairn"},
              {"mode", "compiled"},
              {"dtype", mode.int8 ? "int8" : name_of(mode.products)}};
  try {
    row.update(measured(workload, mode, seconds));
  } catch (const std::exception& e) { row["error"] = e.what(); }
  return row;
}

// In a process of its own, so that memory and state of one workload do not count for the next.
Json row_of_child(const Workload& workload, const Mode& mode, int threads, double seconds,
                  bool profile) {
  int ends[2];
  check(pipe(ends) == 0, "bench: cannot make a pipe");
  const pid_t child = fork();
  check(child >= 0, "bench: cannot start a process for {}", workload.name);
  if (child == 0) {
    close(ends[0]);
    set_num_threads(threads);
    if (profile) start_profile();
    const std::string text = row_of(workload, mode, seconds).dump();
    if (profile) fmt::print(stderr, "{}\n{}", workload.name, profile_report());
    for (size_t at = 0; at < text.size();) {
      const ssize_t n = write(ends[1], text.data() + at, text.size() - at);
      if (n <= 0) _exit(1);
      at += static_cast<size_t>(n);
    }
    _exit(0);
  }
  close(ends[1]);
  std::string text;
  char buffer[4096];
  for (ssize_t n; (n = read(ends[0], buffer, sizeof(buffer))) > 0;)
    text.append(buffer, static_cast<size_t>(n));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  const Json row = Json::parse(text, nullptr, false);
  if (!row.is_discarded()) return row;
  return {{"name", workload.name},
          {"system", "cairn"},
          {"dtype", name_of(mode.products)},
          {"error", WIFSIGNALED(status) ? fmt::format("ended by signal {}", WTERMSIG(status))
                                        : "ended without a row"}};
}

DType product_dtype_named(const std::string& name) {
  if (name == "f32" || name == "int8") return DType::f32;
  if (name == "bf16-always") return DType::bf16;
  if (name != "bf16")
    throw InvalidOption("dtype", "is f32, bf16, bf16-always or int8, not " + name);
  const DType products = product_dtype(DType::bf16);
  if (products != DType::bf16)
    fmt::print(stderr,
               "bf16: this processor multiplies none (it has no AVX-512 BF16), so products are in "
               "f32; the dtype bf16-always insists\n");
  return products;
}

}  // namespace

int run_bench(const std::vector<std::string>& names, int threads, const std::string& dtype,
              double seconds, const std::string& json_path, bool profile,
              const std::string& quantize) {
  if (!quantize.empty() && quantize != "int8")
    throw InvalidOption("quantize", "is int8, not " + quantize);
  if (threads < 1) throw InvalidOption("threads", fmt::format("{} must be at least 1", threads));
  std::vector<const Workload*> chosen;
  bool ops = false;
  for (const std::string& name : names) {
    if (name == "ops") ops = true;
    else if (name != "all") chosen.push_back(&workload_named(name));
    else
      for (const Workload& w : workloads()) chosen.push_back(&w);
  }
  if (chosen.empty() && !ops) throw UsageError("bench: name a workload, all, or ops");
  const Mode mode{product_dtype_named(dtype), !quantize.empty() || dtype == "int8"};
  const auto refuse_int8 = [&](const std::string& name) {
    const bool inference =
        name == "gpt2_decode" || (quantize.empty() && name.find("_infer_") != std::string::npos);
    if (!mode.int8 || inference) return;
    if (!quantize.empty())
      throw InvalidOption("quantize", fmt::format("is for gpt2_decode, not for {}", name));
    throw InvalidOption(
        "dtype", fmt::format("int8 is for inference (*_infer_*, gpt2_decode), not for {}", name));
  };
  if (ops) refuse_int8("ops");
  for (const Workload* w : chosen) refuse_int8(w->name);
  if (!json_path.empty()) io::check_writable(json_path);
  Json rows = Json::array();
  bool failed = false;
  for (const Workload* w : chosen) {
    const Json row = row_of_child(*w, mode, threads, seconds, profile);
    failed |= row.contains("error");
    fmt::print("{}\n", row.dump());
    std::fflush(stdout);
    rows.push_back(row);
  }
  if (ops) {
    set_num_threads(threads);
    for (const Json& row : op_rows(std::min(seconds, 0.5))) {
      fmt::print("{}\n", row.dump());
      rows.push_back(row);
    }
  }
  if (!json_path.empty()) io::write_file_atomically(json_path, rows.dump(1) + "\n");
  return failed ? 1 : 0;
}

}  // namespace cairn::bench
