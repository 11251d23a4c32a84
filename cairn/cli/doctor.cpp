#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "cairn/backend/cpu/machine.h"
#include "cairn/base/cgroup.h"
#include "cairn/base/parallel.h"
#include "cairn/base/processors.h"
#include "cairn/base/version.h"
#include "cairn/cli/commands.h"
#include "cairn/ops/op.h"

namespace cairn::cli {
namespace {

double gigabytes_of_memory() {
  const double installed =
      static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
  return std::min(installed, cgroup_limits().memory_bytes) / 1e9;
}

int print_report() {
  const cpu::Machine machine = cpu::describe_machine();
  fmt::print("cairn {}, {} ops\n\n", kVersion, all_ops().size());
  fmt::print(
      "machine\n  processor    {}\n  threads      {} of {}\n  memory       {:.1f} GB\n"
      "  instructions {}\n",
      processor_name(), num_threads(), std::thread::hardware_concurrency(), gigabytes_of_memory(),
      machine.instructions);
  fmt::print("  bf16         {}\n\n",
             machine.bf16 ? "computed in hardware: " + machine.bf16_kernels
                          : "no AVX-512 BF16: mixed precision keeps products in f32");
  fmt::print(
      "build\n  oneDNN       {}\n  kernels for  {}\n  back ends    cpu, "
      "reference (no CUDA in this build)\n\n",
      machine.onednn, machine.targets);
  fmt::print("data\n  digits and a text come with the program; of your own: --data FOLDER\n");
  if (!machine.usable) {
    fmt::print("\nmissing: this processor lacks AVX2; kernels run in plain code, slowly\n");
    return 1;
  }
  return 0;
}

}  // namespace

void add_doctor(const Command& app) {
  const Command command =
      app.add_command("doctor", "Tell what this machine and build offer, and what is missing");
  command.examples("  cairn doctor\n  cairn doctor --threads 2\n");
  add_threads(command);
  command.runs(print_report);
}

}  // namespace cairn::cli
