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

int main() {
  Digits net;
  optim::AdamW opt(net.parameters(), {.lr = 2e-3});
  auto step = compile([&](Tensor x, Tensor y) {  // forward, backward and update in one
    Tensor loss = cross_entropy(net(x), y);
    opt.step(loss);
    return loss;
  });
  auto right = compile([&](Tensor x, Tensor y) { return sum(eq(argmax(net(x), 1), y)); });

  data::Loader train(data::open_image_dataset("digits", data::Split::train), {.epochs = 1});
  for (const data::Batch& batch : train) step(batch.x(), batch.y());

  NoGrad no_grad;
  double count = 0, correct = 0;
  data::Loader test(data::open_image_dataset("digits", data::Split::test), {.shuffle = false});
  for (const data::Batch& batch : test) {
    correct += right(batch.x(), batch.y()).item();
    count += batch.count;
  }
  std::printf("test accuracy %.1f %%\n", 100 * correct / count);
  io::save_tensors("digits.safetensors", net.state_dict());
}
