// What the update formulas of the optimizers share.
#pragma once
#include <cmath>

#include "cairn/base/error.h"
#include "cairn/ops/functions.h"
#include "cairn/optim/optimizer.h"

namespace cairn::optim {

// Throws Error where a mean would not fade: a decay of 1 or more divides by 0 or grows.
inline void check_betas(const char* name, const Betas& betas) {
  for (const double beta : {betas.first, betas.second})
    check(beta >= 0 && beta < 1, "{}: betas ({}, {}): both are in [0, 1)", name, betas.first,
          betas.second);
}

// 1 - beta^count for each parameter's count, without cancellation at the first steps.
inline Tensor correction(double beta, const Tensor& counts) {
  return -expm1(counts * std::log(beta));
}
// Parameter i's entry [] of a vector with one for each parameter.
inline Tensor of(const Tensor& vector, size_t i) {
  return select(vector, 0, static_cast<int64_t>(i));
}
// The gradient with weight decay added.
inline Tensor decayed(const Tensor& gradient, const Tensor& p, double weight_decay) {
  return weight_decay != 0 ? gradient + p * weight_decay : gradient;
}

}  // namespace cairn::optim
