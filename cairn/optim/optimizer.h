// Optimizers. step(loss) differentiates the loss and updates, keeping no gradients; step() uses
// .grad.
//
//   optim::AdamW opt(net.parameters(), {.lr = 1e-3});
//   opt.step(loss);
//
// The update is written with ops, so that a compiled step contains and fuses it. Slots, step count
// and learning rates are States: a replay sees what schedules and checkpoints assign to them.
#pragma once
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "cairn/base/error.h"
#include "cairn/tensor/named_tensors.h"

namespace cairn::optim {

// Limits on the gradients of all groups together, before the update; 0: none.
struct Clip {
  double norm = 0;   // largest Euclidean norm of all gradients
  double value = 0;  // largest absolute value of an element
};

struct Betas {
  double first = 0.9, second = 0.999;
};

// Parameters with hyperparameters of their own.
template <class Options>
struct Group {
  Tensors parameters;
  Options options;
};

class Optimizer {
 public:
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  // Gradients of the loss, then the update; parameters that are frozen or that the loss does not
  // reach stay. Throws Error when it reaches none. Each throws one when a parameter belongs to a
  // layer that Module::replace() took out.
  void step(const Tensor& loss, Loc loc = Loc::current());
  // The first half of that: one a parameter, undefined where it is frozen or not reached.
  Tensors gradients(const Tensor& loss, Loc loc = Loc::current()) const;
  void step();  // from .grad; parameters without one stay
  // One gradient a parameter, in their order and of their shape; undefined: stays.
  void step(const Tensors& gradients);
  void zero_grad();

  const Tensors& parameters() const { return parameters_; }
  size_t group_count() const { return rates_.size(); }
  double lr(size_t group = 0) const;  // reads the State: not while tracing
  double initial_lr(size_t group = 0) const { return initial_rates_.at(group); }
  void set_lr(double lr);  // of all groups
  void set_lr(size_t group, double lr);
  int64_t steps() const;  // updates done; reads the State

  // "step", "lr.0", "0.exp_avg", ...: the States themselves; "param_steps" [parameters] where an
  // optimizer counts the updates of each parameter (a checkpoint from before it did loads too: all
  // have the one count).
  NamedTensors state_dict() const;
  void load_state_dict(const NamedTensors& values);  // throws Error that lists what does not fit

 protected:
  Optimizer(const char* name, Clip clip);
  void add_group(const Tensors& parameters, double lr, bool maximize);
  // A slot for every parameter, zero at first.
  void add_slot(const char* name, bool used = true);
  // Of a shape made from the parameter's, and only for those that want one.
  void add_slot(const char* name, Shape (*shape)(const Shape& of),
                bool (*wanted)(const Tensor& parameter));
  // One number a parameter, in one State [parameters].
  void add_vector(const char* name, double initial);
  void add_counts();  // the updates of each parameter: Update::counts

  // The update of one group, without a tape. Called once a step for each group.
  struct Update {
    size_t group;
    Tensor lr;  // [] of this group
    // [parameters] f32, after add_counts(): the number of a parameter's update, from 1; 0 where it
    // has had no gradient.
    Tensor counts;
    std::vector<std::pair<size_t, Tensor>> gradients;  // index of the parameter, its gradient
  };
  virtual void update(const Update& u) = 0;

  // The vector's next value, assigned where a parameter of this update has a gradient.
  Tensor advance_vector(const char* name, const Update& u,
                        const std::function<Tensor(const Tensor& old)>& next);

  const Tensor& slot(const char* name, size_t parameter) const;
  size_t group_of(size_t parameter) const { return group_of_[parameter]; }
  const Tensor& at(size_t parameter) const { return parameters_[parameter]; }

 private:
  void check_gradient(size_t parameter, const Tensor& gradient) const;
  struct Slot {
    std::string name;
    Tensors states;  // one a parameter; undefined: it has none
  };
  const Tensor& vector(const char* name) const;
  // f32 [parameters]: 1 where `present` is.
  const Tensor& mask_of(const std::vector<bool>& present);

  const char* name_;
  Clip clip_;
  Tensor count_;
  Tensors parameters_, rates_;
  std::vector<double> initial_rates_;
  std::vector<bool> maximize_;  // of each group
  std::vector<size_t> group_of_;
  std::vector<Slot> slots_;
  std::vector<std::pair<std::string, Tensor>> vectors_;
  std::map<std::vector<bool>, Tensor> masks_;
};

// Limits are of all groups together: those of the first. Throws Error without a group.
template <class Options>
Clip clip_of(const char* name, const std::vector<Group<Options>>& groups) {
  check(!groups.empty(), "{}: no parameters", name);
  return groups[0].options.clip;
}

// An optimizer whose update() reads the hyperparameters of each group from options_.
template <class Options>
class OptimizerOf : public Optimizer {
 protected:
  OptimizerOf(const char* name, const std::vector<Group<Options>>& groups)
      : Optimizer(name, clip_of(name, groups)) {
    for (const auto& [parameters, o] : groups) {
      add_group(parameters, o.lr, o.maximize);
      options_.push_back(o);
    }
  }
  std::vector<Options> options_;
};

}  // namespace cairn::optim
