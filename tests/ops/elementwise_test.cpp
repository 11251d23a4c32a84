#include <algorithm>
#include <cmath>

#include "tests/ops/cases.h"

namespace cairn::cases {
namespace {

// Empty, one element, around the width of a vector and of a tile, every rank.
const std::vector<Shape> kShapes = {
    {},   {1},  {7},   {0},   {3, 5}, {2, 3, 4}, {4, 0, 2}, {2, 1, 3, 2}, {19},
    {16}, {33}, {128}, {129}, {1030}, {1, 17},   {17, 1},   {33, 3},      {2, 2, 1, 3, 2}};

// An op of one input on the usual shapes.
Row unary(const char* name, double low, double high, Attrs attrs = {},
          std::vector<DType> dtypes = Row().dtypes) {
  Row row{name, {}, std::move(dtypes)};
  for (const Shape& shape : kShapes)
    row.cases.push_back(of(name, {numbers(shape, low, high)}, attrs));
  return row;
}

// An op of two inputs, alike and broadcast.
const std::vector<std::pair<Shape, Shape>> kPairs = {{{}, {}},
                                                     {{3}, {3}},
                                                     {{2, 3}, {3}},
                                                     {{2, 1}, {1, 3}},
                                                     {{}, {5}},
                                                     {{2, 3, 4}, {}},
                                                     {{4, 1, 2}, {3, 1}},
                                                     {{0, 3}, {1, 3}},
                                                     {{1}, {0}},
                                                     {{2, 3, 2, 2}, {3, 1, 1}},
                                                     {{1, 1}, {2, 3}},
                                                     {{17}, {17}},
                                                     {{33}, {33}},
                                                     {{129}, {1}},
                                                     {{3, 17}, {17}},
                                                     {{17, 1}, {1, 33}},
                                                     {{2, 3, 2, 2, 2}, {3, 1, 2, 1}},
                                                     {{5, 1, 3}, {1, 4, 1}},
                                                     {{1, 5}, {4, 5}},
                                                     {{2, 3, 4}, {2, 1, 4}},
                                                     {{2, 3, 4}, {2, 3, 1}},
                                                     {{3, 1}, {3, 5}},
                                                     {{8, 16}, {8, 1}},
                                                     {{0}, {}},
                                                     {{1030}, {1030}},
                                                     {{2, 1, 130}, {3, 1}}};
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
  row.cases.push_back(of(
      name, {fixed({4}, {1, 2, NAN, -0.0}, DType::f32), fixed({4}, {1, 3, NAN, 0.0}, DType::f32)}));
  return row;
}
Row logical(const char* name) {
  Row row{name, {}, kExact};
  for (const auto& [a, b] : kPairs) row.cases.push_back(of(name, {truths(a), truths(b)}));
  return row;
}
Row logical_not_row() {
  Row row{"logical_not", {}, kExact};
  for (const Shape& shape : kShapes) row.cases.push_back(of("logical_not", {truths(shape)}));
  return row;
}
Row test(const char* name) {
  Row row = unary(name, -2, 2);
  row.cases.push_back(of(name, {fixed({4}, {1, NAN, INFINITY, -INFINITY}, DType::f32)}));
  return row;
}

Row where_row() {
  Row row{"where", {}, kNumbers};
  for (const auto& [a, b] : kPairs)
    row.cases.push_back(of("where", {truths(a), numbers(b), numbers(a)}));
  row.cases.push_back(of("where", {truths({2, 1, 3}), numbers({4, 1}), numbers({})}));
  return row;
}
// Halves that round to even, signs, the ends of the small types, what f16 and f8 hold as subnormal
// numbers.
Arg to_cast(int64_t count, DType from) {
  const std::vector<double> some =
      is_float(from) || from == DType::i32 || from == DType::i64
          ? std::vector<double>{0, 1.25, -1.5, 2.5, 3.5, 127, -100.75, 1e-3, 0.0625, 17, -0.4, 240}
      : from == DType::i8 ? std::vector<double>{0, 1, -1, 127, -128, 17, 2, -64}
      : from == DType::u8 ? std::vector<double>{0, 1, 255, 128, 17, 2, 64}
                          : std::vector<double>{0, 1, 1, 0, 0};
  Arg arg = fixed({count}, {}, from);
  for (int64_t i = 0; i < count; ++i) {
    const double value = some[i % some.size()];
    arg.given.push_back(is_integer(from) ? std::trunc(value) : value);
  }
  return arg;
}
// Negative and large numbers have no value as u8, nor as i8.
void limit_to(DType to, Arg& arg) {
  for (double& v : arg.given) {
    if (to == DType::u8) v = std::min(std::fabs(v), arg.dtype == DType::i8 ? 127.0 : 200.0);
    if (to == DType::i8) v = std::clamp(v, -128.0, 127.0);
  }
}
Row cast_row() {
  Row row{"cast", {}, kNumbers};
  auto add = [&](Arg arg, DType to) {
    row.cases.push_back(of("cast", {arg}, {{"dtype", static_cast<int64_t>(to)}}));
    row.cases.back().name += std::string(" from ") + name_of(arg.dtype);
  };
  for (const Shape& shape : {Shape{}, {0}, {5}, {2, 3}, {33}, {2, 3, 17}})
    add(numbers(shape), DType::f64);
  // Rounding has no slope that differences can see.
  for (int from = 0; from < kDTypeCount; ++from)
    for (int to = 0; to < kDTypeCount; ++to)
      for (const int64_t count : {0, 1, 5, 33}) {
        Arg arg = to_cast(count, static_cast<DType>(from));
        if (arg.dtype == DType::f8e4m3 || arg.dtype == DType::f8e5m2)
          for (double& v : arg.given) v = std::clamp(v, -100.0, 100.0);
        limit_to(static_cast<DType>(to), arg);
        add(arg, static_cast<DType>(to));
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
  for (const Shape& shape : kShapes)
    row.cases.push_back(call(to_string(shape), {numbers(shape, low, high)},
                             [f](const Tensors& in) { return f(in[0]); }));
  return row;
}

// Attributes at their ends and on either side of zero, beside those of the rows above.
void add_attributes(std::vector<Row>& rows) {
  struct Item {
    const char* name;
    double low, high;
    std::vector<Attrs> attrs;
  };
  const std::vector<Item> items = {
      {"add_scalar", -2, 2, {{{"value", 0.0}}, {{"value", -0.75}}, {{"value", 1e4}}}},
      {"mul_scalar", -2, 2, {{{"value", 0.0}}, {{"value", 1.0}}, {{"value", -0.75}}}},
      {"pow_scalar",
       0.3,
       2,
       {{{"value", 2.0}},
        {{"value", 3.0}},
        {{"value", 0.5}},
        {{"value", -1.0}},
        {{"value", -2.5}},
        {{"value", 1.0}},
        {{"value", 0.0}}}},
      {"pow_scalar",
       -2,
       -0.3,
       {{{"value", 2.0}}, {{"value", 3.0}}, {{"value", -1.0}}, {{"value", 4.0}}}},
      {"leaky_relu",
       -2,
       2,
       {{{"negative_slope", 0.0}}, {{"negative_slope", -0.3}}, {{"negative_slope", 1.5}}}},
      {"elu", -3, 3, {{{"alpha", 0.5}}, {{"alpha", 1.0}}}},
      {"softplus",
       -4,
       4,
       {{{"beta", 1.0}, {"threshold", 20.0}}, {{"beta", 0.5}, {"threshold", 1.0}}}},
      {"clamp",
       -2,
       2,
       {{{"low", 0.0}, {"high", 0.0}},
        {{"low", -3.0}, {"high", 3.0}},
        {{"low", 0.5}, {"high", 1.5}}}},
      {"clamp_min", -2, 2, {{{"low", 0.0}}, {{"low", 1.5}}}},
      {"clamp_max", -2, 2, {{{"high", 0.0}}, {{"high", -1.5}}}},
  };
  for (const Item& item : items)
    for (Row& row : rows)
      for (const Attrs& attrs : item.attrs)
        for (const Shape& shape : {Shape{7}, {3, 5}, {33}})
          if (row.op == item.name) {
            row.cases.push_back(of(item.name, {numbers(shape, item.low, item.high)}, attrs));
            if (item.high < 0) row.cases.back().name += ", negative";
          }
}

// Functions of several inputs or with options, each on a list of shapes.
template <class F>
Row on(const char* name, const std::vector<std::vector<Shape>>& shapes, F f) {
  Row row{name, {}};
  for (const auto& list : shapes) {
    std::string title;
    std::vector<Arg> args;
    for (const Shape& shape : list) args.push_back(numbers(shape)), title += to_string(shape) + " ";
    row.cases.push_back(call(title, std::move(args), f));
  }
  return row;
}
template <class F>
void also(Row& row, const char* title, std::vector<Arg> args, F f) {
  row.cases.push_back(call(title, std::move(args), f));
}
std::vector<Row> composed_rows() {
  const std::vector<std::vector<Shape>> ones = {{{}},     {{0}},  {{7}},         {{9}},
                                                {{3, 5}}, {{33}}, {{2, 1, 3, 2}}};
  std::vector<Row> rows;
  Row celus{"celu", {}};
  for (const double alpha : {0.5, 1.5})
    for (const Shape& shape : {Shape{2, 5}, {0}, {33}})
      also(celus, (to_string(shape) + " alpha " + std::to_string(alpha)).c_str(), {numbers(shape)},
           [alpha](const Tensors& in) { return celu(in[0], alpha); });
  rows.push_back(celus);
  rows.push_back(on("logaddexp",
                    {{{2, 3}, {3}}, {{}, {}}, {{5}, {5}}, {{2, 1}, {1, 33}}, {{0, 3}, {3}}},
                    [](const Tensors& in) { return logaddexp(in[0], in[1]); }));
  for (const double weight : {0.0, 0.3, 1.0})
    rows.push_back(on(weight == 0   ? "lerp_first"
                      : weight == 1 ? "lerp_second"
                                    : "lerp",
                      {{{2, 3}, {2, 3}}, {{17}, {17}}, {{2, 3}, {3}}, {{}, {}}, {{0, 2}, {0, 2}}},
                      [weight](const Tensors& in) { return lerp(in[0], in[1], weight); }));
  Row filled{"masked_fill", {}};
  for (const auto& [x, mask] : std::vector<std::pair<Shape, Shape>>{{{2, 3}, {3}},
                                                                    {{2, 3}, {2, 1}},
                                                                    {{}, {}},
                                                                    {{0, 3}, {3}},
                                                                    {{2, 3, 17}, {3, 1}},
                                                                    {{33}, {33}}})
    also(filled, (to_string(x) + to_string(mask)).c_str(), {numbers(x), truths(mask)},
         [](const Tensors& in) { return masked_fill(in[0], in[1], 7); });
  rows.push_back(filled);
  Row halves{"glu", {}}, gated{"swiglu", {}};
  for (const auto& [x, axis] : std::vector<std::pair<Shape, int64_t>>{{{2, 6}, -1},
                                                                      {{4, 3}, 0},
                                                                      {{2, 4, 3}, 1},
                                                                      {{2, 4, 3}, -2},
                                                                      {{3, 34}, 1},
                                                                      {{0, 4}, 1},
                                                                      {{3, 0}, 1},
                                                                      {{2}, 0}}) {
    const std::string title = to_string(x) + " axis " + std::to_string(axis);
    also(halves, title.c_str(), {numbers(x)},
         [axis = axis](const Tensors& in) { return glu(in[0], axis); });
    also(gated, title.c_str(), {numbers(x)},
         [axis = axis](const Tensors& in) { return swiglu(in[0], axis); });
  }
  rows.push_back(halves), rows.push_back(gated);
  rows.push_back(on("prelu",
                    {{{2, 3, 2}, {3}},
                     {{2, 3}, {3}},
                     {{2, 3}, {1}},
                     {{5}, {1}},
                     {{0, 3}, {3}},
                     {{2, 17, 2, 3}, {17}}},
                    [](const Tensors& in) { return prelu(in[0], in[1]); }));
  rows.push_back(
      on("threshold", ones, [](const Tensors& in) { return threshold(in[0], 0.4, -3); }));
  rows.push_back(on("hardshrink", ones, [](const Tensors& in) { return hardshrink(in[0]); }));
  rows.push_back(
      on("hardshrink_wide", ones, [](const Tensors& in) { return hardshrink(in[0], 1.2); }));
  rows.push_back(on("softshrink", ones, [](const Tensors& in) { return softshrink(in[0]); }));
  rows.push_back(
      on("softshrink_wide", ones, [](const Tensors& in) { return softshrink(in[0], 1.2); }));
  rows.push_back(on("tanhshrink", ones, [](const Tensors& in) { return tanhshrink(in[0]); }));
  rows.push_back(on("softmin", {{{2, 5}}, {{1}}, {{33}}, {{2, 3, 4}}, {{0, 3}}},
                    [](const Tensors& in) { return softmin(in[0]); }));
  rows.push_back(on("softmin_first", {{{2, 5}}, {{33, 2}}, {{2, 3, 4}}},
                    [](const Tensors& in) { return softmin(in[0], 0); }));
  return rows;
}
std::vector<Row> distance_rows() {
  std::vector<Row> rows;
  Row normal{"normalize_vectors", {}}, pairs{"pairwise_distance", {}}, all{"cdist", {}};
  for (const double p : {1.0, 2.0, 3.0}) {
    const std::string power = " p " + std::to_string(static_cast<int>(p));
    for (const Shape& x : {Shape{3, 4}, {5}, {2, 3, 17}})
      also(normal, (to_string(x) + power).c_str(), {numbers(x)},
           [p](const Tensors& in) { return normalize(in[0], p, -1); });
    for (const Shape& x : {Shape{3, 4}, {1, 17}, {2, 3, 2}})
      also(pairs, (to_string(x) + power).c_str(), {numbers(x), numbers(x)},
           [p](const Tensors& in) { return pairwise_distance(in[0], in[1], p); });
  }
  for (const auto& [a, b] : std::vector<std::pair<Shape, Shape>>{{{3, 4}, {2, 4}},
                                                                 {{2, 3, 4}, {2, 2, 4}},
                                                                 {{1, 9}, {5, 9}},
                                                                 {{3, 17}, {33, 17}},
                                                                 {{0, 4}, {2, 4}}})
    also(all, (to_string(a) + to_string(b)).c_str(), {numbers(a), numbers(b)},
         [](const Tensors& in) { return cdist(in[0], in[1]); });
  // Of equal rows the distance has no slope.
  pairs.repeats = all.repeats = false;
  Row cosine{"cosine_similarity", {}};
  for (const auto& [a, b] : std::vector<std::pair<Shape, Shape>>{
           {{3, 4}, {1, 4}}, {{3, 4}, {3, 4}}, {{5}, {5}}, {{2, 3, 17}, {3, 17}}})
    also(cosine, (to_string(a) + to_string(b)).c_str(), {numbers(a), numbers(b)},
         [](const Tensors& in) { return cosine_similarity(in[0], in[1], -1); });
  for (Row& row : std::vector<Row>{normal, pairs, all, cosine}) rows.push_back(std::move(row));
  return rows;
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
      unary("log10", 0.2, 3),
      unary("asinh", -3, 3),
      unary("acosh", 1.2, 3),
      unary("atanh", -0.9, 0.9),
      unary("erfc", -3, 3),
      unary("erfinv", -0.9, 0.9),
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
      compare("eq"),
      compare("ne"),
      compare("lt"),
      compare("le"),
      compare("gt"),
      compare("ge"),
      logical("logical_and"),
      logical("logical_or"),
      logical("logical_xor"),
      logical_not_row(),
      test("isnan"),
      test("isinf"),
      test("isfinite"),
      where_row(),
      cast_row(),
      function("selu", selu),
      function("relu6", relu6, -4, 9),
  };
  // Whole numbers added to integers stay integers.
  for (const char* name : {"add_scalar", "mul_scalar"})
    for (const DType dtype : {DType::i32, DType::i64, DType::u8})
      for (Row& row : rows)
        if (row.op == name) row.cases.push_back(of(name, {integers({3, 4}, 0, 9, dtype)}, two));
  add_attributes(rows);
  for (Row& row : rows) row.jumps = row.op == "fmod" || row.op == "remainder";
  for (const auto& more : {composed_rows(), distance_rows()})
    rows.insert(rows.end(), more.begin(), more.end());
  return rows;
}

}  // namespace cairn::cases
