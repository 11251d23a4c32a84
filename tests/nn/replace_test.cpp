// replace(): another layer in a child's place, for forward() and for what lists parameters alike.
#include <gtest/gtest.h>

#include <type_traits>

#include "cairn/base/error.h"
#include "cairn/compile/compile.h"
#include "cairn/nn/nn.h"
#include "cairn/optim/optim.h"

namespace cairn::nn {
namespace {

struct Block : Module {
  Linear fc = child("fc", Linear(4, 4));
  Tensor forward(Tensor x) override { return relu(fc(x)); }
};
struct Net : Module {
  ModuleList<Block> blocks = child("blocks", ModuleList<Block>());
  Sequential tail = child("tail", Sequential(ReLU(), Linear(4, 4)));
  AnyModule head = child("head", AnyModule(Linear(4, 3)));
  Net() { blocks.push_back(Block()), blocks.push_back(Block()); }
  Tensor forward(Tensor x) override {
    for (Block& b : blocks) x = b(x);
    return head(tail(x));
  }
};

std::string error_of(const std::function<void()>& fn) {
  try {
    fn();
  } catch (const Error& e) { return e.what(); }
  return "";
}
Shape shape_of(const Module& net, const std::string& name) {
  for (const auto& [n, t] : net.state_dict())
    if (n == name) return t.shape();
  return {-1};
}

// No handle of a child can come to mean another layer than its parent lists.
static_assert(!std::is_copy_assignable_v<Linear> && !std::is_move_assignable_v<Linear>);
static_assert(!std::is_copy_assignable_v<Net> && !std::is_copy_assignable_v<AnyModule>);
static_assert(std::is_copy_constructible_v<Net> && std::is_nothrow_move_constructible_v<Linear>);
template <class P>
concept Rebinds = requires(P p, Tensor t) {
  p += t;
};
static_assert(Rebinds<Tensor> && !Rebinds<Param&>);

}  // namespace

TEST(Modules, AreATree) {
  struct Open : Module {
    void take(const std::string& name, const Module& module) { adopt(name, module); }
  };
  Open a, b, c;
  a.take("b", b);
  b.take("c", c);
  EXPECT_NE(error_of([&] { c.take("a", a); }).find("would close a cycle"), std::string::npos);
  EXPECT_NE(error_of([&] { c.take("a", a); }).find("'b.c'"), std::string::npos);
  EXPECT_NE(error_of([&] { a.take("me", a); }).find("that module itself"), std::string::npos);
  EXPECT_EQ(a.named_modules().size(), 3u);

  // A layer with its own parent below it cannot take its place.
  Open net, wrapper;
  net.take("layer", Linear(2, 2));
  wrapper.take("net", net);
  EXPECT_NE(error_of([&] { net.replace("layer", wrapper); }).find("would close a cycle"),
            std::string::npos);
  EXPECT_EQ(net.parameters().size(), 2u);
}

TEST(Replace, ForwardAndParametersAgree) {
  Net net;
  Net alias = net;
  net.replace("head", Linear(4, 7));
  for (const Net* n : {&net, &alias}) {
    EXPECT_EQ((*n)(ones({2, 4})).shape(), (Shape{2, 7}));
    EXPECT_EQ(shape_of(*n, "head.weight"), (Shape{7, 4}));
  }
  net.replace("head", Identity());  // of another type
  EXPECT_EQ(alias(ones({2, 4})).shape(), (Shape{2, 4}));
  EXPECT_EQ(shape_of(net, "head.weight"), (Shape{-1}));
  net.replace("tail.1", Sequential(Linear(4, 9), Tanh()));
  EXPECT_EQ(alias(ones({2, 4})).shape(), (Shape{2, 9}));
  EXPECT_EQ(shape_of(alias, "tail.1.0.weight"), (Shape{9, 4}));
}

TEST(Replace, AMemberOfItsOwnTypeAndInsideALayerOfAList) {
  Net net;
  Linear held = net.blocks[1].fc, other(4, 4);
  net.replace("blocks.1.fc", other);
  assign(other.weight, zeros({4, 4}));
  assign(other.bias, ones({4}));
  EXPECT_EQ(net.blocks[1](randn({1, 4})).to_vector<float>(), std::vector<float>(4, 1));
  EXPECT_EQ(held.weight.impl(),
            other.weight.impl());  // copies of the handle go along, with their members
  EXPECT_EQ(net.find("blocks.1.fc").parameters()[0].impl(), other.weight.impl());
  const std::string text = error_of([&] { net.blocks[1](ones({1, 5})); });
  EXPECT_NE(text.find("blocks.1.fc"), std::string::npos) << text;
}

TEST(Replace, SaysWhatItCannotDo) {
  Net net;
  EXPECT_NE(error_of([&] { net.replace("haed", Linear(4, 7)); }).find("did you mean 'head'"),
            std::string::npos);
  const std::string text = error_of([&] { net.replace("blocks.0.fc", Sequential(Linear(4, 4))); });
  EXPECT_NE(text.find("held as Linear and cannot become a Sequential"), std::string::npos) << text;
  EXPECT_EQ(shape_of(net, "blocks.0.fc.weight"), (Shape{4, 4}));
  EXPECT_NE(error_of([&] { net.replace("", Linear(4, 7)); }), "");
}

TEST(Replace, WhatWasCompiledBeforeFollows) {
  Net net;
  auto f = compile([&](Tensor x) { return net(x); });
  EXPECT_EQ(f(ones({2, 4})).shape(), (Shape{2, 3}));
  net.replace("head", Linear(4, 5));
  EXPECT_EQ(f(ones({2, 4})).shape(), (Shape{2, 5}));
  net.replace("blocks.0.fc", Linear(4, 4));
  const auto compiled = f(ones({2, 4})).to_vector<float>(),
             eager = net(ones({2, 4})).to_vector<float>();
  for (size_t i = 0; i < eager.size(); ++i) EXPECT_NEAR(compiled[i], eager[i], 1e-5);
}

TEST(Replace, AnOptimizerThatKeepsTheOldParametersSaysSo) {
  Net net;
  optim::SGD before(net.parameters(), {.lr = 0.1});
  before.step(sum(net(ones({2, 4}))));
  net.replace("head", Linear(4, 5));
  EXPECT_NE(error_of([&] {
              before.step(sum(net(ones({2, 4}))));
            }).find("replace() took out"),
            std::string::npos);
  optim::SGD after(net.parameters(), {.lr = 0.1});
  after.step(sum(net(ones({2, 4}))));
}

TEST(Replace, ClonesAreOnTheirOwn) {
  Net net;
  Net copy = clone(net);
  copy.replace("head", Linear(4, 5));
  EXPECT_EQ(copy(ones({2, 4})).shape(), (Shape{2, 5}));
  EXPECT_EQ(net(ones({2, 4})).shape(), (Shape{2, 3}));
  Net second = clone(copy);
  EXPECT_EQ(second(ones({2, 4})).shape(), (Shape{2, 5}));
  EXPECT_NE(second.parameters().back().impl(), copy.parameters().back().impl());
}

TEST(Replace, AParameterIsGivenAValueOnce) {
  Linear a(2, 2), b(2, 2);
  EXPECT_NE(error_of([&] { a.weight = std::move(b.weight); }).find("assign()"), std::string::npos);
}

}  // namespace cairn::nn
