#include "cairn/tasks/image_gan/game.h"

#include "cairn/autograd/autograd.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"

namespace cairn::tasks::image_gan {
namespace {

// While alive, errors say that they are of this network, or of this one's move.
class Whose {
 public:
  explicit Whose(const char* network, Loc loc = Loc::current()) {
    context().path.push_back({network, loc});
  }
  ~Whose() { context().path.pop_back(); }
  Whose(const Whose&) = delete;
  Whose& operator=(const Whose&) = delete;
};

models::Generator fresh_generator(const Recipe& recipe) {
  manual_seed(recipe.seed);
  models::Generator g = make_generator(recipe);
  models::init_dcgan(g);
  return g;
}
models::Discriminator fresh_discriminator(const Recipe& recipe) {
  models::Discriminator d(recipe.size(), recipe.norm);
  models::init_dcgan(d);
  return d;
}

// What is averaged: parameters and running statistics.
Tensors averaged_states(const nn::Module& module) {
  Tensors all = module.parameters();
  for (const auto& [name, buffer] : module.named_buffers())
    if (is_float(buffer.dtype())) all.push_back(buffer);
  return all;
}

// Updates the parameters by the loss; returns the norm of its gradient. Both must be finite: else a
// step whose loss still is would leave weights that are not.
Tensor descend(optim::Optimizer& optimizer, const Tensor& loss) {
  const Tensors gradients = grad({check_finite(loss)}, optimizer.parameters());
  const Tensor norm = check_finite(optim::total_norm(gradients));
  optimizer.step(gradients);
  return norm;
}

}  // namespace

models::Generator make_generator(const Recipe& recipe) { return models::Generator(recipe.size()); }

Game::Game(const Recipe& recipe)
    : recipe_(recipe),
      generator_(fresh_generator(recipe)),
      discriminator_(fresh_discriminator(recipe)),
      generator_steps_(generator_.parameters(),
                       {.lr = recipe.lr, .betas = {recipe.beta1, recipe.beta2}}),
      discriminator_steps_(discriminator_.parameters(),
                           {.lr = recipe.lr_discriminator, .betas = {recipe.beta1, recipe.beta2}}),
      ema_(averaged_states(generator_), recipe.ema),
      critic_move_([this](std::span<const Tensor> in) -> Tensors {
        return {move_discriminator(in[0], in[1]).loss};
      }),
      move_([this](std::span<const Tensor> in) { return move_both(in[0], in[1]); }) {}

Tensor Game::draw(const Tensor& labels) {
  const Whose whose("generator");
  const Tensor z = randn({labels.size(0), recipe_.z});
  return recipe_.conditional ? generator_(z, labels) : generator_(z);
}

Tensor Game::score(const Tensor& x, const Tensor& labels) const {
  const Whose whose("discriminator");
  return recipe_.conditional ? discriminator_(x, labels) : discriminator_(x);
}

Game::Scored Game::move_discriminator(const Tensor& x, const Tensor& labels) {
  const Whose whose("discriminator_step");
  const Tensor fake = draw(labels), still = fake.detach();
  const Tensor on_real = score(x, labels), on_fake = score(still, labels);
  Tensor loss = nn::discriminator_loss(recipe_.loss, on_real, on_fake);
  const nn::Critic critic = [&](const Tensor& at) { return score(at, labels); };
  if (recipe_.r1 > 0) loss += nn::r1_penalty(critic, x) * (recipe_.r1 / 2);
  if (recipe_.gradient_penalty > 0)
    loss += nn::gradient_penalty(critic, x, still, rand({x.size(0), 1, 1, 1})) *
            recipe_.gradient_penalty;
  const double middle = recipe_.loss == nn::GanLoss::least_squares ? 0.5 : 0;
  const Tensor right =
      mean(cast(gt(on_real, middle), DType::f32)) + mean(cast(le(on_fake, middle), DType::f32));
  const Tensor gradient = descend(discriminator_steps_, loss);
  return {fake, loss, right * 0.5, gradient};
}

Tensors Game::move_both(const Tensor& x, const Tensor& labels) {
  const Scored d = move_discriminator(x, labels);
  const Whose whose("generator_step");
  const Tensor loss = nn::generator_loss(recipe_.loss, score(d.fake, labels));
  const Tensor gradient = descend(generator_steps_, loss);
  ema_.update();
  return {stack({d.loss, loss, d.told_apart, d.gradient, gradient}, 0)};
}

void Game::critic_move(const Tensor& x, const Tensor& labels) {
  const Tensor in[] = {x, labels};
  critic_move_.call(in);
}

Move Game::move(const Tensor& x, const Tensor& labels) {
  const Tensor in[] = {x, labels};
  const auto v = move_.call(in)[0].to_vector<float>();
  return {v[0], v[1], v[2], v[3], v[4]};
}

std::vector<train::Part> Game::parts() {
  return {train::part("generator", generator_), train::part("discriminator", discriminator_),
          train::part("generator_steps", generator_steps_),
          train::part("discriminator_steps", discriminator_steps_), train::part("ema", ema_)};
}

}  // namespace cairn::tasks::image_gan
