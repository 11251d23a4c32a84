// The workloads of the side-by-side benchmark: what one step is, in Cairn. Layer sizes, batches,
// losses and optimizers are those of the PyTorch side, so that parameters and work agree.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cairn/nn/module.h"

namespace cairn::bench {

struct Mode {
  DType products = DType::f32;  // of matmul and convolution; everything else is f32
  bool int8 = false;            // linear layers with 8-bit weights; inference only
};

// A workload that is ready to run: model, data from a fixed seed, optimizer, compiled step.
struct Running {
  std::function<double()>
      step;  // the whole step, its loss read back (inference: the sum of the outputs)
  int64_t params = 0;
  double gflop = 0;  // two a multiply-add
};

struct Workload {
  const char* name;
  const char* what;
  Running (*make)(const Mode& mode);
};
const std::vector<Workload>& workloads();
const Workload& workload_named(const std::string& name);  // throws UsageError, naming the nearest

}  // namespace cairn::bench
