// Image generation: a generator and a discriminator learn from each other. Train a pair on a folder
// of pictures, draw new ones, measure how near they are to the real ones.
#pragma once
#include "cairn/tasks/adversarial/options.h"
#include "cairn/tasks/drawing.h"

namespace cairn::tasks::image_gan {

using train::Open, train::Option, train::whole, train::one_of;
inline constexpr const char* kTask = "image-gan";

struct Options : PictureOptions<adversarial::Options> {
  Options() { steps.usual({{"dcgan", 5000}, {"wgan-gp", 3000}}); }
  Option<std::string> model{this, "model", "dcgan", one_of({"dcgan", "wgan-gp"}), "Networks"};
  Option<int64_t> width{this, "width", 32, whole(1, 65536), "Channels next to the picture"};

  int64_t labels() const { return conditional ? num_classes() : 0; }
  models::GanSize size() const {
    const data::ImageShape s = image_shape();
    return {.side = s.height, .channels = s.channels, .width = width, .z = z, .classes = labels()};
  }
};

// Trains and returns {task, run, model, steps, seconds, loss_discriminator, loss_generator,
// diversity, signals}. Writes RUN/samples/step-NNNNNN.png on the way. Throws train::Stopped on a
// signal, Error naming the network and the step when a loss is not finite.
Json train(Options options);

// A trained generator.
class Sampler : public DrawerOf<Options> {
 public:
  explicit Sampler(const train::SavedModel& saved);
  explicit Sampler(const std::string& path) : Sampler(train::open_saved_model(path, kTask)) {}

  nn::Module& network() override { return generator_; }
  std::vector<Tensor> inputs(int64_t examples) override;  // noise
  std::vector<Port> takes() override;                     // noise; labels of a conditional run
  std::vector<std::string> gives() const override { return {"pictures"}; }  // in [-1, 1]
  Tensors forward(std::span<const Tensor> in) override;
  const models::Painter& painter() const override { return painter_; }

 private:
  models::Generator generator_;
  models::Painter painter_;
};

// {task, split} and what judge_drawn() says.
Json evaluate(Sampler& sampler, const DrawnEvalOptions& options);

// Curves, grids over time, a walk through the noise, real pictures beside the generated ones.
void report(train::report::Page& page, Sampler& sampler, const train::report::Lines& log);

}  // namespace cairn::tasks::image_gan
