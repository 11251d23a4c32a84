// Tensors that are not there and sizes that cannot be: an error with the op, the shapes, the
// module's path and the line, never a signal. Every op of the table, every function that has a
// case, every method of a handle.
#include <gtest/gtest.h>

#include <functional>

#include "cairn/autograd/autograd.h"
#include "cairn/compile/compile.h"
#include "cairn/ops/context.h"
#include "cairn/optim/optim.h"
#include "tests/ops/cases.h"

namespace cairn {
namespace {

class PathScope {  // as while a module is called
 public:
  explicit PathScope(const char* name) { context().path.push_back({name, Loc::current()}); }
  ~PathScope() { context().path.pop_back(); }
};

std::string error_of(const std::function<void()>& fn) {
  const PathScope outer("net"), inner("layer1");
  try {
    fn();
  } catch (const Error& e) { return e.what(); }
  return "";
}
void expect_parts(const std::string& text, const std::vector<std::string>& parts) {
  for (const std::string& part : parts)
    EXPECT_NE(text.find(part), std::string::npos) << "'" << part << "' is not in: " << text;
}

Tensor plain(const cases::Arg& arg) {
  switch (arg.kind) {
    case cases::Arg::integer: return full(arg.shape, arg.low, arg.dtype);
    case cases::Arg::truth: return full(arg.shape, 1, DType::boolean);
    case cases::Arg::fixed: return cast(tensor(arg.given, arg.shape), arg.dtype);
    default: return full(arg.shape, 0.5);
  }
}

}  // namespace

TEST(Undefined, EveryOpOfTheTableNamesItself) {
  const Tensor given = full({2, 3}, 0.5);
  for (const OpDef* op : all_ops()) {
    const int most = op->inputs >= 0 ? op->inputs : 3;
    for (int count = op->inputs >= 0 ? most : 1; count <= most && most > 0; ++count)
      for (int missing = 0; missing < count; ++missing) {
        Tensors in(static_cast<size_t>(count), given),
            out(static_cast<size_t>(std::max(op->outputs, 1)));
        in[static_cast<size_t>(missing)] = Tensor();
        const std::string text = error_of([&] { apply(*op, in, {}, out); });
        expect_parts(text, {std::string(op->name) + ": input " + std::to_string(missing) +
                                " is an undefined tensor",
                            "net.layer1", "undefined_test.cpp:"});
        if (count > 1) expect_parts(text, {"f32[2, 3]"});
      }
  }
}

// With each input in turn left out: what is optional may be, the rest is an error that says where.
TEST(Undefined, EveryFunctionWithACaseSaysSo) {
  for (const cases::Row& row : cases::all_rows())
    for (const cases::Case& c : row.cases) {
      Tensors in;
      for (const cases::Arg& arg : c.args) in.push_back(plain(arg));
      for (size_t missing = 0; missing < in.size(); ++missing) {
        Tensors some = in;
        some[missing] = Tensor();
        const std::string text = error_of([&] { c.run(some); });
        if (!text.empty()) expect_parts(text, {"net.layer1"});
        if (missing == 0 && text.empty())
          ADD_FAILURE() << row.op << " / " << c.name << " does without its first input";
      }
      if (!in.empty()) {
        EXPECT_NE(error_of([&] { c.run(Tensors(in.size())); }), "") << row.op << " / " << c.name;
      }
    }
}

TEST(Undefined, EveryMethodOfAHandleNamesPathAndLine) {
  Tensor none;
  const Tensor some = ones({2});
  const std::vector<std::function<void()>> methods = {
      [&] { none.shape(); },         [&] { none.size(0); },
      [&] { none.rank(); },          [&] { none.numel(); },
      [&] { none.dtype(); },         [&] { none.desc(); },
      [&] { none.is_state(); },      [&] { none.traced(); },
      [&] { none.requires_grad(); }, [&] { none.set_requires_grad(); },
      [&] { none.detach(); },        [&] { none.grad(); },
      [&] { none.set_grad(some); },  [&] { none.to_vector<float>(); },
      [&] { none.item(); },
  };
  for (const auto& method : methods)
    expect_parts(error_of(method), {"undefined tensor", "net.layer1", "undefined_test.cpp:"});
  EXPECT_FALSE(none.defined());
}

TEST(Undefined, FunctionsThatTakeTensorsByReferenceToo) {
  const Tensor none;
  float out = 0;
  const std::vector<std::function<void()>> calls = {
      [&] { state(none); },
      [&] { parameter(none); },
      [&] { assign(none, ones({1})); },
      [&] { assign(state(ones({1})), none); },
      [&] { copy_to_host(none, &out); },
      [&] { backward(none); },
      [&] { (void)grad({none}, {ones({1})}); },
      [&] { (void)grad({ones({1})}, {none}); },
      [&] { compile([](Tensor x) { return x; })(none); },
      [&] { compile([](Tensor) { return Tensor(); })(ones({1})); },
      [&] { optim::SGD opt(Tensors{none}); },
      [&] { optim::SGD(Tensors{parameter(ones({1}))}).step(none); },
      [&] {
        cat({none, ones({1})}, 0);
      },
      [&] {
        stack({ones({1}), none}, 0);
      },
      [&] {
        einsum("i,i->i", {none, ones({1})});
      },
      [&] {
        lstm(ones({1, 1, 2}), {{none, none}});
      },
  };
  for (size_t i = 0; i < calls.size(); ++i) EXPECT_NE(error_of(calls[i]), "") << "call " << i;
}

TEST(Undefined, TheFunctionThatLooksIsNamed) {
  const Tensor none;
  expect_parts(error_of([&] { softmax(none, 1); }),
               {"softmax: an undefined tensor", "undefined_test.cpp:"});
  expect_parts(error_of([&] { dropout(none, 0.5); }),
               {"dropout: an undefined tensor", "undefined_test.cpp:"});
  expect_parts(error_of([&] { none * 2.0; }), {"mul", "undefined", "undefined_test.cpp:"});
  EXPECT_EQ(undefined_argument.line(), 0u);  // nobody is being given one now
}

TEST(Sizes, ThatCannotBeAreExplained) {
  constexpr int64_t kHuge = int64_t{1} << 31;
  const std::vector<std::pair<const char*, std::function<void()>>> calls = {
      {"full",
       [] {
         zeros({kHuge, kHuge});
       }},
      {"full",
       [] {
         zeros({int64_t{1} << 40, int64_t{1} << 24});
       }},
      {"full",
       [] {
         ones({-1, 2});
       }},
      {"full",
       [] {
         ones({0, kHuge, kHuge});
       }},
      {"random_uniform", [] { rand({-3}); }},
      {"random_normal",
       [] {
         randn({kHuge, kHuge});
       }},
      {"expand",
       [] {
         expand(zeros({1, 1}), {int64_t{1} << 40, int64_t{1} << 24});
       }},
      {"expand", [] { repeat(zeros({4}), {int64_t{1} << 62}); }},
      {"add",
       [] {
         expand(zeros({1, 1}), {kHuge, 1}) + expand(zeros({1, 1}), {1, kHuge});
       }},
      {"eye", [] { eye(-1); }},
      {"eq", [] { eye(kHuge); }},
      {"arange", [] { arange(INT64_MIN, INT64_MAX); }},
      {"chunk", [] { chunk(zeros({4}), 0, 0); }},
      {"chunk", [] { chunk(zeros({4}), -2, 0); }},
      {"slice", [] { slice(zeros({4}), 0, 0, int64_t{1} << 62, 4); }},
      {"slice", [] { slice(zeros({4}), 0, 0, 2, 0); }},
      {"repeat", [] { repeat(zeros({4}), {-1}); }},
      {"pad",
       [] {
         pad(zeros({1, 4}), {-3, -3});
       }},
  };
  for (const auto& [name, call] : calls)
    expect_parts(error_of(call), {std::string(name) + ":", "net.layer1", "undefined_test.cpp:"});
  EXPECT_NE(error_of([] { empty({kHuge, kHuge}); }), "");
  EXPECT_NE(error_of([] { empty({-3}); }), "");
}

// The values of lengths are seen when the kernel runs, eager and compiled, whichever back end it
// is.
void expect_lengths_explained(bool by_kernel) {
  const Tensor q = full({2, 1, 3, 4}, 0.5), x = full({3, 2, 5}, 0.5),
               p = log_softmax(full({4, 2, 3}, 0.5), -1);
  const RecurrentWeights w{full({16, 5}, 0.1), full({16, 4}, 0.1)};
  const auto i64 = [](std::vector<int64_t> v) {
    return tensor(v, {static_cast<int64_t>(v.size())});
  };
  const Tensor targets = full({2, 2}, 1, DType::i64);
  const std::vector<std::pair<const char*, std::function<Tensor(const Tensor&)>>> functions = {
      {"attention", [&](const Tensor& n) { return attention(q, q, q, {.lengths = n}); }},
      {"lstm", [&](const Tensor& n) { return lstm(x, {w}, {}, {}, {.lengths = n}).output; }},
      {"ctc_loss",
       [&](const Tensor& n) {
         return ctc_loss(p, targets, n, i64({1, 1}));
       }},
      {"ctc_loss",
       [&](const Tensor& n) {
         return ctc_loss(p, targets, i64({4, 4}), n);
       }},
  };
  for (const auto& [name, fn] : functions)
    for (const Tensor& wrong : {i64({1, 9}), i64({-1, 1})}) {
      const char* what = by_kernel ? "outside 0.." : "is out of range";
      expect_parts(error_of([&, &fn = fn] { fn(wrong); }),
                   {by_kernel ? name : "of=lengths", what, "net.layer1", "undefined_test.cpp:"});
      auto compiled = compile([&, &fn = fn](Tensor n) { return fn(n); });
      expect_parts(error_of([&] { compiled(wrong); }), {what, "undefined_test.cpp:"});
      EXPECT_EQ(error_of([&] { compiled(i64({1, 2})); }), "");
    }
}
TEST(Sizes, LengthsOutOfRangeAreExplained) {
  expect_lengths_explained(true);
  BackendScope scope(backend_named("reference"));
  expect_lengths_explained(false);
}

}  // namespace cairn
