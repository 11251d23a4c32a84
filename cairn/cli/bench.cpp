#include "cairn/bench/bench.h"

#include <memory>

#include "cairn/cli/commands.h"

namespace cairn::cli {

void add_bench(CLI::App& app, Action& action) {
  CLI::App* command =
      app.add_subcommand("bench", "Time the workloads that are compared with PyTorch");
  command->footer(
      "Examples:\n"
      "  cairn bench lenet resnet18_cifar --threads 2 --seconds 5\n"
      "  cairn bench ops\n"
      "  cairn bench all --json rows.json\n");
  struct Options {
    std::vector<std::string> names;
    int threads = 2;
    std::string dtype = "f32", json;
    double seconds = 5;
    bool profile = false;
  };
  auto o = std::make_shared<Options>();
  command->add_option("names", o->names, "Workloads, 'all', or 'ops' for single ops and overheads")
      ->required();
  command->add_option("--threads", o->threads, "Threads to compute with")
      ->check(whole_number(1, 1024))
      ->capture_default_str();
  command->add_option("--dtype", o->dtype, "f32 or bf16")
      ->check(CLI::IsMember({"f32", "bf16"}))
      ->capture_default_str();
  command->add_option("--seconds", o->seconds, "Time each for this long, and at least 5 steps")
      ->check(positive_number())
      ->capture_default_str();
  command->add_option("--json", o->json, "Write the rows to this file");
  command->add_flag("--profile", o->profile, "Say where time and bytes go, on standard error");
  command->callback([&action, o] {
    action = [o] {
      return bench::run_bench(o->names, o->threads, o->dtype, o->seconds, o->json, o->profile);
    };
  });
}

}  // namespace cairn::cli
