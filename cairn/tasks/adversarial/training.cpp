#include "cairn/tasks/adversarial/training.h"

#include "cairn/autograd/autograd.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/train/step_graph.h"

namespace cairn::tasks::adversarial {
namespace {

// While alive, errors say that they are of this network, or of this one's step.
class ErrorPath {
 public:
  explicit ErrorPath(const char* network, Loc loc = Loc::current()) {
    context().path.push_back({network, loc});
  }
  ~ErrorPath() { context().path.pop_back(); }
  ErrorPath(const ErrorPath&) = delete;
  ErrorPath& operator=(const ErrorPath&) = delete;
};

// What is averaged: parameters and running statistics.
Tensors averaged_states(const nn::Module& module) {
  Tensors all = module.parameters();
  for (const auto& [name, buffer] : module.named_buffers())
    if (is_float(buffer.dtype())) all.push_back(buffer);
  return all;
}

// Gradients of a loss over the samples of all ranks, and what that loss is.
Tensors gradients_over_ranks(optim::Optimizer& optimizer, Tensor& loss, int64_t rows,
                             train::Averager& averager) {
  const double weight = static_cast<double>(rows);
  averager.begin(full({1}, weight), {loss});
  const Tensors gradients = averager.mean(grad({loss * weight}, optimizer.parameters()));
  loss = averager.means()[0];
  return gradients;
}

// Updates the parameters by the loss, of so many rows; returns the norm of its gradient. Both must
// be finite: else a step whose loss still is would leave weights that are not.
Tensor descend(optim::Optimizer& optimizer, Tensor& loss, int64_t rows, train::Averager& averager) {
  loss = check_finite(loss);
  const Tensors gradients = dist::world() ? gradients_over_ranks(optimizer, loss, rows, averager)
                                          : grad({loss}, optimizer.parameters());
  const Tensor norm = check_finite(optim::total_norm(gradients));
  optimizer.step(gradients);
  return norm;
}

// One random number a sample, for a point between a real and a generated one: [N, 1, 1, ...].
Tensor mixing(const Tensor& x) {
  Shape shape = x.shape();
  for (int i = 1; i < shape.ssize(); ++i) shape[i] = 1;
  return rand(shape);
}

}  // namespace

AdversarialTraining::AdversarialTraining(Networks networks, const TrainingOptions& options)
    : networks_(std::move(networks)),
      options_(options),
      generator_steps_(networks_.generator.parameters(),
                       {.lr = options.lr, .betas = options.betas}),
      discriminator_steps_(networks_.discriminator.parameters(),
                           {.lr = options.lr_discriminator, .betas = options.betas}),
      ema_(averaged_states(networks_.generator), options.ema),
      generator_means_(options.gradients),
      discriminator_means_(options.gradients),
      discriminator_step_([this](std::span<const Tensor> in) -> Tensors {
        const CollectiveScope scope;
        return {update_discriminator(in[0], in[1]).loss};
      }),
      step_([this](std::span<const Tensor> in) {
        const CollectiveScope scope;
        return update_both(in[0], in[1]);
      }) {}

Tensor AdversarialTraining::draw(const Tensor& labels) const {
  const ErrorPath path("generator");
  return networks_.draw(labels);
}

Tensor AdversarialTraining::score(const Tensor& x, const Tensor& labels) const {
  const ErrorPath path("discriminator");
  return networks_.score(x, labels);
}

AdversarialTraining::Scored AdversarialTraining::update_discriminator(const Tensor& x,
                                                                      const Tensor& labels) {
  const ErrorPath path("discriminator_step");
  const TrainingOptions& o = options_;
  const Tensor fake = draw(labels), still = fake.detach();
  const Tensor on_real = score(x, labels), on_fake = score(still, labels);
  Tensor loss = nn::discriminator_loss(o.loss, on_real, on_fake);
  const nn::Critic critic = [&](const Tensor& at) { return score(at, labels); };
  if (o.r1 > 0) loss += nn::r1_penalty(critic, x) * (o.r1 / 2);
  if (o.gradient_penalty > 0)
    loss += nn::gradient_penalty(critic, x, still, mixing(x)) * o.gradient_penalty;
  const double middle = o.loss == nn::GanLoss::least_squares ? 0.5 : 0;
  const Tensor right =
      mean(cast(gt(on_real, middle), DType::f32)) + mean(cast(le(on_fake, middle), DType::f32));
  const Tensor gradient = descend(discriminator_steps_, loss, x.size(0), discriminator_means_);
  return {fake, loss, right * 0.5, gradient};
}

// Nobody hears the discriminator: it learns nothing.
Tensors AdversarialTraining::update_generator_alone(const Tensor& x, const Tensor& labels) {
  const ErrorPath path("generator_step");
  Tensor loss = networks_.also(draw(labels), x, labels);
  const Tensor gradient = descend(generator_steps_, loss, x.size(0), generator_means_);
  ema_.update();
  const Tensor none = zeros({}), half = full({}, 0.5);
  return {stack({none, loss, half, none, gradient}, 0)};
}

Tensors AdversarialTraining::update_both(const Tensor& x, const Tensor& labels) {
  if (options_.adversarial == 0) return update_generator_alone(x, labels);
  const Scored d = update_discriminator(x, labels);
  const ErrorPath path("generator_step");
  const bool compares = options_.loss == nn::GanLoss::relativistic;
  Tensor loss = nn::generator_loss(options_.loss, score(d.fake, labels),
                                   compares ? score(x, labels) : Tensor());
  if (options_.adversarial != 1) loss = loss * options_.adversarial;
  if (networks_.also) loss += networks_.also(d.fake, x, labels);
  const Tensor gradient = descend(generator_steps_, loss, x.size(0), generator_means_);
  ema_.update();
  return {stack({d.loss, loss, d.discriminator_accuracy, d.gradient, gradient}, 0)};
}

void AdversarialTraining::discriminator_step(const Tensor& x, const Tensor& labels) {
  const Tensor in[] = {x, labels};
  discriminator_step_.call(in);
}

StepResult AdversarialTraining::step(const Tensor& x, const Tensor& labels) {
  const Tensor in[] = {x, labels};
  const auto v = step_.call(in)[0].to_vector<float>();
  return {v[0], v[1], v[2], v[3], v[4]};
}

void AdversarialTraining::scale_rates(double part) {
  generator_steps_.set_lr(options_.lr * part);
  discriminator_steps_.set_lr(options_.lr_discriminator * part);
}

AdversarialTraining::Use::Use(AdversarialTraining& training, bool averaged)
    : training_(training), swap_(averaged) {
  if (swap_) training_.ema_.swap();
  training_.networks_.generator.eval();
}
AdversarialTraining::Use::~Use() {
  training_.networks_.generator.train();
  if (swap_) training_.ema_.swap();
}

std::vector<io::GraphOp> AdversarialTraining::graph() const {
  const Executable* compiled = step_.last();
  if (!compiled) return {};
  auto states = train::with_prefix("generator", networks_.generator.state_dict());
  for (auto& named : train::with_prefix("discriminator", networks_.discriminator.state_dict()))
    states.push_back(std::move(named));
  return train::ops_to_first_result(compiled->traced(), states);
}

std::vector<train::Part> AdversarialTraining::parts() {
  return {train::part("generator", networks_.generator),
          train::part("discriminator", networks_.discriminator),
          train::part("generator_steps", generator_steps_),
          train::part("discriminator_steps", discriminator_steps_), train::part("ema", ema_)};
}

}  // namespace cairn::tasks::adversarial
