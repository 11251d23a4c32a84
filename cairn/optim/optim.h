// The optimizers, with PyTorch's names, defaults and update formulas.
#pragma once
#include "cairn/optim/adaptive.h"
#include "cairn/optim/clip.h"
#include "cairn/optim/ema.h"
#include "cairn/optim/lbfgs.h"
#include "cairn/optim/matrix.h"
#include "cairn/optim/optimizer.h"
#include "cairn/optim/schedule.h"

namespace cairn::optim {

struct SgdOptions {
  double lr = 1e-3, momentum = 0, dampening = 0, weight_decay = 0;
  bool nesterov = false;
  bool maximize = false;  // rises instead of falling
  Clip clip = {};         // of the first group: for all
};
// g += wd p;  m = momentum m + (1 - dampening) g, a parameter's first g undampened;  p -= lr m
// (nesterov: lr (g + momentum m)).
class SGD : public OptimizerOf<SgdOptions> {
 public:
  explicit SGD(const Tensors& parameters, const SgdOptions& options = {})
      : SGD({{parameters, options}}) {}
  explicit SGD(const std::vector<Group<SgdOptions>>& groups);

 private:
  void update(const Update& u) override;
};

struct AdamOptions {
  double lr = 1e-3;
  Betas betas = {};
  double eps = 1e-8, weight_decay = 0;  // added to the gradient
  bool amsgrad = false;                 // divides by the largest v so far (Reddi et al. 2018)
  bool maximize = false;                // rises instead of falling
  Clip clip = {};
};
struct AdamWOptions {
  double lr = 1e-3;
  Betas betas = {};
  double eps = 1e-8, weight_decay = 1e-2;  // shrinks the weights by lr * weight_decay
  bool amsgrad = false;
  bool maximize = false;  // rises instead of falling
  Clip clip = {};
};
// Kingma & Ba 2015: m and v are running means of g and g^2, corrected for their start from zero;
// p -= lr m / (sqrt(v) + eps).
class Adam : public Optimizer {
 public:
  explicit Adam(const Tensors& parameters, const AdamOptions& options = {})
      : Adam({{parameters, options}}) {}
  explicit Adam(const std::vector<Group<AdamOptions>>& groups);

 protected:
  struct Rule {
    Betas betas;
    double eps, weight_decay;
    bool decoupled, amsgrad;
  };
  Adam(const char* name, Clip clip) : Optimizer(name, clip) {}
  void add_slots();
  std::vector<Rule> rules_;

 private:
  void update(const Update& u) override;
};
// Loshchilov & Hutter 2019: Adam with decoupled weight decay.
class AdamW : public Adam {
 public:
  explicit AdamW(const Tensors& parameters, const AdamWOptions& options = {})
      : AdamW({{parameters, options}}) {}
  explicit AdamW(const std::vector<Group<AdamWOptions>>& groups);
};

struct RMSpropOptions {
  double lr = 1e-2, alpha = 0.99, eps = 1e-8, weight_decay = 0, momentum = 0;
  bool centered = false;
  bool maximize = false;  // rises instead of falling
  Clip clip = {};
};
// Tieleman & Hinton 2012: v = alpha v + (1 - alpha) g^2;  p -= lr g / (sqrt(v) + eps).
class RMSprop : public OptimizerOf<RMSpropOptions> {
 public:
  explicit RMSprop(const Tensors& parameters, const RMSpropOptions& options = {})
      : RMSprop({{parameters, options}}) {}
  explicit RMSprop(const std::vector<Group<RMSpropOptions>>& groups);

 private:
  void update(const Update& u) override;
};

}  // namespace cairn::optim
