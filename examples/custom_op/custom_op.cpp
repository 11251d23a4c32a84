// An op of one's own: a row with its shapes, gradient and kernel. Everything else follows from it:
// errors with the user's line, gradients of gradients, compile(), profiles.
#include <cairn/cairn.h>
#include <cmath>
#include <cstdio>
using namespace cairn;

// Snake (Ziyin et al. 2020): x + sin(x)^2, for what repeats. Its slope is 1 + sin(2x).
static OpDef make_snake() {
  OpDef op{"snake",
           "x + sin(x)^2",
           1,
           1,
           [](OpCall& c) {
             if (c.dtype() != DType::f32) c.error("wants f32");
             c.set(0, c.dtype(), c.shape());
           },
           kElementwise | kSaveInputs,
           [](VjpCall& c) { c.results[0] = c.grad() * (sin(c.inputs[0] * 2.0) + 1.0); }};
  op.host_kernel = [](const OpCall& c, const Launch& l) {
    const auto* x = static_cast<const float*>(l.inputs[0]);
    auto* y = static_cast<float*>(l.outputs[0]);
    for (int64_t i = 0; i < numel(c.shape()); ++i) y[i] = x[i] + std::sin(x[i]) * std::sin(x[i]);
  };
  return op;
}
static const OpDef kSnake = make_snake();

static Tensor snake(In x) { return apply(kSnake, {x}, {}, x.loc); }

// Learns a wave with a slope, which layers of ReLU do not continue.
int main() {
  register_op(kSnake);
  manual_seed(1);
  nn::Linear in(1, 32), out(32, 1);
  Tensors weights = in.parameters();
  for (const Tensor& p : out.parameters()) weights.push_back(p);
  optim::AdamW opt(weights, {.lr = 1e-2, .weight_decay = 0});
  auto step = compile([&](Tensor x, Tensor y) {
    Tensor loss = mse_loss(out(snake(in(x))), y);
    opt.step(loss);
    return loss;
  });
  const Tensor x = uniform({256, 1}, -5, 5), y = sin(x * 2.0) + x * 0.3;
  const double first = step(x, y).item();
  double last = first;
  for (int i = 0; i < 1500; ++i) last = step(x, y).item();
  std::printf("loss %.4f, after 1500 steps %.5f\n", first, last);
  return last < first / 20 ? 0 : 1;
}
