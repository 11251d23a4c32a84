#include "cairn/optim/ema.h"

#include "cairn/base/error.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"

namespace cairn::optim {

Ema::Ema(const Tensors& parameters, double decay)
    : decay_(decay), parameters_(parameters), updates_(state(zeros({}))) {
  check(decay >= 0 && decay < 1, "Ema: decay {} is not in [0, 1)", decay);
  for (const Tensor& p : parameters) averages_.push_back(state(p));
}

void Ema::update() {
  NoGrad no_grad;
  const Tensor decay = clamp_max((updates_ + 1.0) / (updates_ + 10.0), decay_);
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const Tensor part = cast(1.0 - decay, averages_[i].dtype());
    assign(averages_[i], averages_[i] + (parameters_[i] - averages_[i]) * part);
  }
  assign(updates_, updates_ + 1.0);
}

void Ema::swap() {
  NoGrad no_grad;
  for (size_t i = 0; i < parameters_.size(); ++i) {
    const Tensor parameter = parameters_[i].detach(), average = averages_[i].detach();
    assign(parameters_[i], average);
    assign(averages_[i], parameter);
  }
}

}  // namespace cairn::optim
