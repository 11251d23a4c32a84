#include "cairn/tasks/image_gan/task.h"

namespace cairn::tasks::image_gan {
namespace {

std::string summary(const Json& result) {
  return fmt::format("{} steps, samples in {}/samples; measure them with: cairn eval {}",
                     result["steps"].get<int64_t>(), result["run"].get<std::string>(),
                     result["run"].get<std::string>());
}

}  // namespace

const Opener kOpener{kTask, open_as<Sampler>};
const Task kRow{
    .name = kTask,
    .title = "Adversarial image generation",
    .what = "Draw new pictures like those of a folder",
    .examples =
        "  cairn train image-gan --conditional --out runs/gan\n"
        "  cairn train image-gan --model wgan-gp --data mnist/ --out runs/wgan\n"
        "  cairn generate runs/gan --label 7 --count 64 --out sevens.png\n",
    .options = options_as<Options>,
    .train = train_as<Options, train>,
    .summary = summary,
    .qualities = {{"frechet", false}},
    .verbs = {eval_verb<Sampler, DrawnEvalOptions, evaluate, drawn_in_words, true>(
                  "Measure how near its pictures are to real ones",
                  "  cairn eval runs/gan --features runs/mnist --json\n"),
              verb<Drawer, DrawOptions, draw_grid>(
                  "generate", "Draw pictures in a grid, as a PNG",
                  "  cairn generate runs/gan --count 64 --label 7 --out sevens.png\n")},
    .report = report_as<Sampler, report>,
    .smallest = R"({"data": "digits", "conditional": true, "steps": 6, "batch": 16, "width": 4,
                    "z": 8, "sample_every": 2})",
    .stops = {{"gan", "Two networks against each other: drawing from noise",
               "The generator turns random numbers into a picture; the discriminator tries to tell "
               "its pictures from real ones, and each learns from the other's mistakes. The "
               "generator never sees a real picture, only the discriminator's gradient. Here both "
               "also get the digit that is wanted, so that it can be asked for.",
               R"({"data": "digits", "model": "dcgan", "conditional": true, "width": 24,
                   "steps": 3600, "sample_every": 300})"}}};

}  // namespace cairn::tasks::image_gan
