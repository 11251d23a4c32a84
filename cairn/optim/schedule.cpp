#include "cairn/optim/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "cairn/base/error.h"

namespace cairn::optim {
namespace {

// From `from` (part = 0) to `to` (part = 1) along half a cosine.
double along_cosine(double from, double to, double part) {
  return to + (from - to) * 0.5 * (1 + std::cos(std::numbers::pi * std::clamp(part, 0.0, 1.0)));
}

}  // namespace

Schedule constant() {
  return [](int64_t) { return 1.0; };
}

Schedule step_decay(int64_t every, double factor) {
  check(every > 0, "step_decay: every {} steps; it must be positive", every);
  return [=](int64_t step) { return std::pow(factor, static_cast<double>(step / every)); };
}

Schedule milestones(std::vector<int64_t> steps, double factor) {
  std::sort(steps.begin(), steps.end());
  return [=](int64_t step) {
    const auto passed = std::upper_bound(steps.begin(), steps.end(), step) - steps.begin();
    return std::pow(factor, static_cast<double>(passed));
  };
}

Schedule cosine(int64_t total, double least) {
  check(total > 0, "cosine: {} steps; there must be some", total);
  return [=](int64_t step) {
    return along_cosine(1, least, static_cast<double>(step) / static_cast<double>(total));
  };
}

Schedule warmup(int64_t steps, Schedule next, double start) {
  return [=](int64_t step) {
    if (step >= steps) return next(step - steps);
    return start + (1 - start) * static_cast<double>(step) / static_cast<double>(steps);
  };
}

Schedule inverse_sqrt(int64_t rise) {
  check(rise > 0, "inverse_sqrt: a rise of {} steps; at least 1", rise);
  return [top = static_cast<double>(rise)](int64_t step) {
    const double n = static_cast<double>(step) + 1;
    return std::min(n / top, std::sqrt(top / n));
  };
}

Schedule one_cycle(int64_t total, double rise, double divide, double final_divide) {
  check(total > 0 && rise > 0 && rise < 1, "one_cycle: {} steps with a rise of {}", total, rise);
  // A rise of less than a step is over at the start.
  const double peak = std::max(0.0, rise * static_cast<double>(total) - 1),
               end = static_cast<double>(total) - 1;
  if (total == 1) return [](int64_t) { return 1.0; };
  return [=](int64_t step) {
    const double s = static_cast<double>(step);
    if (peak > 0 && s <= peak) return along_cosine(1 / divide, 1, s / peak);
    return along_cosine(1, 1 / (divide * final_divide), (s - peak) / (end - peak));
  };
}

Scheduler::Scheduler(Optimizer& optimizer, Schedule schedule, int64_t start)
    : optimizer_(optimizer), schedule_(std::move(schedule)) {
  set(start);
}

void Scheduler::set(int64_t step) {
  step_ = step;
  const double factor = schedule_(step);
  for (size_t group = 0; group < optimizer_.group_count(); ++group)
    optimizer_.set_lr(group, optimizer_.initial_lr(group) * factor);
}

bool Plateau::step(double metric) {
  const double value = options_.larger_is_better ? -metric : metric;
  const bool better = !any_ || value < best_ - std::abs(best_) * options_.threshold;
  if (better) any_ = true, best_ = value, bad_ = 0;
  else ++bad_;
  if (bad_ <= options_.patience) return false;
  bad_ = 0;
  for (size_t group = 0; group < optimizer_.group_count(); ++group)
    optimizer_.set_lr(group, std::max(optimizer_.lr(group) * options_.factor, options_.least));
  return true;
}

}  // namespace cairn::optim
