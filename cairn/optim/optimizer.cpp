#include "cairn/optim/optimizer.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "cairn/autograd/autograd.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/optim/clip.h"

namespace cairn::optim {
namespace {
constexpr const char* kCounts = "param_steps";
}

Optimizer::Optimizer(const char* name, Clip clip)
    : name_(name), clip_(clip), count_(state(zeros({}))) {}

void Optimizer::add_group(const Tensors& parameters, double lr, bool maximize) {
  check(!parameters.empty(), "{}: a group without parameters", name_);
  check(std::isfinite(lr) && lr >= 0, "{}: learning rate {} is no number from 0 on", name_, lr);
  for (const Tensor& p : parameters) {
    check(p.defined() && p.is_state(), "{}: a parameter is not a State; pass module.parameters()",
          name_);
    for (const Tensor& other : parameters_)
      check(other.impl() != p.impl(), "{}: a parameter of shape {} is given twice", name_,
            to_string(p.shape()));
    parameters_.push_back(p);
    group_of_.push_back(rates_.size());
  }
  rates_.push_back(state(full({}, lr)));
  initial_rates_.push_back(lr);
  maximize_.push_back(maximize);
}

void Optimizer::add_slot(const char* name, bool used) {
  if (!used) return;
  Slot slot{name, {}};
  for (const Tensor& p : parameters_) slot.states.push_back(state(zeros(p.shape(), p.dtype())));
  slots_.push_back(std::move(slot));
}

void Optimizer::add_slot(const char* name, Shape (*shape)(const Shape& of),
                         bool (*wanted)(const Tensor& parameter)) {
  Slot slot{name, {}};
  for (const Tensor& p : parameters_)
    slot.states.push_back(wanted(p) ? state(zeros(shape(p.shape()), p.dtype())) : Tensor());
  slots_.push_back(std::move(slot));
}

void Optimizer::add_vector(const char* name, double initial) {
  vectors_.emplace_back(name, state(full({static_cast<int64_t>(parameters_.size())}, initial)));
}

void Optimizer::add_counts() { add_vector(kCounts, 0); }

const Tensor& Optimizer::vector(const char* name) const {
  for (const auto& [own, state] : vectors_)
    if (own == name) return state;
  static const Tensor none;
  return none;
}

// Made outside a trace and kept: compiled steps read it like any other tensor.
const Tensor& Optimizer::mask_of(const std::vector<bool>& present) {
  Tensor& mask = masks_[present];
  if (!mask.defined()) {
    RecorderScope eager(nullptr);
    const std::vector<float> values(present.begin(), present.end());
    mask = from_host(values.data(), {static_cast<int64_t>(values.size())}, DType::f32);
  }
  return mask;
}

Tensor Optimizer::advance_vector(const char* name, const Update& u,
                                 const std::function<Tensor(const Tensor& old)>& next) {
  const Tensor& old = vector(name);
  std::vector<bool> present(parameters_.size(), false);
  for (const auto& [i, gradient] : u.gradients) present[i] = true;
  const bool all = u.gradients.size() == parameters_.size();
  const Tensor value = all ? next(old) : where(mask_of(present), next(old), old);
  assign(old, value);
  return value;
}

const Tensor& Optimizer::slot(const char* name, size_t parameter) const {
  for (const Slot& s : slots_)
    if (s.name == name) return s.states[parameter];
  fail("{}: has no slot '{}'", name_, name);
}

void Optimizer::step(const Tensor& loss, Loc loc) { step(gradients(loss, loc)); }

Tensors Optimizer::gradients(const Tensor& loss, Loc loc) const {
  Tensors wanted;
  std::vector<size_t> index;
  for (size_t i = 0; i < parameters_.size(); ++i)
    if (is_trained(parameters_[i])) wanted.push_back(parameters_[i]), index.push_back(i);
  if (!loss.defined()) fail("{}: the loss is an undefined tensor{}", name_, where(loc));
  Tensors found(wanted.size());
  if (loss.requires_grad()) found = grad({loss}, wanted, {.allow_unused = true});
  if (std::none_of(found.begin(), found.end(), [](const Tensor& g) { return g.defined(); }))
    fail(
        "{}: the loss depends on none of the {} parameters that are trained; make the optimizer of "
        "the parameters of the network "
        "that the loss comes from, outside NoGrad{}",
        name_, wanted.size(), where(loc));
  Tensors all(parameters_.size());
  for (size_t i = 0; i < index.size(); ++i) all[index[i]] = found[i];
  return all;
}

void Optimizer::step() {
  Tensors gradients;
  for (const Tensor& p : parameters_) gradients.push_back(is_trained(p) ? p.grad() : Tensor());
  step(gradients);
}

void Optimizer::check_gradient(size_t i, const Tensor& gradient) const {
  const Tensor& p = parameters_[i];
  if (p.impl()->retired)
    fail(
        "{}: parameter {} of shape {} belongs to a layer that replace() took out; make the "
        "optimizer after it{}",
        name_, i, to_string(p.shape()), where(context().loc));
  if (gradient.defined() && gradient.shape() != p.shape())
    fail("{}: parameter {} is {} but its gradient {}{}", name_, i, to_string(p.shape()),
         to_string(gradient.shape()), where(context().loc));
}

void Optimizer::step(const Tensors& given) {
  check(given.size() == parameters_.size(), "{}: {} gradients for {} parameters", name_,
        given.size(), parameters_.size());
  for (size_t i = 0; i < given.size(); ++i) check_gradient(i, given[i]);
  NoGrad no_grad;
  Tensors gradients = given;
  if (clip_.value > 0) gradients = clip_grad_value(gradients, clip_.value);
  if (clip_.norm > 0) gradients = clip_grad_norm(gradients, clip_.norm).gradients;
  assign(count_, count_ + 1.0);
  for (size_t group = 0; group < rates_.size(); ++group) {
    Update u{group, rates_[group], {}, {}};
    for (size_t i = 0; i < gradients.size(); ++i)
      if (group_of_[i] == group && gradients[i].defined())
        u.gradients.emplace_back(i, maximize_[group] ? neg(gradients[i]) : gradients[i]);
    if (u.gradients.empty()) continue;
    if (vector(kCounts).defined())
      u.counts = advance_vector(kCounts, u, [](const Tensor& old) { return old + 1.0; });
    update(u);
  }
}

void Optimizer::zero_grad() {
  for (const Tensor& p : parameters_) p.set_grad({});
}

double Optimizer::lr(size_t group) const { return rates_.at(group).item(); }
void Optimizer::set_lr(size_t group, double lr) { assign(rates_.at(group), full({}, lr)); }
void Optimizer::set_lr(double lr) {
  for (size_t group = 0; group < rates_.size(); ++group) set_lr(group, lr);
}
int64_t Optimizer::steps() const { return static_cast<int64_t>(count_.item()); }

NamedTensors Optimizer::state_dict() const {
  NamedTensors all = {{"step", count_}};
  for (size_t group = 0; group < rates_.size(); ++group)
    all.emplace_back("lr." + std::to_string(group), rates_[group]);
  for (const Slot& s : slots_)
    for (size_t i = 0; i < s.states.size(); ++i)
      if (s.states[i].defined()) all.emplace_back(std::to_string(i) + "." + s.name, s.states[i]);
  all.insert(all.end(), vectors_.begin(), vectors_.end());
  return all;
}

void Optimizer::load_state_dict(const NamedTensors& values) {
  std::map<std::string, Tensor> given(values.begin(), values.end());
  if (const Tensor& counts = vector(kCounts);
      counts.defined() && given.count("step") && !given.count(kCounts))
    given[kCounts] =
        expand(reshape(given["step"], {1}), counts.shape());  // of before: one count for all
  const NamedTensors own = state_dict();
  std::string wrong;
  for (const auto& [name, target] : own) {
    const auto it = given.find(name);
    if (it == given.end()) wrong += "\n  missing: " + name;
    else if (it->second.shape() != target.shape())
      wrong += fmt::format("\n  {} is {} instead of {}", name, to_string(it->second.shape()),
                           to_string(target.shape()));
  }
  check(wrong.empty() && given.size() == own.size(),
        "{}: this state is of another optimizer or model ({} tensors instead of {}){}", name_,
        given.size(), own.size(), wrong);
  for (const auto& [name, target] : own) assign(target, cast(given[name], target.dtype()));
}

}  // namespace cairn::optim
