// Image generation: a generator and a discriminator learn from each other (Goodfellow et al. 2014).
// Train a pair on a folder of pictures, draw new ones, measure how near they are to the real ones.
#pragma once
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cairn/data/dataset.h"
#include "cairn/train/trainer.h"

namespace cairn::tasks::image_gan {

using Json = nlohmann::ordered_json;
inline constexpr const char* kTask = "image-gan";

std::vector<std::string> model_names();  // dcgan, wgan-gp
std::vector<std::string> norm_names();   // of the discriminator: batch, spectral, none

struct TrainOptions : train::RunOptions {
  std::string data = "digits";  // see data::open_image_dataset; the training split is used
  int image_size = 0;           // of class folders: square of this side; 0: their own
  std::string model = "dcgan";
  bool conditional = false;  // draws what a label asks for
  std::string loss, norm;    // "": what suits the model
  int64_t steps = 0;         // updates of the generator; 0 here and below: what suits the model
  int64_t epochs = 0;        // instead of steps
  int64_t batch = 0, width = 0, z = 0, critic_steps = 0;
  double lr = 0, lr_discriminator = 0;  // the second 0: as the first
  double r1 = -1;                       // weight of the R1 penalty, 0: none; -1: what suits
  int64_t sample_every = 0;             // steps between grids of samples
};
// Trains and returns {run, model, steps, seconds, loss_discriminator, loss_generator, diversity,
// signals}. Writes RUN/samples/step-NNNNNN.png on the way. Throws train::Stopped on a signal, Error
// naming the network and the step when a loss is not finite.
Json train(const TrainOptions& options);

struct GenerateOptions {
  int64_t count = 64;
  std::string label;  // name or number of a class; "": all in turn, of a conditional run
  uint64_t seed = 0;  // sample i of a seed is the same picture, however many are asked for
};
// Draws pictures in a grid, as a PNG. `run`: a run folder, or the model.safetensors of one.
void generate(const std::string& run, const GenerateOptions& options, const std::string& png);

struct EvaluateOptions {
  std::string data;  // "": of the training
  data::Split split = data::Split::test;
  // A run of image-classification whose features are compared; "": RUN/features, which is trained
  // on the same data when it is not there yet (kFeatureEpochs epochs, seed 1).
  std::string features;
  // Samples from elsewhere: .npy of u8 [N, C, H, W] or [N, H, W], or of floats in [-1, 1]; those of
  // a conditional run are of the classes in turn. "": drawn by the run.
  std::string samples;
  int64_t count = 10000;
  uint64_t seed = 1;
  bool quiet = false;
};
inline constexpr int64_t kFeatureEpochs = 3;
// {task, examples, real_examples, frechet, precision, recall, label_accuracy} of samples against a
// split of the data; label_accuracy of conditional runs only.
Json evaluate(const std::string& run, const EvaluateOptions& options);

}  // namespace cairn::tasks::image_gan
