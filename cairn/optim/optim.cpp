#include "cairn/optim/optim.h"

#include <algorithm>
#include <cmath>

#include "cairn/base/error.h"
#include "cairn/ops/functions.h"
#include "cairn/optim/corrections.h"

namespace cairn::optim {

// ---- SGD

SGD::SGD(const std::vector<Group<SgdOptions>>& groups) : OptimizerOf("SGD", groups) {
  bool momentum = false, dampened = false;
  for (const SgdOptions& o : options_) {
    check(!o.nesterov || (o.momentum > 0 && o.dampening == 0),
          "SGD: nesterov wants momentum and no dampening");
    momentum |= o.momentum != 0;
    dampened |= o.momentum != 0 && o.dampening != 0;
  }
  add_slot("momentum_buffer", momentum);
  if (dampened) add_counts();
}

void SGD::update(const Update& u) {
  const SgdOptions& o = options_[u.group];
  // PyTorch does not dampen a parameter's first gradient.
  const bool dampened = o.momentum != 0 && o.dampening != 0;
  const Tensor fresh =
      dampened ? where(eq(u.counts, 1.0), full({}, 1), full({}, 1 - o.dampening)) : Tensor();
  for (const auto& [i, gradient] : u.gradients) {
    const Tensor& p = at(i);
    Tensor g = o.weight_decay != 0 ? gradient + p * o.weight_decay : gradient;
    if (o.momentum != 0) {
      const Tensor& buffer = slot("momentum_buffer", i);
      const Tensor moved = buffer * o.momentum + (dampened ? g * of(fresh, i) : g);
      assign(buffer, moved);
      g = o.nesterov ? g + moved * o.momentum : moved;
    }
    assign(p, p - g * u.lr);
  }
}

// ---- Adam

Adam::Adam(const std::vector<Group<AdamOptions>>& groups) : Adam("Adam", clip_of("Adam", groups)) {
  for (const auto& [parameters, o] : groups) {
    add_group(parameters, o.lr, o.maximize);
    check_betas("Adam", o.betas);
    rules_.push_back({o.betas, o.eps, o.weight_decay, false, o.amsgrad});
  }
  add_slots();
}

AdamW::AdamW(const std::vector<Group<AdamWOptions>>& groups)
    : Adam("AdamW", clip_of("AdamW", groups)) {
  for (const auto& [parameters, o] : groups) {
    add_group(parameters, o.lr, o.maximize);
    check_betas("AdamW", o.betas);
    rules_.push_back({o.betas, o.eps, o.weight_decay, true, o.amsgrad});
  }
  add_slots();
}

void Adam::add_slots() {
  add_counts();
  add_slot("exp_avg");
  add_slot("exp_avg_sq");
  add_slot("max_exp_avg_sq",
           std::any_of(rules_.begin(), rules_.end(), [](const Rule& r) { return r.amsgrad; }));
}

void Adam::update(const Update& u) {
  const auto& [betas, eps, weight_decay, decoupled, amsgrad] = rules_[u.group];
  // One for each parameter, by its own count: what multiplies m, what multiplies sqrt(v); then what
  // is left of p.
  const Tensor rates = u.lr / correction(betas.first, u.counts);
  const Tensor roots = rsqrt(correction(betas.second, u.counts));
  const Tensor kept = decoupled && weight_decay != 0 ? 1.0 - u.lr * weight_decay : Tensor();
  for (const auto& [i, gradient] : u.gradients) {
    const Tensor &p = at(i), &m = slot("exp_avg", i), &v = slot("exp_avg_sq", i);
    const Tensor g = !decoupled && weight_decay != 0 ? gradient + p * weight_decay : gradient;
    const Tensor m1 = m + (g - m) * (1 - betas.first);
    const Tensor v1 = v * betas.second + square(g) * (1 - betas.second);
    const Tensor before = kept.defined() ? p * kept : p;
    Tensor spread = v1;
    if (amsgrad) {
      const Tensor& most = slot("max_exp_avg_sq", i);
      spread = maximum(most, v1);
      assign(most, spread);
    }
    const Tensor after = before - of(rates, i) * m1 / (sqrt(spread) * of(roots, i) + eps);
    assign(m, m1);
    assign(v, v1);
    assign(p, after);
  }
}

// ---- RMSprop

RMSprop::RMSprop(const std::vector<Group<RMSpropOptions>>& groups)
    : OptimizerOf("RMSprop", groups) {
  bool momentum = false, centered = false;
  for (const RMSpropOptions& o : options_) {
    momentum |= o.momentum != 0;
    centered |= o.centered;
  }
  add_slot("square_avg");
  add_slot("momentum_buffer", momentum);
  add_slot("grad_avg", centered);
}

void RMSprop::update(const Update& u) {
  const RMSpropOptions& o = options_[u.group];
  for (const auto& [i, gradient] : u.gradients) {
    const Tensor &p = at(i), &v = slot("square_avg", i);
    const Tensor g = o.weight_decay != 0 ? gradient + p * o.weight_decay : gradient;
    const Tensor v1 = v * o.alpha + square(g) * (1 - o.alpha);
    Tensor spread = v1;
    if (o.centered) {
      const Tensor& mean = slot("grad_avg", i);
      const Tensor mean1 = mean + (g - mean) * (1 - o.alpha);
      spread = v1 - square(mean1);
      assign(mean, mean1);
    }
    assign(v, v1);
    Tensor direction = g / (sqrt(spread) + o.eps);
    if (o.momentum != 0) {
      const Tensor& buffer = slot("momentum_buffer", i);
      direction = buffer * o.momentum + direction;
      assign(buffer, direction);
    }
    assign(p, p - direction * u.lr);
  }
}

}  // namespace cairn::optim
