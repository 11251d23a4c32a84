// Image generation: a generator and a discriminator learn from each other. Train a pair on a folder
// of pictures, draw new ones, measure how near they are to the real ones.
#pragma once
#include "cairn/models/painter.h"
#include "cairn/tasks/adversarial/options.h"
#include "cairn/tasks/pictures.h"

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
class Sampler : public Model {
 public:
  explicit Sampler(const train::SavedModel& saved);
  explicit Sampler(const std::string& path) : Sampler(train::open_saved_model(path, kTask)) {}

  nn::Module& network() override { return generator_; }
  std::vector<Tensor> inputs(int64_t examples) override;  // noise
  std::vector<Port> takes() override;                     // noise; labels of a conditional run
  std::vector<std::string> gives() const override { return {"pictures"}; }  // in [-1, 1]
  Tensors forward(std::span<const Tensor> in) override;
  const Options& options() const { return options_; }
  models::Painter& painter() { return painter_; }
  int64_t class_of(const std::string& label) const;  // by name, or else by number

 private:
  Options options_;
  models::Generator generator_;
  models::Painter painter_;
};

struct GenerateOptions : train::OptionSet {
  Option<int64_t> count{this, "count", 64, whole(1, 100000), "Pictures to draw, in one grid"};
  Option<std::string> label{this, "label", Open{"all in turn"},
                            "Class to draw, by name or number, of a conditional run"};
  Option<uint64_t> seed{this, "seed", 0, whole(0, INT64_MAX), "The same seed makes the same"};
  Option<std::string> out{this, "out", "", "PNG file to write"};
};
// Draws pictures in a grid, as a PNG; returns the exit status.
int generate(Sampler& sampler, const GenerateOptions& options);

struct EvaluateOptions : PictureEvalOptions {
  Option<std::string> features{this, "features", Open{"the run's own, trained once"},
                               "Image-classification run whose features are compared"};
  // .npy of u8 [N, C, H, W] or [N, H, W], or of floats in [-1, 1]; those of a conditional run are
  // of the classes in turn.
  Option<std::string> samples{this, "samples", Open{"drawn by the run"},
                              "A .npy file of pictures to measure instead"};
  Option<int64_t> count{this, "count", 10000, whole(1, 10'000'000), "Samples to draw"};
  Option<uint64_t> seed{this, "seed", 1, whole(0, INT64_MAX), "Of the samples"};
  Option<bool> quiet{this, "quiet", false, "No progress on standard error"};
};
// {task, examples, real_examples, frechet, precision, recall, label_accuracy} of samples against a
// split of the data; label_accuracy of conditional runs only. The classifier is one of
// image-classification: RUN/features, when no other is named, is trained on the same data first.
Json evaluate(Sampler& sampler, const EvaluateOptions& options);
inline constexpr int64_t kFeatureEpochs = 3;

// Curves, grids over time, a walk through the noise, real pictures beside the generated ones.
void report(train::report::Page& page, Sampler& sampler, const train::report::Lines& log);

}  // namespace cairn::tasks::image_gan
