// The examples of docs/from-pytorch.md, which must stand here word by word.
#include <cairn/cairn.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "tests/io/temporary_folder.h"

using namespace cairn;

namespace {

struct Pair : nn::Module {
  nn::Linear left = child("left", nn::Linear(4, 8)), right = child("right", nn::Linear(6, 8));
  Tensor forward(Tensor a, Tensor b) override { return left(a) + right(b); }
};
struct Many : nn::Module {
  nn::Linear fc = child("fc", nn::Linear(4, 2));
  std::pair<Tensor, Tensor> operator()(const Tensors& parts, Loc loc = Loc::current()) const {
    return called(parts, loc, [&] {
      Tensor all = fc(cat(parts, 0));
      return std::pair{all, mean(all)};
    });
  }
};

struct Classifier : nn::Module {
  nn::Sequential body = child("body", nn::Sequential(nn::Linear(4, 16), nn::ReLU()));
  nn::AnyModule head = child("head", nn::AnyModule(nn::Linear(16, 10)));  // may become any type
  Tensor forward(Tensor x) override { return head(body(x)); }
};

std::string content_of(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

// Without white space: the page and this file may break their lines differently.
std::string bare(const std::string& text) {
  std::string all;
  for (const char c : text)
    if (std::string_view(" \n").find(c) == std::string_view::npos) all += c;
  return all;
}

}  // namespace

TEST(FromPytorch, ValuesAndState) {
  Tensor a = tensor({1, 2});
  Tensor b = a;
  a += tensor({10, 10});  // a is another value now
  Tensor count = state(zeros({}));
  Tensor same = count;  // a handle of the same State
  assign(count, count + 1.0);
  EXPECT_EQ(b.to_vector<float>(), (std::vector<float>{1, 2}));
  EXPECT_EQ(a.to_vector<float>(), (std::vector<float>{11, 12}));
  EXPECT_EQ(same.item(), 1);
}

TEST(FromPytorch, StepsAndGradients) {
  manual_seed(1);
  nn::Sequential net(nn::Linear(4, 16), nn::ReLU(), nn::Linear(16, 3));
  optim::AdamW opt(net.parameters(), {.lr = 1e-2});
  auto step = compile([&](Tensor x, Tensor y) {
    Tensor loss = cross_entropy(net(x), y);
    opt.step(loss);  // zero_grad, backward and step in one
    return loss;
  });
  auto micro = compile([&](Tensor x, Tensor y) {
    Tensor loss = cross_entropy(net(x), y) / 2.0;
    backward(loss);  // adds to .grad()
    return loss;
  });
  auto update = compile([&] {
    Tensors gradients;
    for (const Tensor& p : net.parameters()) gradients.push_back(p.grad());
    opt.step(optim::clip_grad_norm(gradients, 1.0).gradients);
    net.zero_grad();
  });
  const Tensor x = randn({12, 4}), y = argmax(slice(x, 1, 0, 3), 1);
  const double first = step(x, y).item();
  for (int i = 0; i < 40; ++i) {
    step(x, y);
    micro(x, y), micro(x, y);
    update();
  }
  EXPECT_LT(step(x, y).item(), first / 2);
  EXPECT_EQ(opt.steps(), 82);
}

TEST(FromPytorch, WhatChangesIsAState) {
  Tensor strength = state(scalar(0.1));
  auto noisy = compile([&](Tensor x) { return x + randn({3}) * strength; });
  noisy(zeros({3}));
  assign(strength, scalar(0));  // the next call reads it
  EXPECT_EQ(noisy(ones({3})).to_vector<float>(), std::vector<float>(3, 1));
}

TEST(FromPytorch, SeveralInputs) {
  EXPECT_EQ(Pair()(ones({2, 4}), ones({2, 6})).shape(), (Shape{2, 8}));
  EXPECT_EQ(Many()({ones({2, 4}), ones({1, 4})}).first.shape(), (Shape{3, 2}));
}

TEST(FromPytorch, Weights) {
  const TemporaryFolder folder;
  const std::string path = folder / "net.safetensors";
  nn::Linear net(3, 2);
  const auto before = net.weight.to_vector<float>();
  io::save_tensors(path, net.state_dict());
  net.load_state_dict(io::load_tensors(path));         // all names must agree
  net.load_state_dict(io::load_tensors(path), false);  // what is there
  EXPECT_EQ(net.weight.to_vector<float>(), before);
}

TEST(FromPytorch, ReplacingALayer) {
  Classifier model;
  model.freeze();
  model.replace("head", nn::Linear(16, 2));
  optim::SGD tuned(model.find("head").parameters(), {.lr = 0.1});
  tuned.step(sum(model(ones({1, 4}))));
  EXPECT_EQ(model(ones({3, 4})).shape(), (Shape{3, 2}));
}

TEST(FromPytorch, OpsOfYourOwn) {
  CustomFunction clip_gradient = {[](const Tensors& in) { return Tensors{in[0] * 1.0}; },
                                  [](const Tensors&, const Tensors&, const Tensors& grads) {
                                    return Tensors{clamp(grads[0], -1, 1)};
                                  }};
  static OpDef halves{"halves",
                      "x / 2",
                      1,
                      1,
                      [](OpCall& c) { c.set(0, c.dtype(), c.shape()); },
                      kElementwise,
                      [](VjpCall& c) { c.results[0] = c.grad() * 0.5; }};
  halves.host_kernel = [](const OpCall& c, const Launch& l) {
    const auto* x = static_cast<const float*>(l.inputs[0]);
    auto* y = static_cast<float*>(l.outputs[0]);
    for (int64_t i = 0; i < numel(c.shape()); ++i) y[i] = x[i] / 2;
  };
  register_op(halves);
  const Tensor x = parameter(tensor({4, 8}));
  auto both = [&](Tensor scale) {
    return grad({sum(apply(halves, {call(clip_gradient, {x * 1.0})[0]}) * scale)}, {x})[0];
  };
  EXPECT_EQ(both(full({}, 6)).to_vector<float>(), (std::vector<float>{1, 1}));
  EXPECT_EQ(compile(both)(full({}, 1)).to_vector<float>(), (std::vector<float>{0.5, 0.5}));
}

TEST(FromPytorch, EveryExampleOfThePageStandsHere) {
  const std::string page = content_of(CAIRN_SOURCE_DIR "/docs/from-pytorch.md"),
                    here = bare(content_of(CAIRN_SOURCE_DIR "/tests/docs/from_pytorch_test.cpp")),
                    begin = "```cpp\n";
  int examples = 0;
  for (size_t at = page.find(begin); at != page.npos; at = page.find(begin, at), ++examples) {
    at += begin.size();
    const std::string example = bare(page.substr(at, page.find("```", at) - at));
    EXPECT_NE(here.find(example), here.npos) << example;
  }
  EXPECT_GE(examples, 10);
}
