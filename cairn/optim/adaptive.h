// More optimizers with a rate for each parameter's element, with PyTorch's names, defaults and
// update formulas.
#pragma once
#include "cairn/optim/optimizer.h"

namespace cairn::optim {

struct AdagradOptions {
  double lr = 1e-2, lr_decay = 0, weight_decay = 0, initial_accumulator_value = 0, eps = 1e-10;
  bool maximize = false;  // rises instead of falling
  Clip clip = {};
};
// Duchi et al. 2011: s += g^2;  p -= lr / (1 + (t - 1) lr_decay) g / (sqrt(s) + eps).
class Adagrad : public OptimizerOf<AdagradOptions> {
 public:
  explicit Adagrad(const Tensors& parameters, const AdagradOptions& options = {})
      : Adagrad({{parameters, options}}) {}
  explicit Adagrad(const std::vector<Group<AdagradOptions>>& groups);

 private:
  void update(const Update& u) override;
};

struct AdadeltaOptions {
  double lr = 1, rho = 0.9, eps = 1e-6, weight_decay = 0;
  bool maximize = false;  // rises instead of falling
  Clip clip = {};
};
// Zeiler 2012: v = rho v + (1 - rho) g^2;  d = sqrt(u + eps) / sqrt(v + eps) g;
// u = rho u + (1 - rho) d^2;  p -= lr d.
class Adadelta : public OptimizerOf<AdadeltaOptions> {
 public:
  explicit Adadelta(const Tensors& parameters, const AdadeltaOptions& options = {})
      : Adadelta({{parameters, options}}) {}
  explicit Adadelta(const std::vector<Group<AdadeltaOptions>>& groups);

 private:
  void update(const Update& u) override;
};

struct AdamaxOptions {
  double lr = 2e-3;
  Betas betas = {};
  double eps = 1e-8, weight_decay = 0;
  bool maximize = false;  // rises instead of falling
  Clip clip = {};
};
// Kingma & Ba 2015, with the norm of order infinity: u = max(beta2 u, |g| + eps);  p -= lr m / u, m
// corrected.
class Adamax : public OptimizerOf<AdamaxOptions> {
 public:
  explicit Adamax(const Tensors& parameters, const AdamaxOptions& options = {})
      : Adamax({{parameters, options}}) {}
  explicit Adamax(const std::vector<Group<AdamaxOptions>>& groups);

 private:
  void update(const Update& u) override;
};

struct NAdamOptions {
  double lr = 2e-3;
  Betas betas = {};
  double eps = 1e-8, weight_decay = 0, momentum_decay = 4e-3;
  bool decoupled_weight_decay = false;
  bool maximize = false;  // rises instead of falling
  Clip clip = {};
};
// Dozat 2016: Adam with Nesterov's momentum, which rises with the steps.
class NAdam : public OptimizerOf<NAdamOptions> {
 public:
  explicit NAdam(const Tensors& parameters, const NAdamOptions& options = {})
      : NAdam({{parameters, options}}) {}
  explicit NAdam(const std::vector<Group<NAdamOptions>>& groups);

 private:
  void update(const Update& u) override;
};

struct RAdamOptions {
  double lr = 1e-3;
  Betas betas = {};
  double eps = 1e-8, weight_decay = 0;
  bool decoupled_weight_decay = false;
  bool maximize = false;  // rises instead of falling
  Clip clip = {};
};
// Liu et al. 2020: Adam whose first steps, while the variance is unknown, are plain momentum.
class RAdam : public OptimizerOf<RAdamOptions> {
 public:
  explicit RAdam(const Tensors& parameters, const RAdamOptions& options = {})
      : RAdam({{parameters, options}}) {}
  explicit RAdam(const std::vector<Group<RAdamOptions>>& groups);

 private:
  void update(const Update& u) override;
};

}  // namespace cairn::optim
