// DCGAN (Radford et al. 2016) for square images of any side s 2^k with s in 4 ... 7 and k >= 2: 16,
// 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, ... Each of k steps doubles or halves the side; the
// narrowest, s x s, has width 2^(k-1) channels. The labels of a conditional pair choose an
// embedding that joins the noise, and one that is projected on the discriminator's features (Miyato
// & Koyama 2018).
#pragma once
#include <optional>

#include "cairn/nn/nn.h"

namespace cairn::models {

struct GanSize {
  int64_t side = 32, channels = 3;
  int64_t width = 64;   // channels next to the image
  int64_t z = 128;      // of the noise
  int64_t classes = 0;  // 0: without labels
};
// Throws Error: not square, too small (says the least), or between the possible sides.
void check_gan_image(int64_t height, int64_t width);

// Noise [N, z] -> images [N, channels, side, side] in [-1, 1]; with classes, noise and labels [N].
struct Generator : nn::Module {
  explicit Generator(const GanSize& size);
  Tensor forward(Tensor z) override;
  Tensor forward(Tensor z, Tensor labels) override;

  GanSize size;
  std::optional<nn::Embedding> label;  // with classes: what joins the noise
  nn::Sequential net = child("net", nn::Sequential());
};

// What keeps the discriminator's activations in bounds, beside its first and last layer.
enum class GanNorm { none, batch, spectral };         // spectral: in every convolution
GanNorm gan_norm_from_name(const std::string& name);  // throws InvalidOption ("norm")

// Images [N, channels, side, side] -> one score each [N]; with classes, images and labels [N].
// Without norm: the critic of a Wasserstein GAN.
struct Discriminator : nn::Module {
  explicit Discriminator(const GanSize& size, GanNorm norm = GanNorm::batch);
  Tensor forward(Tensor x) override;
  Tensor forward(Tensor x, Tensor labels) override;

  GanSize size;
  std::optional<nn::Embedding> label;  // with classes: a direction in the features each
  // Its last module turns the features into the score.
  nn::Sequential net = child("net", nn::Sequential());
};

// DCGAN's initial values: convolutions N(0, 0.02), normalisation's scales N(1, 0.02), biases 0.
void init_dcgan(const nn::Module& network);

// The pair of the benchmark, 32x32.
struct Generator32 : Generator {
  explicit Generator32(int64_t z = 128, int64_t width = 64, int64_t channels = 3)
      : Generator({.side = 32, .channels = channels, .width = width, .z = z}) {}
};
struct Discriminator32 : Discriminator {
  explicit Discriminator32(int64_t width = 64, bool norm = true, int64_t channels = 3)
      : Discriminator({.side = 32, .channels = channels, .width = width},
                      norm ? GanNorm::batch : GanNorm::none) {}
};

}  // namespace cairn::models
