// Runs workloads and prints a row each: what `cairn bench` does.
#pragma once
#include <string>
#include <vector>

namespace cairn::bench {

// One JSON object a line on standard output: name, system, mode, dtype, ms (median of the steps),
// fastest, slowest, steps, loss (of the first step), params, gflop (a step), peak_mb (highest
// resident memory of a process that ran this workload alone), compile_s. A workload that fails is a
// row with "error". With json_path not empty the rows are also written there, as a list. With
// `profile` a table of where time goes follows on standard error. names: "all", workloads, or "ops"
// (see ops_bench.h); dtype "f32", "bf16" (where the processor multiplies it: elsewhere f32,
// which a line on standard error and the rows say), "bf16-always" or "int8" (inference only: 8-bit
// convolutions and linear layers); timed for `seconds` after warm-up, at least 5 steps.
// quantize "int8": 8-bit weights, gpt2_decode only.
// Returns the exit status: 0, or 1 when a workload failed. Throws UsageError on wrong arguments.
int run_bench(const std::vector<std::string>& names, int threads, const std::string& dtype,
              double seconds, const std::string& json_path, bool profile = false,
              const std::string& quantize = "");

}  // namespace cairn::bench
