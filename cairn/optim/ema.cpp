#include "cairn/optim/ema.h"

#include "cairn/base/error.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"

namespace cairn::optim {

Ema::Ema(const Tensors& parameters, double decay) : decay_(decay), parameters_(parameters) {
  check(decay >= 0 && decay < 1, "Ema: decay {} is not in [0, 1)", decay);
  for (const Tensor& p : parameters) averages_.push_back(state(p));
}

void Ema::update() {
  NoGrad no_grad;
  for (size_t i = 0; i < parameters_.size(); ++i)
    assign(averages_[i], averages_[i] + (parameters_[i] - averages_[i]) * (1 - decay_));
}

void Ema::swap() {
  NoGrad no_grad;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const Tensor parameter = parameters_[i].detach(), average = averages_[i].detach();
    assign(parameters_[i], average);
    assign(averages_[i], parameter);
  }
}

void Ema::copy_to_parameters() {
  NoGrad no_grad;
  for (size_t i = 0; i < parameters_.size(); ++i) assign(parameters_[i], averages_[i]);
}

}  // namespace cairn::optim
