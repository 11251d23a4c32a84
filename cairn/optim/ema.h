// Exponential moving average of weights (Polyak & Juditsky 1992). The decay rises to what was asked
// for: after n updates it is at most (1 + n) / (10 + n), so that the average of a short training
// does not hold on to the initial weights.
#pragma once
#include "cairn/tensor/tensor.h"

namespace cairn::optim {

//   optim::Ema ema(net.parameters(), 0.999);
//   ... opt.step(loss); ema.update();      // inside the compiled step or outside
//   ema.swap();  evaluate(net);  ema.swap();
class Ema {
 public:
  explicit Ema(const Tensors& parameters, double decay = 0.999);
  void update();  // average += (1 - decay now) (parameter - average)
  void swap();    // exchanges parameters and averages
  const Tensors& averages() const { return averages_; }  // States
  const Tensor& updates() const { return updates_; }     // State f32 []: how many there were

 private:
  double decay_;
  Tensors parameters_, averages_;
  Tensor updates_;
};

}  // namespace cairn::optim
