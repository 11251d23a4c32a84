// Image generation: a generator and a discriminator learn from each other. Train a pair on a folder
// of pictures, draw new ones, measure how near they are to the real ones.
#pragma once
#include "cairn/models/painter.h"
#include "cairn/nn/adversarial.h"
#include "cairn/tasks/pictures.h"

namespace cairn::tasks::image_gan {

using train::ByModel, train::Open, train::Option, train::Use, train::whole, train::between,
    train::one_of;
inline constexpr const char* kTask = "image-gan";

struct Options : PictureOptions<train::RunOptions> {
  Option<std::string> model{this, "model", "dcgan", one_of({"dcgan", "wgan-gp"}), "Networks"};
  Option<bool> conditional{this, "conditional", false, "Learn to draw what a label asks for"};
  Option<int64_t> batch{this, "batch", 64, whole(1, train::kLargestBatch), "Pictures a step"};
  Option<int64_t> width{this, "width", 32, whole(1, 65536), "Channels next to the picture"};
  Option<int64_t> z{this, "z", 64, whole(1, 65536), "Numbers of noise a picture is drawn from"};
  Option<int64_t> critic_steps{this, "critic_steps", ByModel<int64_t>{{"dcgan", 1}, {"wgan-gp", 5}},
                               whole(1, 65536),
                               "Updates of the discriminator for each of the generator"};
  Option<int64_t> sample_every{this, "sample_every", Open{"a 20th of all"},
                               whole(1, train::kMostSteps), "Steps between grids of samples"};
  Option<std::string> loss{
      this, "loss", ByModel<std::string>{{"dcgan", "non-saturating"}, {"wgan-gp", "wasserstein"}},
      one_of(nn::gan_loss_names()), "Loss of the two"};
  Option<std::string> norm{
      this, "norm", ByModel<std::string>{{"dcgan", "batch"}, {"wgan-gp", "none"}},
      one_of({"none", "batch", "spectral"}), "Normalisation in the discriminator"};
  Option<double> lr{this,
                    "lr",
                    ByModel<double>{{"dcgan", 4e-4}, {"wgan-gp", 2e-4}},
                    train::positive(),
                    "Learning rate of Adam",
                    Use::changeable};
  Option<double> lr_discriminator{this,
                                  "lr_discriminator",
                                  Open{"as --lr"},
                                  train::positive(),
                                  "Of the discriminator",
                                  Use::changeable};
  Option<std::vector<double>> betas{
      this, "betas", ByModel<std::vector<double>>{{"dcgan", {0.5, 0.999}}, {"wgan-gp", {0, 0.9}}},
      train::two_between(0, 0.999999), "Of Adam"};
  Option<double> r1{this, "r1", Open{"1 for a conditional dcgan, else 0"}, between(0, 1e9),
                    "Weight of the penalty R1; 0: none"};
  Option<double> gradient_penalty{this, "gradient_penalty",
                                  ByModel<double>{{"dcgan", 0}, {"wgan-gp", 10}}, between(0, 1e9),
                                  "Weight of WGAN-GP's penalty; 0: none"};
  Option<double> ema{this, "ema", 0.999, between(0, 0.9999999),
                     "Decay of the generator's averaged weights"};
  Options() { steps.usual({{"dcgan", 5000}, {"wgan-gp", 3000}}); }

  int64_t labels() const { return conditional ? num_classes() : 0; }
  models::GanSize size() const {
    const data::ImageShape s = image_shape();
    return {.side = s.height, .channels = s.channels, .width = width, .z = z, .classes = labels()};
  }
};

// Fills what is open with what suits the model and the data, and refuses what does not belong
// together.
void fill_recipe(Options& options, const data::ImageDataset& set);

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
  data::ImageDatasetPtr open(const std::string& source, data::Split split) const;
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
void report(train::report::Page& page, Sampler& sampler);

extern const Opener kOpener;
extern const Task kRow;

}  // namespace cairn::tasks::image_gan
