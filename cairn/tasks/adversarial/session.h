// An adversarial training in one place, as train::Supervised is for the others: steps of the two
// networks, averaged weights, signs of trouble, samples on the way, checkpoints and going on.
//
//   adversarial::Session session({.task = kTask, .label = o.model, .options = o,
//                                 .training = o.training(), .critic_steps = o.critic_steps,
//                                 .sample_every = o.sample_every,
//                                 .networks = {generator, discriminator, draw, score},
//                                 .diversity = ..., .about = ...});
//   return session.run({.next = [&] { loader.next(batch); return Tensors{batch.x(), batch.y()}; },
//                       .samples = [&] { ...; return train::Evaluation{.images = ...}; }});
#pragma once
#include "cairn/tasks/adversarial/monitor.h"
#include "cairn/train/run_options.h"

namespace cairn::tasks::adversarial {

// Of `steps`: constant, then a line to 0 at the end, as in pix2pix and CycleGAN.
std::function<double(int64_t step)> falling_in_the_second_half(int64_t steps);

class Session {
 public:
  struct Setup {
    std::string task, label;
    const train::RunOptions& options;  // all filled; must live as long
    TrainingOptions training;
    int64_t critic_steps = 1;  // updates of the discriminator for each of the generator
    int64_t sample_every = 1;  // steps
    Networks networks;
    // How much samples differ now, relative to the data's.
    std::function<double(Session& session)> diversity;
    std::string about;  // of the data, for the first line
    // Learning rates at a step, as a part of what they begin with; none: all of it.
    std::function<double(int64_t step)> rate = {};
  };
  // Makes the folder of a new run, or restores what a resumed run had: batches may depend on step()
  // from here on.
  explicit Session(const Setup& setup);

  struct Hooks {
    std::function<Tensors()> next;  // the next batch: samples of the data, and their labels
    // Makes samples, before the first step and every `sample_every` steps, and gives what
    // TensorBoard shows of them, what was measured, and in its line words for that (none: how much
    // the samples differ).
    std::function<train::Evaluation()> samples;
    std::function<train::Json()> note = {};  // more for each line of the log
  };
  // {task, run, model, steps, seconds, loss_discriminator, loss_generator, diversity, signals}.
  train::Json run(const Hooks& hooks);

  AdversarialTraining& training() { return training_; }
  int64_t step() const { return trainer_.step(); }
  const train::RunFolder& folder() const { return trainer_.folder(); }

 private:
  std::vector<train::Part> parts();
  double rate_at(int64_t step) const { return setup_.rate ? setup_.rate(step) : 1; }
  train::Scalars take_step(const std::vector<Tensors>& batches);
  train::Json note(const Hooks& hooks);
  train::Evaluation look(const Hooks& hooks);
  train::Evaluation evaluate(const Hooks& hooks);

  const Setup setup_;
  AdversarialTraining training_;
  Monitor monitor_;
  train::Trainer trainer_;
  StepResult last_{};
  int64_t noted_ = -1;
  train::Json seen_;
};

}  // namespace cairn::tasks::adversarial
