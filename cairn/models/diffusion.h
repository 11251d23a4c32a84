// Denoising diffusion (Ho, Jain and Abbeel 2020): a network learns what was mixed into a picture,
// for a thousand strengths of noise, and draws by taking it away step by step. Cosine schedule
// (Nichol and Dhariwal 2021), v as what is predicted (Salimans and Ho 2022), drawn by DDIM (Song,
// Meng and Ermon 2021) with classifier-free guidance by label (Ho and Salimans 2022).
#pragma once
#include <optional>

#include "cairn/models/density.h"
#include "cairn/nn/nn.h"

namespace cairn::models {

// Two convolutions around a place where `what` [N, features] scales and shifts.
class TimedBlock : public nn::Module {
 public:
  TimedBlock(int64_t in, int64_t out, int64_t features);
  Tensor forward(Tensor x, Tensor what) override;

 private:
  nn::GroupNorm norm1_, norm2_;
  nn::Conv2d conv1_, conv2_;
  nn::Linear scale_shift_;
  std::optional<nn::Conv2d> skip_;
};

// Self-attention of all places, added to them.
class PlaceAttention : public nn::Module {
 public:
  explicit PlaceAttention(int64_t channels);
  Tensor forward(Tensor x) override;

 private:
  int64_t heads_;
  nn::GroupNorm norm_;
  nn::Conv2d qkv_, out_;
};

// A U-Net of three sizes, `width`, 2 and 2 times as many channels, attention at the smallest.
// (x [N, C, H, W], time [N] in [0, 1], labels i64 [N], where `classes` means none) -> [N, C, H, W].
class Denoiser : public nn::Module {
 public:
  Denoiser(int64_t channels, int64_t width, int64_t classes);
  Tensor forward(Tensor x, Tensor time, Tensor labels) override;

 private:
  int64_t width_;
  nn::Sequential embed_;
  std::optional<nn::Embedding> label_;
  nn::Conv2d in_, shrink1_, shrink2_;
  TimedBlock down1_, down2_, middle1_, middle2_, up2_, up1_;
  PlaceAttention attention_;
  nn::GroupNorm norm_;
  nn::Conv2d out_;
};

// How much of a picture and of noise there is at time t in [0, 1], [N, 1, 1, 1]:
// x_t = signal x + noise e, signal^2 + noise^2 = 1.
struct NoiseLevel {
  Tensor signal, noise;
};
NoiseLevel noise_level(const Tensor& time);

class Diffusion : public Density {
 public:
  explicit Diffusion(const DensitySize& size);

  ChanceSize chance(int64_t samples) const override;
  // Mean squared error of v, at a random time.
  Tensor objective(const Tensor& x, const Tensor& labels, const Chance& chance) override;
  // An estimate without bias, from one random time, of the variational bound for 256 values: much
  // scatter.
  Tensor nats(const Tensor& x, const Tensor& labels, const Chance& chance) override;
  bool is_binary() const override { return false; }
  int64_t noise() const override { return size_.shape.size(); }
  Painter painter(const DrawHow& how) const override;
  std::vector<Port> takes() const override;
  std::string gives() const override { return "v"; }  // [N, C, H, W]
  Tensor respond(std::span<const Tensor> in) override;

 private:
  struct Guess {
    Tensor picture, noise;
  };
  // What a noisy picture is made of; in [-1, 1].
  Guess guess_of(const Tensor& noisy, const Tensor& v, const NoiseLevel& level) const;
  Tensor step_back(const Tensor& noisy, const Tensor& time, const Tensor& next,
                   const Tensor& labels, double guidance) const;

  DensitySize size_;
  Denoiser denoiser_;
};

}  // namespace cairn::models
