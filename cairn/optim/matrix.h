// Optimizers that see a weight as a matrix, with PyTorch's names, defaults and update formulas.
#pragma once
#include "cairn/optim/optimizer.h"

namespace cairn::optim {

struct AdafactorOptions {
  double lr = 1e-2, beta2_decay = -0.8;
  double eps1 = 1.1920928955078125e-07, eps2 = 1e-3;  // of the squares; of the parameter's size
  double d = 1, weight_decay = 0;                     // largest root mean square of an update
  bool maximize = false;                              // rises instead of falling
  Clip clip = {};
};
// Shazeer & Stern 2018: Adam without a mean, whose squares are kept by rows and columns; rates
// relative to the parameter's size.
class Adafactor : public OptimizerOf<AdafactorOptions> {
 public:
  explicit Adafactor(const Tensors& parameters, const AdafactorOptions& options = {})
      : Adafactor({{parameters, options}}) {}
  explicit Adafactor(const std::vector<Group<AdafactorOptions>>& groups);

 private:
  void update(const Update& u) override;
};

struct MuonOptions {
  double lr = 1e-3, weight_decay = 0.1, momentum = 0.95;
  bool nesterov = true;
  int ns_steps = 5;
  double eps = 1e-7;
  bool maximize = false;  // rises instead of falling
  Clip clip = {};
};
// Jordan et al. 2024: momentum whose matrix is made nearly orthogonal (all singular values near 1)
// by Newton-Schulz steps. For the weights of hidden layers, [out, in]; embeddings, heads, biases
// and gains want another optimizer.
class Muon : public OptimizerOf<MuonOptions> {
 public:
  explicit Muon(const Tensors& parameters, const MuonOptions& options = {})
      : Muon({{parameters, options}}) {}
  explicit Muon(const std::vector<Group<MuonOptions>>& groups);

 private:
  void update(const Update& u) override;
};

}  // namespace cairn::optim
