#include <cmath>

#include "tests/ops/cases.h"

namespace cairn::cases {
namespace {

// An op of one input on the usual shapes.
Row unary(const char* name, double low, double high, Attrs attrs = {}, std::vector<DType> dtypes = Row().dtypes) {
  Row row{name, {}, std::move(dtypes)};
  for (const Shape& shape : {Shape{}, {1}, {7}, {0}, {3, 5}, {2, 3, 4}, {4, 0, 2}, {2, 1, 3, 2}, {19}})
    row.cases.push_back(of(name, {numbers(shape, low, high)}, attrs));
  return row;
}

// An op of two inputs, alike and broadcast.
const std::vector<std::pair<Shape, Shape>> kPairs = {
    {{}, {}}, {{3}, {3}}, {{2, 3}, {3}}, {{2, 1}, {1, 3}}, {{}, {5}}, {{2, 3, 4}, {}}, {{4, 1, 2}, {3, 1}},
    {{0, 3}, {1, 3}}, {{1}, {0}}, {{2, 3, 2, 2}, {3, 1, 1}}, {{1, 1}, {2, 3}}, {{17}, {17}}};
Row binary(const char* name, Arg a, Arg b, std::vector<DType> dtypes = Row().dtypes) {
  Row row{name, {}, std::move(dtypes)};
  for (const auto& [sa, sb] : kPairs) {
    a.shape = sa, b.shape = sb;
    row.cases.push_back(of(name, {a, b}));
  }
  return row;
}
Row compare(const char* name) {  // with equal elements among them
  Row row{name, {}, kNumbers};
  for (const auto& [a, b] : kPairs) row.cases.push_back(of(name, {numbers(a), numbers(b)}));
  row.cases.push_back(of(name, {fixed({4}, {1, 2, NAN, -0.0}, DType::f32), fixed({4}, {1, 3, NAN, 0.0}, DType::f32)}));
  return row;
}
Row logical(const char* name) {
  Row row{name, {}, kExact};
  for (const auto& [a, b] : kPairs) row.cases.push_back(of(name, {truths(a), truths(b)}));
  return row;
}
Row test(const char* name) {
  Row row = unary(name, -2, 2);
  row.cases.push_back(of(name, {fixed({4}, {1, NAN, INFINITY, -INFINITY}, DType::f32)}));
  return row;
}

Row where_row() {
  Row row{"where", {}, kNumbers};
  for (const auto& [a, b] : kPairs) row.cases.push_back(of("where", {truths(a), numbers(b), numbers(a)}));
  row.cases.push_back(of("where", {truths({2, 1, 3}), numbers({4, 1}), numbers({})}));
  return row;
}
Row cast_row() {
  Row row{"cast", {}, kNumbers};
  for (const DType to : {DType::f32, DType::f64, DType::bf16, DType::f16, DType::i32, DType::boolean})
    for (const Shape& shape : {Shape{}, {0}, {5}, {2, 3}})
      if (to == DType::f64) {
        row.cases.push_back(of("cast", {numbers(shape)}, {{"dtype", static_cast<int64_t>(to)}}));
      } else {  // rounding has no slope that differences can see
        row.cases.push_back(of("cast", {fixed(shape, std::vector<double>(numel(shape), 1.25), DType::f32)}, {{"dtype", static_cast<int64_t>(to)}}));
      }
  return row;
}
Row limits(const char* name, double low, double high) {
  Attrs attrs;
  if (low > -10) attrs.set("low", low);
  if (high < 10) attrs.set("high", high);
  return unary(name, -2, 2, attrs);
}
Row function(const char* name, Tensor (*f)(In), double low = -3, double high = 3) {
  Row row{name, {}};
  for (const Shape& shape : {Shape{}, {0}, {7}, {3, 4}})
    row.cases.push_back(call(to_string(shape), {numbers(shape, low, high)}, [f](const Tensors& in) { return f(in[0]); }));
  return row;
}

}  // namespace

std::vector<Row> elementwise_rows() {
  const Attrs value = {{"value", 1.5}}, two = {{"value", 2.0}};
  std::vector<Row> rows = {
      binary("add", numbers({}), numbers({}), kNumbers),
      binary("sub", numbers({}), numbers({}), kNumbers),
      binary("mul", numbers({}), numbers({}), kNumbers),
      binary("div", numbers({}), positive({})),
      binary("pow", positive({}), numbers({})),
      binary("maximum", distinct({}), numbers({}), kNumbers),
      binary("minimum", distinct({}), numbers({}), kNumbers),
      binary("fmod", numbers({}, -5, 5), positive({}), kNumbers),
      binary("remainder", numbers({}, -5, 5), positive({}), kNumbers),
      binary("atan2", numbers({}, 0.2, 2), numbers({}, -2, -0.2)),
      unary("add_scalar", -2, 2, value),
      unary("mul_scalar", -2, 2, value),
      unary("pow_scalar", 0.3, 2, {{"value", 2.5}}),
      unary("neg", -2, 2, {}, kNumbers),
      unary("abs", -2, 2, {}, kNumbers),
      unary("sign", -2, 2, {}, kNumbers),
      unary("square", -2, 2, {}, kNumbers),
      unary("sqrt", 0.3, 3),
      unary("rsqrt", 0.3, 3),
      unary("reciprocal", 0.4, 3),
      unary("exp", -3, 3),
      unary("exp2", -3, 3),
      unary("expm1", -3, 3),
      unary("log", 0.2, 3),
      unary("log1p", -0.7, 3),
      unary("log2", 0.2, 3),
      unary("sin", -7, 7),
      unary("cos", -7, 7),
      unary("tan", -1.2, 1.2),
      unary("asin", -0.9, 0.9),
      unary("acos", -0.9, 0.9),
      unary("atan", -4, 4),
      unary("sinh", -2, 2),
      unary("cosh", -2, 2),
      unary("tanh", -3, 3),
      unary("erf", -3, 3),
      unary("floor", -4, 4),
      unary("ceil", -4, 4),
      unary("round", -4, 4),
      unary("trunc", -4, 4),
      limits("clamp", -1, 0.7),
      limits("clamp_min", -0.4, 100),
      limits("clamp_max", -100, 0.6),
      unary("relu", -2, 2, {}, kNumbers),
      unary("leaky_relu", -2, 2, {{"negative_slope", 0.1}}),
      unary("elu", -2, 2, {{"alpha", 1.3}}),
      unary("softplus", -4, 4, {{"beta", 1.7}, {"threshold", 5.0}}),
      unary("softsign", -3, 3),
      unary("sigmoid", -6, 6),
      unary("log_sigmoid", -6, 6),
      unary("silu", -6, 6),
      unary("mish", -4, 4),
      unary("gelu", -4, 4),
      unary("gelu_gate", -4, 4),
      binary("gelu_slope", numbers({}, -4, 4), numbers({}, 0, 1)),
      unary("gelu_tanh", -4, 4),
      unary("gelu_tanh_gate", -4, 4),
      binary("gelu_tanh_slope", numbers({}, -4, 4), numbers({}, 0, 1)),
      unary("hardsigmoid", -5, 5),
      unary("hardswish", -5, 5),
      unary("copy", -2, 2, {}, kNumbers),
      compare("eq"), compare("ne"), compare("lt"), compare("le"), compare("gt"), compare("ge"),
      logical("logical_and"), logical("logical_or"), logical("logical_xor"),
      Row{"logical_not", {of("logical_not", {truths({})}), of("logical_not", {truths({5})}), of("logical_not", {truths({2, 3})})}, kExact},
      test("isnan"), test("isinf"), test("isfinite"),
      where_row(), cast_row(),
      function("selu", selu), function("relu6", relu6, -4, 9),
  };
  // Whole numbers added to integers stay integers.
  for (const char* name : {"add_scalar", "mul_scalar"})
    for (const DType dtype : {DType::i32, DType::i64, DType::u8})
      for (Row& row : rows)
        if (row.op == name) row.cases.push_back(of(name, {integers({3, 4}, 0, 9, dtype)}, two));
  Row celus{"celu", {call("alpha 1.5", {numbers({2, 5})}, [](const Tensors& in) { return celu(in[0], 1.5); })}};
  rows.push_back(celus);
  auto named = [&](const char* name, std::vector<Arg> args, auto f) { rows.push_back({name, {call("", std::move(args), f)}}); };
  named("logaddexp", {numbers({2, 3}), numbers({3})}, [](const Tensors& in) { return logaddexp(in[0], in[1]); });
  named("lerp", {numbers({2, 3}), numbers({2, 3})}, [](const Tensors& in) { return lerp(in[0], in[1], 0.3); });
  named("masked_fill", {numbers({2, 3}), truths({3})}, [](const Tensors& in) { return masked_fill(in[0], in[1], 7); });
  named("glu", {numbers({2, 6})}, [](const Tensors& in) { return glu(in[0]); });
  named("swiglu", {numbers({4, 3})}, [](const Tensors& in) { return swiglu(in[0], 0); });
  named("prelu", {numbers({2, 3, 2}), numbers({3})}, [](const Tensors& in) { return prelu(in[0], in[1]); });
  named("threshold", {numbers({7})}, [](const Tensors& in) { return threshold(in[0], 0.4, -3); });
  named("hardshrink", {numbers({9})}, [](const Tensors& in) { return hardshrink(in[0]); });
  named("softshrink", {numbers({9})}, [](const Tensors& in) { return softshrink(in[0]); });
  named("tanhshrink", {numbers({9})}, [](const Tensors& in) { return tanhshrink(in[0]); });
  named("softmin", {numbers({2, 5})}, [](const Tensors& in) { return softmin(in[0]); });
  named("normalize_vectors", {numbers({3, 4})}, [](const Tensors& in) { return normalize(in[0], 3); });
  named("cosine_similarity", {numbers({3, 4}), numbers({1, 4})}, [](const Tensors& in) { return cosine_similarity(in[0], in[1]); });
  named("pairwise_distance", {numbers({3, 4}), numbers({3, 4})}, [](const Tensors& in) { return pairwise_distance(in[0], in[1], 1); });
  named("cdist", {numbers({2, 3, 4}), numbers({2, 2, 4})}, [](const Tensors& in) { return cdist(in[0], in[1]); });
  return rows;
}

}  // namespace cairn::cases
