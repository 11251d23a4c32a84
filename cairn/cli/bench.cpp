#include "cairn/bench/bench.h"

#include <fmt/format.h>

#include <memory>

#include "cairn/bench/workloads.h"
#include "cairn/cli/commands.h"

namespace cairn::cli {

void add_bench(const Command& app) {
  const Command command =
      app.add_command("bench", "Time the workloads that are compared with PyTorch");
  command.examples(
      "  cairn bench lenet resnet18_cifar --threads 2 --seconds 5\n"
      "  cairn bench --list\n"
      "  cairn bench ops\n"
      "  cairn bench all --json rows.json\n");
  struct Options {
    std::vector<std::string> names;
    int threads = 2;
    std::string dtype = "f32", json, quantize;
    double seconds = 5;
    bool profile = false, list = false;
  };
  auto o = std::make_shared<Options>();
  command.option("names", o->names, "Workloads, 'all', or 'ops' for single ops and overheads");
  command.flag("--list", o->list, "Print the workloads and what they are");
  command.option("--threads", o->threads, "Threads to compute with").whole(1, 1024).shows_default();
  command
      .option("--dtype", o->dtype,
              "Of products: f32, bf16 (f32 where the processor multiplies no bf16), bf16-always, "
              "int8 (inference)")
      .one_of({"f32", "bf16", "bf16-always", "int8"})
      .shows_default();
  command.option("--seconds", o->seconds, "Time each for this long, and at least 5 steps")
      .positive()
      .shows_default();
  command.option("--json", o->json, "Write the rows to this file");
  command.option("--quantize", o->quantize, "int8: 8-bit weights of linear layers (gpt2_decode)")
      .one_of({"int8"});
  command.flag("--profile", o->profile, "Say where time and bytes go, on standard error");
  command.runs([o] {
    if (o->list) {
      for (const bench::Workload& w : bench::workloads()) fmt::print("{:20} {}\n", w.name, w.what);
      return kDone;
    }
    return bench::run_bench(o->names, o->threads, o->dtype, o->seconds, o->json, o->profile,
                            o->quantize);
  });
}

}  // namespace cairn::cli
