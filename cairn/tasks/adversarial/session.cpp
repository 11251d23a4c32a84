#include "cairn/tasks/adversarial/session.h"

#include <algorithm>

namespace cairn::tasks::adversarial {
namespace {

constexpr int64_t kLogEvery = 50;

train::TrainerOptions trainer_options(const Session::Setup& s) {
  const nn::Module &generator = s.networks.generator, &discriminator = s.networks.discriminator;
  return {
      .task = s.task,
      .label = s.label,
      .total = s.options.steps,
      .log_every = kLogEvery,
      .evaluate_every = s.sample_every,
      .save_every = s.options.save_every,
      .quiet = s.options.quiet,
      .stop_after_steps = s.options.stop_after_steps,
      .about = fmt::format("{}; {}, {} + {} parameters", s.about, s.label,
                           generator.num_parameters(), discriminator.num_parameters()),
      .networks = {{"weights/generator.", generator}, {"weights/discriminator.", discriminator}}};
}

}  // namespace

std::function<double(int64_t)> falling_in_the_second_half(int64_t steps) {
  return [steps](int64_t step) {
    return std::min(1.0, 2 * (1 - static_cast<double>(step) / static_cast<double>(steps)));
  };
}

Session::Session(const Setup& setup)
    : setup_(setup),
      training_(setup.networks, setup.training),
      monitor_([this](int64_t) { return setup_.diversity(*this); },
               nn::scores_tell(setup.training.loss), setup.options.quiet),
      trainer_(train::begin_run(setup.task, setup.options), trainer_options(setup), parts()) {
  if (setup_.options.resume) trainer_.restore();
}

std::vector<train::Part> Session::parts() {
  std::vector<train::Part> all = training_.parts();
  all.push_back(monitor_.part());
  return all;
}

train::Json Session::run(const Hooks& hooks) {
  if (step() == 0) look(hooks);
  std::vector<Tensors> batches(static_cast<size_t>(setup_.critic_steps));
  trainer_.run({.load =
                    [&] {
                      for (Tensors& b : batches) b = hooks.next();
                    },
                .step = [&] { return take_step(batches); },
                .note = [&] { return note(hooks); },
                .evaluate = [&] { return evaluate(hooks); },
                .save_weights =
                    [&] {
                      const AdversarialTraining::Use use(training_, true);
                      trainer_.write_weights(setup_.networks.generator.state_dict());
                    },
                .graph = [&] { return training_.graph(); }});
  return {{"task", setup_.task},
          {"run", folder().path()},
          {"model", setup_.label},
          {"steps", step()},
          {"seconds", trainer_.seconds()},
          {"loss_discriminator", last_.loss_discriminator},
          {"loss_generator", last_.loss_generator},
          {"diversity", monitor_.diversity()},
          {"signals", monitor_.all()}};
}

train::Scalars Session::take_step(const std::vector<Tensors>& batches) {
  if (setup_.rate) training_.scale_rates(rate_at(step()));
  for (size_t i = 0; i + 1 < batches.size(); ++i)
    training_.discriminator_step(batches[i][0], batches[i][1]);
  last_ = training_.step(batches.back()[0], batches.back()[1]);
  monitor_.add(last_);
  train::Scalars values = {{"loss_discriminator", last_.loss_discriminator},
                           {"loss_generator", last_.loss_generator},
                           {"gradient_discriminator", last_.gradient_discriminator},
                           {"gradient_generator", last_.gradient_generator}};
  if (nn::scores_tell(setup_.training.loss))
    values.emplace_back("discriminator_accuracy", last_.discriminator_accuracy);
  return values;
}

// Asked for each line of the log, and once more where an evaluation follows it.
train::Json Session::note(const Hooks& hooks) {
  if (noted_ != step()) seen_ = monitor_.observe(step());
  noted_ = step();
  train::Json all = hooks.note ? hooks.note() : train::Json::object();
  all["lr"] = setup_.training.lr * rate_at(std::max<int64_t>(0, step() - 1));
  all.update(seen_);
  return all;
}

// Rank 0 draws what there is to see.
train::Evaluation Session::look(const Hooks& hooks) {
  train::Evaluation made;
  train::by_leader([&] {
    made = hooks.samples();
    return train::Json();
  });
  return made;
}

train::Evaluation Session::evaluate(const Hooks& hooks) {
  train::Evaluation made = look(hooks);
  const std::string words =
      made.line.empty() ? fmt::format("diversity {:.0f} %", monitor_.diversity() * 100) : made.line;
  made.line = fmt::format("step {}  loss D {:.3f} G {:.3f}  {}", step(),
                          trainer_.last_mean("loss_discriminator"),
                          trainer_.last_mean("loss_generator"), words);
  return made;
}

}  // namespace cairn::tasks::adversarial
