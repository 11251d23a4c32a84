// Looks at the steps of an adversarial training for signs of trouble, and says what it sees.
#pragma once
#include "cairn/tasks/adversarial/gan_signals.h"
#include "cairn/tasks/adversarial/training.h"

namespace cairn::tasks::adversarial {

class Monitor {
 public:
  // `diversity(step)`: how much samples differ now, relative to the data's; `scores_tell`: the sign
  // of a score means real or generated (not so of a Wasserstein critic).
  Monitor(std::function<double(int64_t step)> diversity, bool scores_tell, bool quiet)
      : measure_(std::move(diversity)), scores_tell_(scores_tell), quiet_(quiet) {}

  void add(const StepResult& step);
  // At the end of a stretch of steps: {diversity, signals} for the log.
  train::Json observe(int64_t step);
  double diversity() const { return diversity_; }
  const train::Json& all() const { return all_; }  // every signal so far: {step, signal, text}

  train::Part part();  // what a checkpoint keeps of it

 private:
  std::function<double(int64_t)> measure_;
  bool scores_tell_, quiet_;
  GanSignals signals_;
  int64_t count_ = 0;
  double diversity_ = 0, discriminator_accuracy_ = 0, discriminator_ = 0, generator_ = 0;
  train::Json all_ = train::Json::array();
};

}  // namespace cairn::tasks::adversarial
