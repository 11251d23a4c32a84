// The two players and their moves, each a compiled step.
#pragma once
#include "cairn/compile/compile.h"
#include "cairn/optim/optim.h"
#include "cairn/tasks/image_gan/recipe.h"
#include "cairn/train/trainer.h"

namespace cairn::tasks::image_gan {

// What the last move of both saw.
struct Move {
  double loss_discriminator, loss_generator;
  double told_apart;  // part of real and generated images that the discriminator tells right
  double gradient_discriminator, gradient_generator;  // Euclidean norms
};

class Game {
 public:
  explicit Game(const Recipe& recipe);

  // x [N, C, H, W] in [-1, 1], labels [N]. A loss or gradient that is not finite throws Error
  // naming the network, and no State has changed.
  void critic_move(const Tensor& x, const Tensor& labels);  // the discriminator alone
  Move move(const Tensor& x, const Tensor& labels);         // then the generator too

  // Calls fn(generator) in evaluation mode; `averaged`: with the running mean of its weights, which
  // draws better than the last ones.
  template <class F>
  auto with_generator(bool averaged, const F& fn) {
    struct Scope {
      Game& game;
      bool swap;
      Scope(Game& g, bool s) : game(g), swap(s) {
        if (swap) game.ema_.swap();
        game.generator_.eval();
      }
      ~Scope() {
        game.generator_.train();
        if (swap) game.ema_.swap();
      }
    } scope(*this, averaged);
    return fn(generator_);
  }

  std::vector<train::Part> parts();  // everything that a move changes

 private:
  // What a move of the discriminator leaves for the generator's.
  struct Scored {
    Tensor fake, loss, told_apart, gradient;
  };
  Tensor draw(const Tensor& labels);
  Tensor score(const Tensor& x, const Tensor& labels) const;
  Scored move_discriminator(const Tensor& x, const Tensor& labels);
  Tensors move_both(const Tensor& x, const Tensor& labels);

  const Recipe recipe_;
  models::Generator generator_;
  models::Discriminator discriminator_;
  optim::Adam generator_steps_, discriminator_steps_;
  optim::Ema ema_;
  CompiledFunction critic_move_, move_;
};

// One of the networks; throws as models::Generator does.
models::Generator make_generator(const Recipe& recipe);

}  // namespace cairn::tasks::image_gan
