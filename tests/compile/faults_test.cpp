// A step that fails says which op did it, in which module, on which line; States stay as they were.
#include <gtest/gtest.h>

#include <cmath>

#include "cairn/autograd/autograd.h"
#include "cairn/base/error.h"
#include "cairn/compile/compile.h"
#include "cairn/nn/nn.h"
#include "cairn/ops/functions.h"

namespace cairn {
namespace {

template <class F>
std::string message_of(F f) {
  try {
    f();
  } catch (const Error& e) { return e.what(); }
  return "no error";
}

void expect_has(const std::string& message, const std::string& part) {
  EXPECT_NE(message.find(part), std::string::npos) << "'" << part << "' is not in: " << message;
}

struct Root : nn::Module {
  int line = 0;
  Tensor forward(Tensor x) override {
    line = __LINE__ + 1;
    return sqrt(x);
  }
};
struct Net : nn::Module {
  Root root = child("root", Root());
  Tensor forward(Tensor x) override { return exp(root(x * 2.0)) + 1.0; }
};

TEST(Faults, TheFirstOpThatMadeNaNIsNamed) {
  Net net;
  Tensor w = state(tensor({1, 1}));
  auto f = compile([&](Tensor x) {
    const Tensor y = check_finite(net(x));
    assign(w, w + y);
    return sum(y);
  });
  f(tensor({0, 0}));
  EXPECT_EQ(w.to_vector<float>(), (std::vector<float>{3, 3}));
  const std::string message = message_of([&] { f(tensor({1, -1})); });
  expect_has(message, "sqrt: gives NaN (element 1 of f32[2])");
  expect_has(message, "root");
  expect_has(message, "tests/compile/faults_test.cpp:");
  EXPECT_EQ(w.to_vector<float>(), (std::vector<float>{3, 3}));
  f(tensor({0, 0}));
  EXPECT_EQ(w.to_vector<float>(), (std::vector<float>{5, 5}));
}

TEST(Faults, AnOverflowIsFoundBeforeTheNaNItLeadsTo) {
  auto f = compile([](Tensor x) { return check_finite(exp(x) - exp(x * 1.0001)); });
  expect_has(message_of([&] { f(tensor({1000})); }), "exp: gives infinity");
}

TEST(Faults, AMaskOfInfinitiesIsNoFault) {
  auto f = compile([](Tensor x) {
    const Tensor masked = where(gt(x, 0.0), x, full({3}, -INFINITY));
    return check_finite(log(softmax(masked, 0) - 2.0));
  });
  expect_has(message_of([&] { f(tensor({1, -1, 2})); }), "log: gives NaN");
}

TEST(Faults, NaNInTheDataIsCalledThat) {
  auto f = compile([](Tensor x, Tensor y) { return check_finite(x + y); });
  expect_has(message_of([&] {
               f(tensor({1, 2}), tensor({1, NAN}));
             }),
             "argument 1 of the step holds NaN (element 1)");
}

// Library modules inside the user's: the line is where the user called them.
struct Reader : nn::Module {
  nn::Embedding words = child("words", nn::Embedding(4, 2));
  nn::Linear head = child("head", nn::Linear(2, 3));
  int words_line = 0, head_line = 0;
  Tensor forward(Tensor i) override {
    words_line = __LINE__ + 1;
    const Tensor rows = words(i);
    head_line = __LINE__ + 1;
    return head(reshape(rows, {-1, i.size(0)}));
  }
};

std::string line(int number) { return fmt::format("faults_test.cpp:{})", number); }

TEST(Faults, ABadIndexNamesTheModuleAndTheUsersLine) {
  Reader net;
  auto f = compile([&](Tensor i) { return sum(net(i)); });
  const std::string message = message_of([&] { f(tensor(std::vector<int64_t>{0, 7}, {2})); });
  expect_has(message, "embedding: index 7 at position 1 is out of range");
  expect_has(message, "words");
  expect_has(message, line(net.words_line));
}

TEST(Faults, AWrongShapeNamesTheModuleAndTheUsersLine) {
  Reader net;
  const Tensor three = tensor(std::vector<int64_t>{0, 1, 2}, {3});
  auto f = compile([&](Tensor i) { return sum(net(i)); });
  for (const auto& call : {std::function([&] { f(three); }), std::function([&] { net(three); })}) {
    const std::string message = message_of(call);
    expect_has(message, "linear");
    expect_has(message, "head");
    expect_has(message, line(net.head_line));
  }
}

// What the backward pass records is of the line that the forward pass was.
TEST(Faults, GradientsBelongToTheLineOfTheirOp) {
  Reader net;
  auto f = compile([&](Tensor i) { return grad({sum(net(i))}, {net.head.parameters()[0]})[0]; });
  f(tensor(std::vector<int64_t>{0, 1}, {2}));
  for (const Node& node : f.last()->graph().nodes) {
    if (node.path.find("head") == std::string::npos) continue;
    EXPECT_NE(std::string(node.loc.file_name()).find("faults_test.cpp"), std::string::npos)
        << node.op->name << " at " << node.loc.file_name();
  }
}

}  // namespace
}  // namespace cairn
