#include <memory>

#include "cairn/cli/training.h"
#include "cairn/tasks/image_classification/task.h"

namespace cairn::cli {

void add_train_image_classification(const Command& train) {
  namespace task = tasks::image_classification;
  const Command command = train.add_command(task::kTask, "Name what a picture shows");
  command.examples(
      "  cairn train image-classification --data mnist/ --out runs/mnist\n"
      "  cairn train image-classification --data cifar10/ --model resnet18 --epochs 20\n"
      "  cairn train image-classification --out runs/mnist --resume\n");
  auto o = std::make_shared<task::TrainOptions>();
  command
      .option("--data", o->data,
              "Pictures: a folder with IDX files (MNIST), CIFAR's binary batches, or one folder "
              "of images a class; 'digits' draws its own")
      .shows_default();
  command.option("--model", o->model,
                 "lenet, resnet9 or resnet18 (default: what suits the pictures)");
  command.option("--epochs", o->epochs, "Passes over the data (default: depends on model and data)")
      .whole(1, kMostSteps);
  command.option("--batch", o->batch, "Pictures a step (default 64)").whole(1, kLargestBatch);
  command
      .option("--lr", o->lr, "Peak of the one-cycle learning rate (default: depends on the model)")
      .positive();
  add_training({.command = command,
                .task = task::kTask,
                .saves = "after each epoch",
                .options = o,
                .train = [o] { return task::train(*o); },
                .print =
                    [](const train::Json& result) {
                      fmt::print("test accuracy {:.2f} %, loss {:.4f}, run in {}\n",
                                 result["accuracy"].get<double>() * 100,
                                 result["loss"].get<double>(), result["run"].get<std::string>());
                    }});
}

}  // namespace cairn::cli
