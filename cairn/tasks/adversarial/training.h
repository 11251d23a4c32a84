// A generator and a discriminator that learn from each other (Goodfellow et al. 2014), whatever
// they draw: pictures, music, text. Each kind of step is compiled once.
#pragma once
#include <functional>
#include <string>

#include "cairn/compile/compile.h"
#include "cairn/nn/adversarial.h"
#include "cairn/nn/module.h"
#include "cairn/optim/optim.h"
#include "cairn/train/ranks.h"
#include "cairn/train/trainer.h"

namespace cairn::tasks::adversarial {

// The two networks and how they are called. `labels`: of a batch, or whatever else is drawn from (a
// picture that is to become another); networks without may ignore them.
struct Networks {
  nn::Module generator, discriminator;
  std::function<Tensor(const Tensor& labels)> draw;  // with noise of its own, as many as labels
  std::function<Tensor(const Tensor& x, const Tensor& labels)> score;  // [N]
  // What the generator lowers beside, e.g. how far it is from x; none: nothing.
  std::function<Tensor(const Tensor& drawn, const Tensor& x, const Tensor& labels)> also = {};
};

struct TrainingOptions {
  nn::GanLoss loss = nn::GanLoss::non_saturating;
  double lr = 2e-4, lr_discriminator = 2e-4;
  optim::Betas betas = {0.5, 0.999};
  double r1 = 0, gradient_penalty = 0;  // weights of penalties on the discriminator's slope
  double ema = 0.999;                   // decay of the generator's averaged weights
  dist::Packing gradients = dist::Packing::f32;  // how they travel between ranks
  double adversarial = 1;  // weight of what the discriminator says, beside `also`
};

// What the last step of both saw.
struct StepResult {
  double loss_discriminator, loss_generator;
  double discriminator_accuracy;  // part of real and generated samples that the discriminator tells
                                  // right
  double gradient_discriminator, gradient_generator;  // Euclidean norms
};

class AdversarialTraining {
 public:
  AdversarialTraining(Networks networks, const TrainingOptions& options);

  // x [N, ...] real samples, labels [N]. A loss or gradient that is not finite throws Error naming
  // the network, and no State has changed.
  void discriminator_step(const Tensor& x, const Tensor& labels);
  StepResult step(const Tensor& x, const Tensor& labels);  // the discriminator, then the generator

  // From now on both learning rates are these parts of what they were.
  void scale_rates(double part);

  // The generator in evaluation mode while alive; `averaged`: with the running mean of its weights,
  // which draws better than the last ones.
  class Use {
   public:
    Use(AdversarialTraining& training, bool averaged);
    ~Use();
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

   private:
    AdversarialTraining& training_;
    bool swap_;
  };

  std::vector<train::Part> parts();  // everything that a step changes
  // What step() computes, for TensorBoard; nothing before the first one.
  std::vector<io::GraphOp> graph() const;

 private:
  // What a step of the discriminator leaves for the generator's.
  struct Scored {
    Tensor fake, loss, discriminator_accuracy, gradient;
  };
  Tensor draw(const Tensor& labels) const;
  Tensor score(const Tensor& x, const Tensor& labels) const;
  Scored update_discriminator(const Tensor& x, const Tensor& labels);
  Tensors update_generator_alone(const Tensor& x, const Tensor& labels);
  Tensors update_both(const Tensor& x, const Tensor& labels);

  const Networks networks_;
  const TrainingOptions options_;
  optim::Adam generator_steps_, discriminator_steps_;
  optim::Ema ema_;
  train::Averager generator_means_, discriminator_means_;  // over ranks
  CompiledFunction discriminator_step_, step_;
};

}  // namespace cairn::tasks::adversarial
