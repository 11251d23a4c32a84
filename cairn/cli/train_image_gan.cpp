#include <memory>

#include "cairn/cli/training.h"
#include "cairn/tasks/image_gan/task.h"

namespace cairn::cli {
namespace {

namespace gan = tasks::image_gan;

void add_sizes(const Command& command, gan::TrainOptions& o) {
  constexpr int64_t kLargest = 65536;
  const auto add = [&](const char* name, int64_t& value, const char* what, int64_t largest) {
    command.option(name, value, what).whole(1, largest);
  };
  add("--steps", o.steps, "Updates of the generator (default: dcgan 5000, wgan-gp 3000)",
      kMostSteps);
  add("--epochs", o.epochs, "Passes over the data, instead of --steps", kMostSteps);
  add("--batch", o.batch, "Pictures a step (default 64)", kLargestBatch);
  add("--width", o.width, "Channels next to the picture (default 32)", kLargest);
  add("--z", o.z, "Numbers of noise that a picture is drawn from (default 64)", kLargest);
  add("--critic-steps", o.critic_steps,
      "Updates of the discriminator for each of the generator (default: dcgan 1, wgan-gp 5)",
      kLargest);
  add("--sample-every", o.sample_every,
      "Steps between grids of samples (default: a twentieth of all)", kMostSteps);
  command
      .option("--image-size", o.image_size,
              "Class folders: square pictures of this side (default: their own)")
      .whole(1, kLargest);
}

void add_learning(const Command& command, gan::TrainOptions& o) {
  command.option("--loss", o.loss,
                 "minimax, non-saturating, least-squares, hinge or wasserstein (default: "
                 "non-saturating; wgan-gp: wasserstein)");
  command.option("--norm", o.norm,
                 "Of the discriminator: batch, spectral or none (default: batch; wgan-gp: none)");
  command
      .option("--lr", o.lr, "Learning rate of Adam (default: dcgan 0.0004, wgan-gp 0.0002)")
      .positive();
  command.option("--lr-discriminator", o.lr_discriminator, "Of the discriminator (default: --lr)")
      .positive();
  command
      .option("--r1", o.r1,
              "Weight of the penalty R1; 0: none (default: 1 for a conditional dcgan, else 0)")
      .between(0, 1e9);
}

void print(const train::Json& result) {
  fmt::print("{} steps, samples in {}/samples; measure them with: cairn eval {}\n",
             result["steps"].get<int64_t>(), result["run"].get<std::string>(),
             result["run"].get<std::string>());
}

}  // namespace

void add_train_image_gan(const Command& train) {
  const Command command =
      train.add_command(gan::kTask, "Draw new pictures like those of a folder");
  command.examples(
      "  cairn train image-gan --conditional --out runs/gan\n"
      "  cairn train image-gan --model wgan-gp --data mnist/ --out runs/wgan\n"
      "  cairn generate runs/gan --label 7 --count 64 --out sevens.png\n");
  auto o = std::make_shared<gan::TrainOptions>();
  command
      .option("--data", o->data,
              "Pictures: a folder with IDX files (MNIST), CIFAR's binary batches, or one folder of "
              "images a class; 'digits' draws its own")
      .shows_default();
  command.option("--model", o->model, "dcgan or wgan-gp").shows_default();
  command.flag("--conditional", o->conditional, "Learn to draw what a label asks for");
  add_sizes(command, *o);
  add_learning(command, *o);
  add_training({.command = command,
                .task = gan::kTask,
                .saves = "with each grid of samples",
                .options = o,
                .train = [o] { return gan::train(*o); },
                .print = print});
}

}  // namespace cairn::cli
