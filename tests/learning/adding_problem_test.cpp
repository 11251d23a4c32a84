// The adding problem (Hochreiter & Schmidhuber 1997): 400 random numbers, two of them marked; the
// answer at the end is their sum. Gates carry what was read over the whole lag; a plain recurrent
// network does not, and stays at the mean's error, 1/6.
#include <gtest/gtest.h>

#include <cmath>

#include "cairn/base/philox.h"
#include "cairn/compile/compile.h"
#include "cairn/nn/nn.h"
#include "cairn/ops/context.h"
#include "cairn/optim/optim.h"

namespace cairn {
namespace {

constexpr int64_t kLag = 400, kBatch = 32, kHidden = 48, kSteps = 2500;

struct Examples {
  Tensor x, y;  // [kBatch, kLag, 2] number and mark; [kBatch, 1]
};
Examples draw(int64_t number) {
  PhiloxStream random(1, static_cast<uint64_t>(number));
  std::vector<float> x, y;
  for (int64_t n = 0; n < kBatch; ++n) {
    const int64_t first = random.below(kLag / 2), second = kLag / 2 + random.below(kLag / 2);
    float sum = 0;
    for (int64_t t = 0; t < kLag; ++t) {
      const float value = random.uniform();
      const bool marked = t == first || t == second;
      x.push_back(value), x.push_back(marked);
      if (marked) sum += value;
    }
    y.push_back(sum);
  }
  return {tensor(x, {kBatch, kLag, 2}), tensor(y, {kBatch, 1})};
}

// Gates that forget over 1 ... lag steps (Tallec & Ollivier 2018): uniform in those times.
Tensor chrono_bias() { return log(uniform({kHidden}, 1, kLag - 1)); }

template <class Rnn>
struct Adder : nn::Module {
  explicit Adder(Rnn cell)
      : rnn(child("rnn", std::move(cell))), head(child("head", nn::Linear(kHidden, 1))) {}
  Tensor forward(Tensor x) override { return head(select(rnn(x).output, 1, kLag - 1)); }
  Rnn rnn;
  nn::Linear head;
};

const nn::RecurrentOptions kOptions{.batch_first = true};

void set_bias(const nn::Module& rnn, const Tensor& bias) {
  for (const auto& [name, p] : rnn.named_parameters()) {
    if (name == "bias_ih_l0") assign(p, bias);
    if (name == "bias_hh_l0") assign(p, zeros(p.shape()));
  }
}

// The mean squared error over the last hundred steps; stops early when solved.
template <class Rnn>
double trained_error(Adder<Rnn> net) {
  optim::Adam optimizer(net.parameters(), {.lr = 4e-3, .clip = {.norm = 1}});
  auto step = compile([&](Tensor x, Tensor y) {
    const Tensor loss = mse_loss(net(x), y);
    optimizer.step(loss);
    return loss;
  });
  double error = 1;
  for (int64_t i = 0; i < kSteps && error > 0.005; ++i) {
    const Examples e = draw(i);
    error += (step(e.x, e.y).item() - error) / std::min<double>(static_cast<double>(i) + 1, 100);
  }
  return error;
}

TEST(AddingProblem, LstmSolvesIt) {
  manual_seed(1);
  Adder net(nn::LSTM(2, kHidden, kOptions));
  const Tensor forget = chrono_bias();
  set_bias(net.rnn, cat({-forget, forget, zeros({2 * kHidden})}, 0));
  EXPECT_LT(trained_error(net), 0.01);
}

TEST(AddingProblem, GruSolvesIt) {
  manual_seed(2);
  Adder net(nn::GRU(2, kHidden, kOptions));
  set_bias(net.rnn, cat({zeros({kHidden}), chrono_bias(), zeros({kHidden})}, 0));
  EXPECT_LT(trained_error(net), 0.01);
}

TEST(AddingProblem, PlainRecurrentNetworkDoesNot) {
  manual_seed(3);
  EXPECT_GT(trained_error(Adder(nn::RNN(2, kHidden, kOptions))), 0.1);
}

}  // namespace
}  // namespace cairn
