#include <memory>

#include "cairn/base/parallel.h"
#include "cairn/cli/training.h"

namespace cairn::cli {

void add_threads(const Command& command) {
  constexpr int64_t kMostThreads = 1024;
  command
      .option(
          "--threads", [](int n) { set_num_threads(n); },
          "Threads to compute with (default: all processors)")
      .whole(1, kMostThreads);
}

void add_training(const Training& t) {
  const Command& command = t.command;
  train::RunOptions& o = *t.options;
  command.option("--seed", o.seed, "Seed of initial weights and of all that is random")
      .whole(0, INT64_MAX)
      .shows_default();
  command
      .option("--save-every", o.save_every,
              fmt::format("Save a checkpoint also after so many steps (default: {})", t.saves))
      .whole(1, INT64_MAX);
  command.option("--out", o.out, fmt::format("Folder of the run (default: runs/{}-N)", t.task));
  command.flag("--resume", o.resume, "Go on with the run in --out");
  command.flag("--quiet", o.quiet, "No progress on standard error");
  auto json = std::make_shared<bool>(false);
  command.flag("--json", *json,
               "Print the result as one JSON object, the last line of standard output");
  add_threads(command);
  auto profile = std::make_shared<std::string>();
  command.option("--profile", *profile,
                 "Time every op: prints a table and writes a Chrome trace to this file");
  command.runs([t, json, profile] {
    const ProfileScope scope(*profile);
    const train::Json result = t.train();
    if (*json) fmt::print("{}\n", result.dump());
    else t.print(result);
    return 0;
  });
}

void add_train(const Command& app) {
  const Command train = app.add_command("train", "Train a network");
  train.needs_command();
  train.examples(
      "  cairn train image-classification --out runs/digits\n"
      "  cairn train language-model --model lstm --out runs/lstm\n"
      "  cairn train image-classification --help\n");
  add_train_image_classification(train);
  add_train_image_gan(train);
  add_train_language_model(train);
}

}  // namespace cairn::cli
