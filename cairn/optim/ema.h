// Exponential moving average of weights (Polyak & Juditsky 1992).
#pragma once
#include "cairn/tensor/tensor.h"

namespace cairn::optim {

//   optim::Ema ema(net.parameters(), 0.999);
//   ... opt.step(loss); ema.update();      // inside the compiled step or outside
//   ema.swap();  evaluate(net);  ema.swap();
class Ema {
 public:
  explicit Ema(const Tensors& parameters, double decay = 0.999);
  void update();  // average += (1 - decay) (parameter - average)
  void swap();    // exchanges parameters and averages
  void copy_to_parameters();
  const Tensors& averages() const { return averages_; }  // States

 private:
  double decay_;
  Tensors parameters_, averages_;
};

}  // namespace cairn::optim
