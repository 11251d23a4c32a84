#include "cairn/optim/optim.h"

#include <algorithm>
#include <cmath>

#include "cairn/base/error.h"
#include "cairn/ops/functions.h"

namespace cairn::optim {
namespace {

template <class Options>
Clip clip_of(const char* name, const std::vector<Group<Options>>& groups) {
  check(!groups.empty(), "{}: no parameters", name);
  return groups[0].options.clip;
}

// 1 - beta^count [], without cancellation at the first steps.
Tensor correction(double beta, const Tensor& count) { return -expm1(count * std::log(beta)); }

}  // namespace

// ---- SGD

SGD::SGD(const std::vector<Group<SgdOptions>>& groups) : Optimizer("SGD", clip_of("SGD", groups)) {
  bool momentum = false;
  for (const auto& [parameters, o] : groups) {
    check(!o.nesterov || (o.momentum > 0 && o.dampening == 0),
          "SGD: nesterov wants momentum and no dampening");
    add_group(parameters, o.lr);
    options_.push_back(o);
    momentum |= o.momentum != 0;
  }
  add_slot("momentum_buffer", momentum);
}

void SGD::update(const Update& u) {
  const SgdOptions& o = options_[u.group];
  // PyTorch does not dampen the first gradient.
  const Tensor fresh =
      o.dampening != 0 ? where(eq(u.count, 1.0), full({}, 1), full({}, 1 - o.dampening)) : Tensor();
  for (const auto& [i, gradient] : u.gradients) {
    const Tensor& p = at(i);
    Tensor g = o.weight_decay != 0 ? gradient + p * o.weight_decay : gradient;
    if (o.momentum != 0) {
      const Tensor& buffer = slot("momentum_buffer", i);
      const Tensor moved = buffer * o.momentum + (fresh.defined() ? g * fresh : g);
      assign(buffer, moved);
      g = o.nesterov ? g + moved * o.momentum : moved;
    }
    assign(p, p - g * u.lr);
  }
}

// ---- Adam

Adam::Adam(const std::vector<Group<AdamOptions>>& groups) : Adam("Adam", clip_of("Adam", groups)) {
  for (const auto& [parameters, o] : groups) {
    add_group(parameters, o.lr);
    rules_.push_back({o.betas, o.eps, o.weight_decay, false});
  }
  add_slot("exp_avg");
  add_slot("exp_avg_sq");
}

AdamW::AdamW(const std::vector<Group<AdamWOptions>>& groups)
    : Adam("AdamW", clip_of("AdamW", groups)) {
  for (const auto& [parameters, o] : groups) {
    add_group(parameters, o.lr);
    rules_.push_back({o.betas, o.eps, o.weight_decay, true});
  }
  add_slot("exp_avg");
  add_slot("exp_avg_sq");
}

void Adam::update(const Update& u) {
  const auto& [betas, eps, weight_decay, decoupled] = rules_[u.group];
  // Scalars, once for the group: what multiplies m, what multiplies sqrt(v), what is left of p.
  const Tensor rate = u.lr / correction(betas.first, u.count);
  const Tensor root = rsqrt(correction(betas.second, u.count));
  const Tensor kept = decoupled && weight_decay != 0 ? 1.0 - u.lr * weight_decay : Tensor();
  for (const auto& [i, gradient] : u.gradients) {
    const Tensor &p = at(i), &m = slot("exp_avg", i), &v = slot("exp_avg_sq", i);
    const Tensor g = !decoupled && weight_decay != 0 ? gradient + p * weight_decay : gradient;
    const Tensor m1 = m + (g - m) * (1 - betas.first);
    const Tensor v1 = v * betas.second + square(g) * (1 - betas.second);
    const Tensor before = kept.defined() ? p * kept : p;
    const Tensor after = before - rate * m1 / (sqrt(v1) * root + eps);
    assign(m, m1);
    assign(v, v1);
    assign(p, after);
  }
}

// ---- RMSprop

RMSprop::RMSprop(const std::vector<Group<RMSpropOptions>>& groups)
    : Optimizer("RMSprop", clip_of("RMSprop", groups)) {
  bool momentum = false, centered = false;
  for (const auto& [parameters, o] : groups) {
    add_group(parameters, o.lr);
    options_.push_back(o);
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
