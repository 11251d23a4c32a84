#include "cairn/optim/adaptive.h"

#include <cmath>

#include "cairn/base/error.h"
#include "cairn/ops/functions.h"
#include "cairn/optim/corrections.h"

namespace cairn::optim {

// ---- Adagrad

Adagrad::Adagrad(const std::vector<Group<AdagradOptions>>& groups)
    : OptimizerOf("Adagrad", groups) {
  add_counts();
  add_slot("sum");
  for (size_t i = 0; i < parameters().size(); ++i)
    if (const double start = options_[group_of(i)].initial_accumulator_value; start != 0)
      assign(slot("sum", i), full(at(i).shape(), start, at(i).dtype()));
}

void Adagrad::update(const Update& u) {
  const AdagradOptions& o = options_[u.group];
  const Tensor rates = u.lr / ((u.counts - 1.0) * o.lr_decay + 1.0);
  for (const auto& [i, gradient] : u.gradients) {
    const Tensor &p = at(i), &sum = slot("sum", i);
    const Tensor g = decayed(gradient, p, o.weight_decay);
    const Tensor squares = sum + square(g);
    assign(sum, squares);
    assign(p, p - of(rates, i) * g / (sqrt(squares) + o.eps));
  }
}

// ---- Adadelta

Adadelta::Adadelta(const std::vector<Group<AdadeltaOptions>>& groups)
    : OptimizerOf("Adadelta", groups) {
  add_slot("square_avg");
  add_slot("acc_delta");
}

void Adadelta::update(const Update& u) {
  const AdadeltaOptions& o = options_[u.group];
  for (const auto& [i, gradient] : u.gradients) {
    const Tensor &p = at(i), &v = slot("square_avg", i), &moved = slot("acc_delta", i);
    const Tensor g = decayed(gradient, p, o.weight_decay);
    const Tensor v1 = v * o.rho + square(g) * (1 - o.rho);
    const Tensor delta = sqrt(moved + o.eps) / sqrt(v1 + o.eps) * g;
    assign(v, v1);
    assign(moved, moved * o.rho + square(delta) * (1 - o.rho));
    assign(p, p - delta * u.lr);
  }
}

// ---- Adamax

Adamax::Adamax(const std::vector<Group<AdamaxOptions>>& groups) : OptimizerOf("Adamax", groups) {
  for (const auto& o : options_) check_betas("Adamax", o.betas);
  add_counts();
  add_slot("exp_avg");
  add_slot("exp_inf");
}

void Adamax::update(const Update& u) {
  const AdamaxOptions& o = options_[u.group];
  const Tensor rates = u.lr / correction(o.betas.first, u.counts);
  for (const auto& [i, gradient] : u.gradients) {
    const Tensor &p = at(i), &m = slot("exp_avg", i), &largest = slot("exp_inf", i);
    const Tensor g = decayed(gradient, p, o.weight_decay);
    const Tensor m1 = m + (g - m) * (1 - o.betas.first);
    const Tensor largest1 = maximum(largest * o.betas.second, abs(g) + o.eps);
    assign(m, m1);
    assign(largest, largest1);
    assign(p, p - of(rates, i) * m1 / largest1);
  }
}

// ---- NAdam

NAdam::NAdam(const std::vector<Group<NAdamOptions>>& groups) : OptimizerOf("NAdam", groups) {
  for (const auto& o : options_) check_betas("NAdam", o.betas);
  add_counts();
  add_slot("exp_avg");
  add_slot("exp_avg_sq");
  add_vector("mu_product", 1);
}

void NAdam::update(const Update& u) {
  const NAdamOptions& o = options_[u.group];
  const auto momentum = [&](const Tensor& t) {  // beta1 (1 - 0.96^(t momentum_decay) / 2)
    return (1.0 - exp(t * (o.momentum_decay * std::log(0.96))) * 0.5) * o.betas.first;
  };
  const Tensor now = momentum(u.counts), next = momentum(u.counts + 1.0);
  const Tensor product =
      advance_vector("mu_product", u, [&](const Tensor& old) { return old * now; });
  const Tensor of_gradient = u.lr * (1.0 - now) / (1.0 - product),
               of_mean = u.lr * next / (1.0 - product * next);
  const Tensor root = rsqrt(correction(o.betas.second, u.counts));
  for (const auto& [i, gradient] : u.gradients) {
    const Tensor &p = at(i), &m = slot("exp_avg", i), &v = slot("exp_avg_sq", i);
    const Tensor g = o.decoupled_weight_decay ? gradient : decayed(gradient, p, o.weight_decay);
    const Tensor before = o.decoupled_weight_decay ? p * (1.0 - u.lr * o.weight_decay) : p;
    const Tensor m1 = m + (g - m) * (1 - o.betas.first);
    const Tensor v1 = v * o.betas.second + square(g) * (1 - o.betas.second);
    assign(m, m1);
    assign(v, v1);
    assign(p, before - (of(of_gradient, i) * g + of(of_mean, i) * m1) /
                           (sqrt(v1) * of(root, i) + o.eps));
  }
}

// ---- RAdam

RAdam::RAdam(const std::vector<Group<RAdamOptions>>& groups) : OptimizerOf("RAdam", groups) {
  for (const auto& o : options_) check_betas("RAdam", o.betas);
  add_counts();
  add_slot("exp_avg");
  add_slot("exp_avg_sq");
}

void RAdam::update(const Update& u) {
  const RAdamOptions& o = options_[u.group];
  const double beta2 = o.betas.second, longest = 2 / (1 - beta2) - 1;
  const Tensor rates = u.lr / correction(o.betas.first, u.counts),
               left = correction(beta2, u.counts);
  // The length of the average so far; from 5 on its variance is known well enough.
  const Tensor length = longest - u.counts * exp(u.counts * std::log(beta2)) * 2.0 / left;
  const Tensor known = gt(length, 5.0), safe = where(known, length, full({}, 6));
  const Tensor rectified =
      sqrt((safe - 4.0) * (safe - 2.0) * left / safe * (longest / ((longest - 4) * (longest - 2))));
  for (const auto& [i, gradient] : u.gradients) {
    const Tensor &p = at(i), &m = slot("exp_avg", i), &v = slot("exp_avg_sq", i);
    const Tensor g = o.decoupled_weight_decay ? gradient : decayed(gradient, p, o.weight_decay);
    const Tensor before = o.decoupled_weight_decay ? p * (1.0 - u.lr * o.weight_decay) : p;
    const Tensor m1 = m + (g - m) * (1 - o.betas.first);
    const Tensor v1 = v * beta2 + square(g) * (1 - beta2);
    const Tensor scale = where(of(known, i), of(rectified, i) / (sqrt(v1) + o.eps), full({}, 1));
    assign(m, m1);
    assign(v, v1);
    assign(p, before - of(rates, i) * m1 * scale);
  }
}

}  // namespace cairn::optim
