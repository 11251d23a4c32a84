// A variational autoencoder (Kingma and Welling 2014) of pictures whose values are black or white,
// learned by the importance-weighted bound (Burda, Grosse and Salakhutdinov 2016).
#pragma once
#include "cairn/models/density.h"
#include "cairn/nn/nn.h"

namespace cairn::models {

class Vae : public Density {
 public:
  explicit Vae(const DensitySize& size);

  ChanceSize chance(int64_t samples) const override;
  // As many samples as chance.normal has numbers for.
  Tensor objective(const Tensor& x, const Tensor& labels, const Chance& chance) override;
  bool is_binary() const override { return true; }
  int64_t noise() const override { return size_.z; }
  Painter painter(const DrawHow& how) const override;
  std::vector<Port> takes() const override;
  std::string gives() const override { return "brightness"; }  // [N, C, H, W], 0 to 1
  Tensor respond(std::span<const Tensor> in) override;

  // Mean and log deviation of z: [N, 2 z], of binary pictures [N, C H W].
  nn::Sequential encoder, decoder;  // z [N, z] to log odds of white [N, C H W]

 private:
  Tensor with_labels(const Tensor& x, const Tensor& labels) const;
  DensitySize size_;
};

}  // namespace cairn::models
