#include "compare.h"

namespace cairn::test {
namespace {

const char* const kUnary[] = {"neg",
                              "abs",
                              "sign",
                              "square",
                              "exp",
                              "exp2",
                              "expm1",
                              "sin",
                              "cos",
                              "tan",
                              "atan",
                              "sinh",
                              "cosh",
                              "tanh",
                              "erf",
                              "floor",
                              "ceil",
                              "round",
                              "trunc",
                              "relu",
                              "softsign",
                              "sigmoid",
                              "log_sigmoid",
                              "silu",
                              "mish",
                              "gelu",
                              "gelu_gate",
                              "gelu_tanh",
                              "gelu_tanh_gate",
                              "hardsigmoid",
                              "hardswish",
                              "isnan",
                              "isinf",
                              "isfinite"};
const char* const kPositive[] = {"sqrt", "rsqrt", "reciprocal", "log", "log1p", "log2"};
const char* const kBinary[] = {
    "add", "sub", "mul", "maximum", "minimum", "eq",         "ne",
    "lt",  "le",  "gt",  "ge",      "atan2",   "gelu_slope", "gelu_tanh_slope"};

double positive(int, std::mt19937& random) {
  return std::uniform_real_distribution<double>(0.1, 3)(random);
}
double small_integer(int, std::mt19937& random) {
  return static_cast<double>(static_cast<int>(random() % 5) - 2);
}

TEST(Elementwise, EveryUnaryFunction) {
  for (const char* op : kUnary) {
    compare({op, {}, {f32({3, 37})}, 3e-6});
    compare({op, {}, {blocked({2, 13, 3, 5})}, 3e-6, anything, blocked_outputs()});
  }
  for (const char* op : kPositive) compare({op, {}, {f32({300})}, 3e-6, positive});
  for (const char* op : {"asin", "acos"})
    compare({op, {}, {f32({33})}, 3e-6, [](int, std::mt19937& r) {
               return std::uniform_real_distribution<double>(-1, 1)(r);
             }});
}

TEST(Elementwise, ScalarAttributes) {
  compare({"add_scalar", {{"value", 1.5}}, {f32({9})}});
  compare(
      {"add_scalar", {{"value", 1.5}}, {blocked({2, 5, 3})}, 1e-6, anything, blocked_outputs()});
  compare({"mul_scalar", {{"value", -0.3}}, {f32({7, 1})}});
  for (double p : {2.0, 3.0, 0.5, -1.0, 2.7, 0.0})
    compare({"pow_scalar", {{"value", p}}, {f32({40})}, 1e-5, positive});
  compare({"clamp", {{"low", -0.5}, {"high", 0.75}}, {f32({64})}});
  compare({"clamp_min", {{"low", -0.5}}, {f32({64})}});
  compare({"clamp_max", {{"high", 0.5}}, {f32({64})}});
  compare({"leaky_relu", {{"negative_slope", 0.1}}, {f32({64})}});
  compare({"elu", {{"alpha", 0.7}}, {f32({64})}});
  compare({"softplus", {{"beta", 2.0}, {"threshold", 3.0}}, {f32({64})}});
}

TEST(Elementwise, BinaryBroadcastAndStrides) {
  for (const char* op : kBinary) {
    compare({op, {}, {f32({4, 33}), f32({4, 33})}, 1e-6, small_integer});
    compare({op, {}, {f32({4, 1, 3}), f32({5, 1})}, 1e-6});
    compare({op, {}, {f32({}), f32({2, 0, 3})}});
    compare({op, {}, {strided({6, 5}, {1, 6}), strided({6, 5}, {0, 2}, 3)}, 1e-6});
    compare({op,
             {},
             {blocked({2, 13, 4, 3}), blocked({2, 13, 4, 3})},
             1e-6,
             small_integer,
             blocked_outputs()});
    compare({op,
             {},
             {blocked({2, 13, 4, 3}, 16), f32({13, 1, 1})},
             1e-6,
             anything,
             blocked_outputs(16)});
    compare(
        {op, {}, {blocked({2, 13, 4, 3}), f32({2, 13, 4, 3})}, 1e-6, anything, blocked_outputs()});
    compare({op, {}, {blocked({2, 16, 4, 3}), f32({})}, 1e-6, anything});
    compare({op, {}, {f32({2, 13, 4}), blocked({1, 13, 1})}, 1e-6, anything, blocked_outputs()});
  }
  for (const char* op : {"div", "pow", "fmod", "remainder"})
    compare({op, {}, {f32({5, 7}), f32({7})}, 1e-5, positive});
  for (const char* op : {"logical_and", "logical_or", "logical_xor"})
    compare({op, {}, {of(DType::boolean, {5, 70}), of(DType::boolean, {70})}, 0});
  compare({"logical_not", {}, {of(DType::boolean, {71})}, 0});
  compare({"where", {}, {of(DType::boolean, {5, 1}), f32({7}), f32({5, 7})}});
}

TEST(Elementwise, BlockedWeights) {
  for (LayoutKind kind : {LayoutKind::weight_io, LayoutKind::weight_oi})
    for (Shape shape : {Shape{16, 8, 3, 3}, Shape{11, 5, 2}}) {
      auto same = [&](OpCall& c) { c.outputs[0]->layout = Layout{kind, 8, {}, 0}; };
      compare({"add",
               {},
               {blocked(shape, 8, DType::f32, kind), blocked(shape, 8, DType::f32, kind)},
               0,
               anything,
               same});
      compare({"exp", {}, {blocked(shape, 8, DType::f32, kind)}, 1e-6, anything, same});
      compare({"mul", {}, {blocked(shape, 8, DType::f32, kind), f32({})}, 0, anything, same});
      compare({"add", {}, {blocked(shape, 8, DType::f32, kind), f32(shape)}, 0, anything, same});
      Ints all;
      for (int d = 0; d < shape.ssize(); ++d) all.push_back(d);
      compare(
          {"sum", {{"axes", all}, {"keepdim", int64_t{0}}}, {blocked(shape, 8, DType::f32, kind)}});
    }
}

TEST(Elementwise, NarrowFloatsAndCasts) {
  for (DType t : {DType::bf16, DType::f16}) {
    compare({"add", {}, {of(t, {5, 9}), of(t, {9})}, 1e-2});
    compare({"tanh", {}, {of(t, {77})}, 1e-2});
    compare({"gt", {}, {of(t, {77}), of(t, {77})}, 0});
    compare({"cast", {{"dtype", static_cast<int64_t>(DType::f32)}}, {of(t, {3, 50})}, 0});
    compare({"cast", {{"dtype", static_cast<int64_t>(t)}}, {f32({3, 50})}, 0});
    compare({"cast",
             {{"dtype", static_cast<int64_t>(t)}},
             {blocked({2, 5, 3})},
             0,
             anything,
             blocked_outputs()});
  }
  auto hundreds = [](int, std::mt19937& random) {
    return static_cast<double>(static_cast<int>(random() % 200)) + 0.5;
  };
  for (DType from :
       {DType::f32, DType::u8, DType::i8, DType::boolean, DType::i32, DType::i64, DType::f64})
    for (DType to : {DType::f32, DType::u8, DType::boolean, DType::i32, DType::i64, DType::f64})
      if (from != DType::i8 || to != DType::u8)
        compare({"cast",
                 {{"dtype", static_cast<int64_t>(to)}},
                 {of(from, {67})},
                 0,
                 from == DType::i8 ? Fill(small_integer) : Fill(hundreds)});
  compare({"copy", {}, {strided({5, 6, 7}, {1, 5, 30})}, 0});
  compare({"copy", {}, {blocked({2, 11, 5})}, 0});
  compare({"copy", {}, {f32({2, 11, 5})}, 0, anything, blocked_outputs()});
}

TEST(Reduce, AxesAndLayouts) {
  for (const char* op : {"sum", "amax", "amin", "prod"})
    for (int64_t keep : {0, 1})
      for (Ints axes : {Ints{0}, Ints{1}, Ints{2}, Ints{0, 2}, Ints{1, 2}, Ints{0, 1, 2}, Ints{}}) {
        const Attrs attrs = {{"axes", axes}, {"keepdim", keep}};
        compare({op, attrs, {f32({3, 13, 21})}});
        compare({op, attrs, {strided({3, 13, 21}, {1, 3, 39})}});
        compare({op, attrs, {blocked({3, 13, 21})}});
        compare({op, attrs, {blocked({3, 16, 21}, 16)}});
        if (keep) compare({op, attrs, {blocked({3, 13, 21})}, 1e-5, anything, blocked_outputs()});
      }
  compare({"sum", {{"axes", Ints{1}}, {"keepdim", int64_t{0}}}, {f32({3, 0})}});
  compare({"prod", {{"axes", Ints{1}}, {"keepdim", int64_t{0}}}, {f32({3, 0})}});
  compare({"sum", {{"axes", Ints{0}}, {"keepdim", int64_t{0}}}, {f32({0, 5})}});
  compare({"sum", {{"axes", Ints{0, 1}}, {"keepdim", int64_t{0}}}, {f32({500, 300})}});
  for (const char* op : {"any", "all"})
    for (Shape shape : {Shape{4, 3}, Shape{4, 0}, Shape{1, 1}})
      compare({op, {{"axes", Ints{1}}, {"keepdim", int64_t{0}}}, {of(DType::boolean, shape)}, 0});
}

}  // namespace
}  // namespace cairn::test
