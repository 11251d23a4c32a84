#include "cairn/tasks/image_gan/recipe.h"

#include <algorithm>
#include <cmath>

#include "cairn/base/parallel.h"
#include "cairn/train/saved_model.h"

namespace cairn::tasks::image_gan {

std::vector<std::string> model_names() { return {"dcgan", "wgan-gp"}; }
std::vector<std::string> norm_names() { return {"none", "batch", "spectral"}; }

namespace {

// The place of `name` among `known`; throws UsageError with the nearest.
size_t place_of(const std::string& option, const std::string& name,
                const std::vector<std::string>& known) {
  std::string all;
  for (size_t i = 0; i < known.size(); ++i) {
    if (known[i] == name) return i;
    all += (i ? ", " : "") + known[i];
  }
  const std::string near = nearest_name(name, known);
  throw UsageError(fmt::format("{}: there is no '{}'{}; there are {}", option, name,
                               near.empty() ? "" : fmt::format(" (did you mean {}?)", near), all));
}

models::GanNorm norm_from_name(const std::string& name) {
  return static_cast<models::GanNorm>(place_of("--norm", name, norm_names()));
}

void check_numbers(const TrainOptions& o) {
  for (const auto& [name, value] : {std::pair<const char*, int64_t>{"--steps", o.steps},
                                    {"--epochs", o.epochs},
                                    {"--batch", o.batch},
                                    {"--width", o.width},
                                    {"--z", o.z},
                                    {"--critic-steps", o.critic_steps},
                                    {"--sample-every", o.sample_every},
                                    {"--save-every", o.save_every}})
    if (value < 0) throw UsageError(fmt::format("{}: {} is negative", name, value));
  for (const auto& [name, value] : {std::pair<const char*, double>{"--lr", o.lr},
                                    {"--lr-discriminator", o.lr_discriminator},
                                    {"--r1", o.r1 == -1 ? 0 : o.r1}})
    if (value < 0 || !std::isfinite(value))
      throw UsageError(fmt::format("{}: {} is no finite number above 0", name, value));
  if (o.steps && o.epochs) throw UsageError("--steps and --epochs: give one of them");
}

int64_t or_default(int64_t given, int64_t otherwise) { return given ? given : otherwise; }

void check_together(const TrainOptions& o, const Recipe& r, int64_t images) {
  if (r.model == "wgan-gp") {
    if (r.loss != nn::GanLoss::wasserstein)
      throw UsageError(fmt::format(
          "--model wgan-gp has the loss wasserstein; for {} take --model dcgan", o.loss));
    if (r.norm == models::GanNorm::batch)
      throw UsageError(
          "--norm batch: the gradient penalty is of each image, batch normalisation mixes them; "
          "use none or spectral");
  }
  if (r.batch == 1)
    throw UsageError(
        "--batch 1: batch normalisation needs at least two images to compare; use a larger batch");
  if (r.batch > images)
    fail("'{}' has {} images, fewer than one batch of {}; use --batch {} or less", r.data, images,
         r.batch, images);
  if (r.conditional && r.classes.size() < 2)
    fail("--conditional: '{}' has no labels to tell images by ({} class); train without it", r.data,
         r.classes.size());
}

}  // namespace

Recipe recipe_for(const TrainOptions& o, const data::ImageDataset& set) {
  check_numbers(o);
  Recipe r;
  r.data = o.data, r.model = o.model, r.image_size = o.image_size, r.conditional = o.conditional;
  const bool wgan = place_of("--model", o.model, model_names()) == 1;
  r.loss = nn::gan_loss_from_name(!o.loss.empty() ? o.loss
                                  : wgan          ? "wasserstein"
                                                  : "non-saturating");
  r.norm = norm_from_name(!o.norm.empty() ? o.norm : wgan ? "none" : "batch");
  r.batch = or_default(o.batch, 64);
  r.width = or_default(o.width, 32), r.z = or_default(o.z, 64);
  r.critic_steps = or_default(o.critic_steps, wgan ? 5 : 1);
  r.lr = o.lr > 0 ? o.lr : wgan ? 2e-4 : 4e-4;
  r.lr_discriminator = o.lr_discriminator > 0 ? o.lr_discriminator : r.lr;
  r.beta1 = wgan ? 0 : 0.5, r.beta2 = wgan ? 0.9 : 0.999;
  // Without it a projected label makes the discriminator so sure of itself that the samples of a
  // class become all alike.
  r.r1 = o.r1 >= 0 ? o.r1 : o.conditional && !wgan ? 1 : 0;
  r.gradient_penalty = wgan ? 10 : 0, r.ema = 0.999;
  r.seed = o.seed, r.save_every = o.save_every;
  r.shape = set.shape(), r.classes = set.classes();
  check_together(o, r, set.size());
  models::check_gan_image(r.shape.height, r.shape.width);
  const int64_t per_epoch = std::max<int64_t>(1, set.size() / r.batch / r.critic_steps);
  r.steps = o.epochs ? o.epochs * per_epoch : or_default(o.steps, wgan ? 3000 : 5000);
  r.sample_every = or_default(o.sample_every, std::max<int64_t>(50, r.steps / 20));
  return r;
}

Json to_json(const Recipe& r) {
  return {{"task", kTask},
          {"data", r.data},
          {"image_size", r.image_size},
          {"model", r.model},
          {"conditional", r.conditional},
          {"loss", nn::name_of(r.loss)},
          {"norm", norm_names()[static_cast<size_t>(r.norm)]},
          {"steps", r.steps},
          {"batch", r.batch},
          {"width", r.width},
          {"z", r.z},
          {"critic_steps", r.critic_steps},
          {"lr", r.lr},
          {"lr_discriminator", r.lr_discriminator},
          {"betas", {r.beta1, r.beta2}},
          {"r1", r.r1},
          {"gradient_penalty", r.gradient_penalty},
          {"ema", r.ema},
          {"seed", r.seed},
          {"sample_every", r.sample_every},
          {"save_every", r.save_every},
          {"threads", num_threads()},
          {"classes", r.classes},
          {"shape", {r.shape.channels, r.shape.height, r.shape.width}}};
}

Recipe recipe_from(const Json& config, const std::string& run) {
  Recipe r;
  train::read_config(config, run, [&](const Json& c) {
    r.data = c.at("data"), r.image_size = c.at("image_size"), r.model = c.at("model");
    r.conditional = c.at("conditional");
    r.loss = nn::gan_loss_from_name(c.at("loss"));
    r.norm = norm_from_name(c.at("norm"));
    r.steps = c.at("steps"), r.batch = c.at("batch"), r.width = c.at("width"), r.z = c.at("z");
    r.critic_steps = c.at("critic_steps");
    r.lr = c.at("lr"), r.lr_discriminator = c.at("lr_discriminator");
    r.beta1 = c.at("betas").at(0), r.beta2 = c.at("betas").at(1);
    r.r1 = c.at("r1"), r.gradient_penalty = c.at("gradient_penalty"), r.ema = c.at("ema");
    r.seed = c.at("seed"), r.sample_every = c.at("sample_every");
    r.save_every = c.at("save_every");
    r.classes = c.at("classes").get<std::vector<std::string>>();
    const auto& shape = c.at("shape");
    r.shape = {shape.at(0), shape.at(1), shape.at(2)};
  });
  return r;
}

}  // namespace cairn::tasks::image_gan
