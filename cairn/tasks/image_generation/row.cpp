#include "cairn/tasks/image_generation/task.h"

namespace cairn::tasks::image_generation {
namespace {

struct EvalArtistOptions : DrawnEvalOptions {
  EvalArtistOptions() { count.says("10000, of diffusion 2000"); }
  Option<int64_t> importance{this, "importance", 50, whole(1, 100000),
                             "Of vae: samples of the bound"};
};
Json evaluate(Artist& artist, const EvalArtistOptions& given) {
  given.validate();
  EvalArtistOptions o = given;
  o.count.fill(artist.options().model == "diffusion" ? 2000 : 10000);
  const auto set = artist.open(o.data, data::split_from_name(o.split));
  constexpr int64_t kRounds = 2;
  Json result = artist.estimator().measure(set, o.seed, o.importance, kRounds);
  if (!has_judge(artist, o)) return artist.result(o.split, result);
  Json judged = judge_drawn(artist, o, set);
  judged["drawn"] = judged["examples"], judged.erase("examples");
  result.update(judged);
  return artist.result(o.split, result);
}

struct DrawArtistOptions : DrawOptions {
  Option<int64_t> draw_steps{this, "draw_steps", train::Open{"the run's"}, whole(1, 1000),
                             "Of diffusion: steps from noise to a picture"};
  Option<double> guidance{this, "guidance", train::Open{"the run's"}, between(0, 100),
                          "Of diffusion with labels: how much more than the label says; 1: not"};
};
int generate(Artist& artist, const DrawArtistOptions& o) {
  for (const train::AnyOption* only : {static_cast<const train::AnyOption*>(&o.draw_steps),
                                       static_cast<const train::AnyOption*>(&o.guidance)})
    only->require(only->is_open() || *artist.options().model == "diffusion",
                  "is of runs of diffusion; '{}' is one of {}", artist.path(),
                  *artist.options().model);
  o.guidance.require(
      o.guidance.is_open() || artist.num_labels() > 0,
      "means nothing without labels: '{}' was trained without the option conditional",
      artist.path());
  models::DrawHow how = artist.options().how_to_draw();
  if (!o.draw_steps.is_open()) how.steps = o.draw_steps;
  if (!o.guidance.is_open()) how.guidance = o.guidance;
  artist.draw_by(how);
  return draw_grid(artist, o);
}

}  // namespace

const Opener kOpener{kTask, open_as<Artist>};
const Task kRow{
    .name = kTask,
    .title = "Image generation",
    .what = "Learn how probable pictures are, and draw new ones",
    .examples =
        "  cairn train image-generation --data mnist/ --out runs/vae\n"
        "  cairn train image-generation --model pixelcnn --data mnist/ --out runs/pixels\n"
        "  cairn train image-generation --model diffusion --conditional --out runs/diffusion\n"
        "  cairn generate runs/diffusion --label 7 --count 64 --out sevens.png\n",
    .options = options_as<Options>,
    .train = train_as<Options, train>,
    .summary = summary_of<in_words>,
    .qualities = {{"nats", false}},
    .verbs = {eval_verb<Artist, EvalArtistOptions, evaluate, in_words>(
                  "Measure nats a picture, and how near its pictures are to real ones",
                  "  cairn eval runs/vae --json\n"
                  "  cairn eval runs/diffusion --features runs/mnist --count 5000\n"),
              verb<Artist, DrawArtistOptions, generate>(
                  "generate", "Draw pictures in a grid, as a PNG",
                  "  cairn generate runs/vae --count 64 --out grid.png\n"
                  "  cairn generate runs/diffusion --label 7 --guidance 3 --out sevens.png\n")},
    .report = report_as<Artist, report>,
    .smallest = R"({"data": "digits", "model": "vae", "conditional": true, "steps": 6, "batch": 16,
                    "width": 16, "z": 4, "eval_every": 3})",
    .stops = {{"vae", "A code for pictures: the variational autoencoder",
               "One network turns a picture into a cloud of points in a small space, another turns "
               "a point back into a picture. Both learn together to describe a picture in as few "
               "nats as they can, and since clouds must lie where random points do, any random "
               "point is a new picture. Both also get the digit, so that it can be asked for.",
               R"({"data": "digits", "model": "vae", "conditional": true, "steps": 2500, "lr": 2e-3,
                   "importance": 1})"}}};

}  // namespace cairn::tasks::image_generation
