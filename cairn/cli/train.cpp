#include <memory>

#include "cairn/base/parallel.h"
#include "cairn/cli/commands.h"
#include "cairn/tasks/image_classification/task.h"

namespace cairn::cli {
namespace {
constexpr int64_t kMostEpochs = 1'000'000, kLargestBatch = 1'000'000, kMostThreads = 1024;
}

void add_threads(CLI::App* command) {
  command
      ->add_option_function<int>(
          "--threads", [](int n) { set_num_threads(n); },
          "Threads to compute with (default: all processors)")
      ->check(whole_number(1, kMostThreads));
}

void add_train(CLI::App& app, Action& action) {
  CLI::App* train = app.add_subcommand("train", "Train a network");
  train->require_subcommand(1);
  train->footer(
      "Examples:\n"
      "  cairn train image-classification --out runs/digits\n"
      "  cairn train image-classification --help\n");
  namespace task = tasks::image_classification;
  CLI::App* command = train->add_subcommand(task::kTask, "Name what a picture shows");
  command->footer(
      "Examples:\n"
      "  cairn train image-classification --data mnist/ --out runs/mnist\n"
      "  cairn train image-classification --data cifar10/ --model resnet18 --epochs 20\n"
      "  cairn train image-classification --out runs/mnist --resume\n");
  auto o = std::make_shared<task::TrainOptions>();
  auto json = std::make_shared<bool>(false);
  command
      ->add_option(
          "--data", o->data,
          "Pictures: a folder with IDX files (MNIST), CIFAR's binary batches, or one folder "
          "of images a class; 'digits' draws its own")
      ->capture_default_str();
  command->add_option("--model", o->model,
                      "lenet, resnet9 or resnet18 (default: what suits the pictures)");
  command
      ->add_option("--epochs", o->epochs,
                   "Passes over the data (default: depends on model and data)")
      ->check(whole_number(1, kMostEpochs));
  command->add_option("--batch", o->batch, "Pictures a step (default 64)")
      ->check(whole_number(1, kLargestBatch));
  command
      ->add_option("--lr", o->lr,
                   "Peak of the one-cycle learning rate (default: depends on the model)")
      ->check(positive_number());
  command->add_option("--seed", o->seed, "Seed of initial weights, order and augmentation")
      ->check(whole_number(0, INT64_MAX))
      ->capture_default_str();
  command
      ->add_option("--save-every", o->save_every,
                   "Save a checkpoint also after so many steps (default: after each epoch)")
      ->check(whole_number(1, INT64_MAX));
  command->add_option("--out", o->out, "Folder of the run (default: runs/image-classification-N)");
  command->add_flag("--resume", o->resume, "Go on with the run in --out");
  command->add_flag("--json", *json,
                    "Print the result as one JSON object, the last line of standard output");
  add_threads(command);
  auto profile = std::make_shared<std::string>();
  command->add_option("--profile", *profile,
                      "Time every op: prints a table and writes a Chrome trace to this file");
  command->callback([&action, o, json, profile] {
    action = [o, json, profile] {
      const ProfileScope scope(*profile);
      const task::Json result = task::train(*o);
      if (*json) fmt::print("{}\n", result.dump());
      else
        fmt::print("test accuracy {:.2f} %, loss {:.4f}, run in {}\n",
                   result["accuracy"].get<double>() * 100, result["loss"].get<double>(),
                   result["run"].get<std::string>());
      return 0;
    };
  });
}

}  // namespace cairn::cli
