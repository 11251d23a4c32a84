#include <memory>

#include "cairn/base/parallel.h"
#include "cairn/cli/training.h"

namespace cairn::cli {

void add_threads(CLI::App* command) {
  constexpr int64_t kMostThreads = 1024;
  command
      ->add_option_function<int>(
          "--threads", [](int n) { set_num_threads(n); },
          "Threads to compute with (default: all processors)")
      ->check(whole_number(1, kMostThreads));
}

void add_training(const Training& t, Action& action) {
  CLI::App* command = t.command;
  train::RunOptions& o = *t.options;
  command->add_option("--seed", o.seed, "Seed of initial weights and of all that is random")
      ->check(whole_number(0, INT64_MAX))
      ->capture_default_str();
  command
      ->add_option("--save-every", o.save_every,
                   fmt::format("Save a checkpoint also after so many steps (default: {})", t.saves))
      ->check(whole_number(1, INT64_MAX));
  command->add_option("--out", o.out,
                      fmt::format("Folder of the run (default: runs/{}-N)", t.task));
  command->add_flag("--resume", o.resume, "Go on with the run in --out");
  command->add_flag("--quiet", o.quiet, "No progress on standard error");
  auto json = std::make_shared<bool>(false);
  command->add_flag("--json", *json,
                    "Print the result as one JSON object, the last line of standard output");
  add_threads(command);
  auto profile = std::make_shared<std::string>();
  command->add_option("--profile", *profile,
                      "Time every op: prints a table and writes a Chrome trace to this file");
  command->callback([&action, t, json, profile] {
    action = [t, json, profile] {
      const ProfileScope scope(*profile);
      const train::Json result = t.train();
      if (*json) fmt::print("{}\n", result.dump());
      else t.print(result);
      return 0;
    };
  });
}

void add_train(CLI::App& app, Action& action) {
  CLI::App* train = app.add_subcommand("train", "Train a network");
  train->require_subcommand(1);
  train->footer(
      "Examples:\n"
      "  cairn train image-classification --out runs/digits\n"
      "  cairn train language-model --model lstm --out runs/lstm\n"
      "  cairn train image-classification --help\n");
  add_train_image_classification(*train, action);
  add_train_language_model(*train, action);
}

}  // namespace cairn::cli
