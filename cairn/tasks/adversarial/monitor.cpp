#include "cairn/tasks/adversarial/monitor.h"

#include <cmath>

#include "cairn/ops/functions.h"
#include "cairn/train/progress.h"

namespace cairn::tasks::adversarial {

void Monitor::add(const StepResult& s) {
  ++count_;
  discriminator_accuracy_ += s.discriminator_accuracy;
  discriminator_ += s.gradient_discriminator, generator_ += s.gradient_generator;
}

train::Json Monitor::observe(int64_t step) {
  const train::Json diversity = train::by_leader([&] { return train::Json(measure_(step)); });
  diversity_ = diversity.is_number() ? diversity.get<double>() : NAN;  // null: JSON has no NaN
  const double n = static_cast<double>(std::max<int64_t>(1, count_));
  train::Json names = train::Json::array();
  for (const GanSignal& s :
       signals_.observe({.diversity = diversity_,
       .discriminator_accuracy = scores_tell_ ? discriminator_accuracy_ / n : NAN,
       .discriminator_gradient = discriminator_ / n,
       .generator_gradient = generator_ / n})) {
    names.push_back(s.name);
    if (!quiet_)
      fmt::print(stderr, "{}cairn: step {}: {}\n", train::draws_on_terminal() ? "\r\033[K" : "",
                 step, s.text);
    all_.push_back({{"step", step}, {"signal", s.name}, {"text", s.text}});
  }
  count_ = 0, discriminator_accuracy_ = 0, discriminator_ = 0, generator_ = 0;
  train::Json seen = {{"diversity", diversity_}};
  if (!names.empty()) seen["signals"] = names;
  return seen;
}

train::Part Monitor::part() {
  const auto save = [this] {
    std::vector<double> numbers = {diversity_, static_cast<double>(count_), discriminator_accuracy_,
                                   discriminator_, generator_};
    for (double number : signals_.state()) numbers.push_back(number);
    return NamedTensors{{"numbers", tensor(numbers, {static_cast<int64_t>(numbers.size())})}};
  };
  const auto load = [this](const NamedTensors& saved) {
    check(saved.size() == 1 && saved[0].second.dtype() == DType::f64,
          "the checkpoint has no 'watch'");
    const auto v = saved[0].second.to_vector<double>();
    check(v.size() > 5, "the checkpoint's 'watch' has {} numbers", v.size());
    diversity_ = v[0], count_ = static_cast<int64_t>(v[1]), discriminator_accuracy_ = v[2];
    discriminator_ = v[3], generator_ = v[4];
    signals_.restore({v.begin() + 5, v.end()});
  };
  return {"watch", save, load};
}

}  // namespace cairn::tasks::adversarial
