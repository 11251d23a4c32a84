// Mistakes in calls: every message names the op, the shapes, the module's path and the user's line.
#include <gtest/gtest.h>

#include <functional>

#include "cairn/autograd/autograd.h"
#include "cairn/base/error.h"
#include "cairn/compile/compile.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"

namespace cairn {
namespace {

Tensor f(const Shape& shape) { return full(shape, 0.5); }
Tensor i(const Shape& shape, double value = 0) { return full(shape, value, DType::i64); }

struct Mistake {
  const char* name;
  std::function<void()> call;
  std::vector<const char*> says;  // each is part of the message
};

class PathScope {  // as while a module is called
 public:
  explicit PathScope(const char* name) { context().path.push_back({name, Loc::current()}); }
  ~PathScope() { context().path.pop_back(); }
};

const std::vector<Mistake>& mistakes() {
  static const std::vector<Mistake> list = {
      {"add",
       [] {
         f({2, 3}) + f({4});
       },
       {"add", "[2, 3]", "[4]"}},
      {"add_traced",
       [] {
         compile([](Tensor a, Tensor b) { return a + b; })(f({2, 3}), f({4}));
       },
       {"add", "[2, 3]", "[4]"}},
      {"undefined", [] { f({2}) * Tensor(); }, {"mul", "undefined"}},
      {"matmul",
       [] {
         matmul(f({2, 3}), f({4, 5}));
       },
       {"matmul", "3 columns", "4 rows", "[2, 3]", "[4, 5]"}},
      {"matmul_scalar", [] { matmul(f({}), f({2})); }, {"matmul", "scalar"}},
      {"linear",
       [] {
         linear(f({2, 3}), f({5, 4}));
       },
       {"linear", "[2, 3]", "[5, 4]"}},
      {"einsum",
       [] {
         einsum("ij,jk->iz", {f({2, 3}), f({3, 4})});
       },
       {"einsum", "'z'", "ij,jk->iz"}},
      {"reshape",
       [] {
         reshape(f({2, 3}), {4, 2});
       },
       {"reshape", "[2, 3]", "[4, 2]"}},
      {"reshape_two",
       [] {
         reshape(f({2, 3}), {-1, -1});
       },
       {"reshape", "-1"}},
      {"permute",
       [] {
         permute(f({2, 3}), {0, 0});
       },
       {"permute", "axis 0 is given twice"}},
      {"slice",
       [] {
         slice(f({2, 3}), 1, 2, 5);
       },
       {"slice", "5 elements from 2", "[2, 3]"}},
      {"cat",
       [] {
         cat({f({2, 3}), f({2, 3, 1})}, 0);
       },
       {"cat", "[2, 3]", "[2, 3, 1]"}},
      {"expand",
       [] {
         expand(f({2, 3}), {4, 4});
       },
       {"expand", "[4, 4]"}},
      {"squeeze",
       [] {
         squeeze(f({2, 3}), {0});
       },
       {"squeeze", "dimension 0 is 2"}},
      {"pad_reflect",
       [] {
         pad(f({1, 3}), {4, 0}, PadMode::reflect);
       },
       {"pad", "reflect", "[1, 3]"}},
      {"sum_axis",
       [] {
         sum(f({2, 3}), {5});
       },
       {"sum", "5"}},
      {"amax_empty",
       [] {
         amax(f({0, 3}), {0});
       },
       {"amax", "empty"}},
      {"conv_channels",
       [] {
         conv2d(f({1, 3, 8, 8}), f({4, 5, 3, 3}));
       },
       {"conv", "3 channels", "wants 5"}},
      {"conv_kernel",
       [] {
         conv2d(f({1, 1, 2, 2}), f({1, 1, 3, 3}));
       },
       {"conv", "larger than the padded input"}},
      {"conv_groups",
       [] {
         conv2d(f({1, 4, 5, 5}), f({3, 2, 1, 1}), {}, {.groups = 2});
       },
       {"conv", "groups"}},
      {"max_pool",
       [] {
         max_pool2d(f({1, 1, 2, 2}), 3);
       },
       {"max_pool", "larger"}},
      {"interpolate",
       [] {
         interpolate(f({1, 1, 2, 2}), {});
       },
       {"interpolate", "size or scale"}},
      {"embedding_dtype",
       [] {
         embedding(f({4, 2}), f({3}));
       },
       {"embedding", "i32 or i64"}},
      {"embedding_range",
       [] {
         embedding(f({4, 2}), i({3}, 4));
       },
       {"embedding", "index 4", "position 0"}},
      {"gather_range", [] { gather(f({4}), 0, i({2}, -1)); }, {"gather", "index -1"}},
      {"scatter_shape", [] { scatter(f({4}), 0, i({2}), f({3})); }, {"scatter", "differ in shape"}},
      {"cross_entropy_shape",
       [] {
         cross_entropy(f({4, 3}), i({5}));
       },
       {"cross_entropy", "[4, 3]", "[4]", "[5]"}},
      {"cross_entropy_label",
       [] {
         cross_entropy(f({4, 3}), i({4}, 3));
       },
       {"index 3"}},
      {"mse_loss",
       [] {
         mse_loss(f({2}), f({2, 1}));
       },
       {"mse_loss", "[2]", "[2, 1]"}},
      {"topk", [] { topk(f({3}), 4); }, {"topk", "4 of the 3"}},
      {"batch_norm",
       [] {
         batch_norm(f({1, 3}), {}, {}, {}, {}, true);
       },
       {"batch_norm", "[1, 3]", "larger batch"}},
      {"layer_norm",
       [] {
         layer_norm(f({2, 3}), {4});
       },
       {"layer_norm", "[2, 3]", "[4]"}},
      {"group_norm",
       [] {
         group_norm(f({2, 3}), 2);
       },
       {"group_norm", "2 groups"}},
      {"dropout", [] { dropout(f({2}), 1.5); }, {"dropout", "1.5"}},
      {"attention_width",
       [] {
         attention(f({1, 2, 3, 4}), f({1, 2, 3, 5}), f({1, 2, 3, 5}));
       },
       {"attention", "4 wide", "keys 5"}},
      {"attention_heads",
       [] {
         attention(f({1, 3, 3, 4}), f({1, 2, 3, 4}), f({1, 2, 3, 4}));
       },
       {"attention", "3 query heads", "2 key heads"}},
      {"attention_to_steps_rows",
       [] {
         attention_to_steps(f({2, 1, 1, 4}), {f({2, 1, 1, 4})}, {f({2, 1, 1, 4})},
                            from_host(std::vector<int64_t>{0, 2}.data(), {2, 1}, DType::i64));
       },
       {"attention_to_steps", "2"}},
      {"attention_to_steps_width",
       [] {
         attention_to_steps(f({2, 1, 1, 4}), {f({2, 1, 1, 5})}, {f({2, 1, 1, 5})},
                            zeros({2, 1}, DType::i64));
       },
       {"attention_to_steps", "step 0", "[rows, 1, 1, 4]"}},
      {"attention_mask",
       [] {
         attention(f({1, 2, 3, 4}), f({1, 2, 3, 4}), f({1, 2, 3, 4}), {.mask = f({2, 3})});
       },
       {"attention", "mask"}},
      {"lstm_weight",
       [] {
         lstm(f({3, 2, 5}), {{f({16, 4}), f({16, 4})}});
       },
       {"lstm", "weight_ih", "[16, 5]", "[16, 4]"}},
      {"lstm_rank",
       [] {
         lstm(f({3, 5}), {{f({16, 5}), f({16, 4})}});
       },
       {"lstm", "three dimensions", "[3, 5]"}},
      {"ctc_blank",
       [] {
         ctc_loss(f({4, 1, 3}), i({1, 2}, 1), i({1}, 4), i({1}, 2), {.blank = 3});
       },
       {"ctc_loss", "blank 3"}},
      {"ctc_reduction",
       [] {
         ctc_loss(f({4, 1, 3}), i({1, 2}, 1), i({1}, 4), i({1}, 2),
                  {.reduction = Reduction::batchmean});
       },
       {"ctc_loss", "kl_div only"}},
      {"glu",
       [] {
         glu(f({2, 3}));
       },
       {"glu", "[2, 3]", "even"}},
      {"pixel_shuffle",
       [] {
         pixel_shuffle(f({1, 3, 2, 2}), 2);
       },
       {"pixel_shuffle", "[1, 3, 2, 2]"}},
  };
  return list;
}

void PrintTo(const Mistake& m, std::ostream* out) { *out << m.name; }

class Mistakes : public testing::TestWithParam<Mistake> {};

}  // namespace

TEST_P(Mistakes, AreExplained) {
  const Mistake& m = GetParam();
  const PathScope outer("net"), inner("layer1");
  try {
    m.call();
    FAIL() << "no error";
  } catch (const Error& e) {
    const std::string text = e.what();
    for (const char* part : m.says)
      EXPECT_NE(text.find(part), std::string::npos) << "'" << part << "' is not in: " << text;
    EXPECT_NE(text.find("errors_test.cpp:"), std::string::npos) << "no line in: " << text;
    EXPECT_NE(text.find("net.layer1"), std::string::npos) << "no module path in: " << text;
  }
}
INSTANTIATE_TEST_SUITE_P(Ops, Mistakes, testing::ValuesIn(mistakes()),
                         [](const auto& info) { return info.param.name; });

}  // namespace cairn
