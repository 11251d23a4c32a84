// Learning-rate schedules: a schedule is a function of the step that gives a factor for the initial
// rate.
//
//   optim::Scheduler schedule(opt, optim::warmup(500, optim::cosine(10000)));
//   for (...) { step(x, y); schedule.step(); }
#pragma once
#include <functional>
#include <vector>

#include "cairn/optim/optimizer.h"

namespace cairn::optim {

using Schedule = std::function<double(int64_t step)>;

Schedule constant();
Schedule step_decay(int64_t every, double factor = 0.1);  // factor^(step / every)
Schedule milestones(std::vector<int64_t> steps, double factor = 0.1);
// Loshchilov & Hutter 2017: from 1 to `least` over `total` steps, then stays.
Schedule cosine(int64_t total, double least = 0);
// From `start` to 1 over `steps`, then `next` counted from there.
Schedule warmup(int64_t steps, Schedule next = constant(), double start = 0);
// Vaswani et al. 2017, with 1 as the peak: up to it over `rise` steps, then with 1 / sqrt(step).
Schedule inverse_sqrt(int64_t rise);
// Smith & Topin 2018, with 1 as the peak: 1 / divide -> 1 over the first `rise` part of the steps,
// then down to 1 / (divide * final_divide), both along a cosine.
Schedule one_cycle(int64_t total, double rise = 0.3, double divide = 25, double final_divide = 1e4);

// Sets the optimizer's rates before the first step and after each.
class Scheduler {
 public:
  Scheduler(Optimizer& optimizer, Schedule schedule, int64_t start = 0);
  void step() { set(step_ + 1); }
  void set(int64_t step);  // when a run is resumed
  int64_t now() const { return step_; }

 private:
  Optimizer& optimizer_;
  Schedule schedule_;
  int64_t step_ = 0;
};

struct PlateauOptions {
  double factor = 0.1;
  int patience = 10;        // bad evaluations that are let pass
  double threshold = 1e-4;  // improvement that counts, relative to the best metric's size
  double least = 0;         // lowest rate
  bool larger_is_better = false;
};
// Lowers the rates when a metric stops improving: PyTorch's ReduceLROnPlateau, but for metrics
// below 0, where PyTorch takes any value up to (1 + threshold) times the best for an improvement.
class Plateau {
 public:
  explicit Plateau(Optimizer& optimizer, const PlateauOptions& options = {})
      : optimizer_(optimizer), options_(options) {}
  bool step(double metric);  // true when the rates were lowered

 private:
  Optimizer& optimizer_;
  PlateauOptions options_;
  bool any_ = false;
  double best_ = 0;
  int bad_ = 0;
};

}  // namespace cairn::optim
