// Takes a trained network, puts another head on it, and trains the head alone: pictures of ten
// digits become odd or even.
#include <cairn/cairn.h>
#include <cstdio>
using namespace cairn;

struct Digits : nn::Module {
  nn::Conv2d c1 = child("c1", nn::Conv2d(1, 16, 3, {.padding = 1}));
  nn::Conv2d c2 = child("c2", nn::Conv2d(16, 32, 3, {.padding = 1}));
  nn::Linear f1 = child("f1", nn::Linear(32 * 7 * 7, 10));
  Tensor forward(Tensor x) override {
    x = max_pool2d(relu(c1(x)), 2);
    x = max_pool2d(relu(c2(x)), 2);
    return f1(flatten(x, 1));
  }
};

static Tensor odd(const Tensor& digit) { return remainder(digit, full({}, 2, DType::i64)); }

int main(int argc, char** argv) {
  Digits net;
  net.load_state_dict(io::load_tensors(argc > 1 ? argv[1] : "digits.safetensors"));
  net.freeze();
  net.replace("f1", nn::Linear(32 * 7 * 7, 2));  // not frozen
  optim::AdamW opt(net.f1.parameters(), {.lr = 2e-3});
  auto step = compile([&](Tensor x, Tensor y) {
    Tensor loss = cross_entropy(net(x), odd(y));
    opt.step(loss);
    return loss;
  });
  auto right = compile([&](Tensor x, Tensor y) { return sum(eq(argmax(net(x), 1), odd(y))); });

  data::Loader train(data::open_image_dataset("digits", data::Split::train), {.epochs = 1});
  for (const data::Batch& batch : train) {
    if (batch.index == 100) break;
    step(batch.x(), batch.y());
  }
  NoGrad no_grad;
  double count = 0, correct = 0;
  data::Loader test(data::open_image_dataset("digits", data::Split::test), {.shuffle = false});
  for (const data::Batch& batch : test) {
    correct += right(batch.x(), batch.y()).item();
    count += batch.count;
  }
  std::printf("odd or even: %.1f %% of the test pictures\n", 100 * correct / count);
  return correct > 0.9 * count ? 0 : 1;
}
