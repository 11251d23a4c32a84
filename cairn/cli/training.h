// The subcommands of `cairn train`, one file a task, and what they share.
#pragma once
#include <memory>

#include "cairn/cli/commands.h"
#include "cairn/train/trainer.h"

namespace cairn::cli {

inline constexpr int64_t kMostSteps = 1'000'000'000, kLargestBatch = 1'000'000;

struct Training {
  Command command;
  std::string task;
  std::string saves;  // when checkpoints are written unless --save-every is given
  std::shared_ptr<train::RunOptions> options;
  std::function<train::Json()> train;
  std::function<void(const train::Json&)> print;  // the result, for people
};
// Adds --out, --resume, --seed, --save-every, --threads, --json, --quiet, --profile, and the
// action.
void add_training(const Training& training);

void add_train_image_classification(const Command& train);
void add_train_image_gan(const Command& train);
void add_train_language_model(const Command& train);

}  // namespace cairn::cli
