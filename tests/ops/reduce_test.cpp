#include "tests/ops/cases.h"

namespace cairn::cases {
namespace {

struct Reduced {
  Shape shape;
  Ints axes;
};
const std::vector<Reduced> kReduced = {{{}, {}},        {{1}, {0}},          {{7}, {0}},          {{3, 5}, {0}},
                                       {{3, 5}, {1}},   {{3, 5}, {0, 1}},    {{2, 3, 4}, {1}},    {{2, 3, 4}, {0, 2}},
                                       {{0}, {0}},      {{0, 3}, {0}},       {{2, 0, 3}, {2}},    {{4, 1, 2}, {1}},
                                       {{2, 3, 2, 2}, {0, 2, 3}}, {{33}, {0}}};

Row reduction(const char* name, Arg arg, bool empty_axes, std::vector<DType> dtypes = Row().dtypes) {
  Row row{name, {}, std::move(dtypes)};
  for (const auto& [shape, axes] : kReduced) {
    int64_t reduced = 1;
    for (int64_t axis : axes) reduced *= shape[axis];
    if (reduced == 0 && !empty_axes) continue;
    arg.shape = shape;
    for (const int64_t keepdim : {0, 1})
      if (keepdim == 0 || !axes.empty()) row.cases.push_back(of(name, {arg}, {{"axes", axes}, {"keepdim", keepdim}}));
  }
  return row;
}
Row along(const char* name, Arg arg) {
  Row row{name, {}};
  for (const auto& [shape, axis] : std::vector<std::pair<Shape, int64_t>>{{{1}, 0}, {{7}, 0}, {{0}, 0}, {{3, 5}, 0}, {{3, 5}, 1}, {{2, 3, 4}, 1}, {{2, 0, 3}, 0}, {{2, 2, 2, 3}, 3}}) {
    arg.shape = shape;
    row.cases.push_back(of(name, {arg}, {{"axis", axis}}));
  }
  return row;
}
Row index_of(const char* name) {
  Row row{name, {}, kNumbers};
  for (const auto& [shape, axis] : std::vector<std::pair<Shape, int64_t>>{{{1}, 0}, {{7}, 0}, {{3, 5}, 0}, {{3, 5}, 1}, {{2, 3, 4}, 1}, {{0, 3}, 1}})
    for (const int64_t keepdim : {0, 1})
      row.cases.push_back(of(name, {distinct(shape)}, {{"axes", Ints{axis}}, {"keepdim", keepdim}}));
  row.cases.push_back(of(name, {fixed({6}, {1, 3, 3, 0, 0, 2}, DType::f32)}, {{"axes", Ints{0}}, {"keepdim", int64_t{0}}}));
  return row;
}
template <class F>
Row function(const char* name, F f, double low = -2, double high = 2) {
  Row row{name, {}};
  for (const auto& [shape, axes] : kReduced)
    if (numel(shape) > 2 && !axes.empty() && shape[axes[0]] > 1)  // a deviation of one value has no slope
      row.cases.push_back(call(to_string(shape) + " over " + to_string(axes), {numbers(shape, low, high)},
                               [f, axes = axes](const Tensors& in) { return f(in[0], axes); }));
  return row;
}
Row sum_to_row() {
  Row row{"sum_to", {}};
  for (const auto& [from, to] : std::vector<std::pair<Shape, Shape>>{{{2, 3}, {3}}, {{2, 3}, {2, 1}}, {{2, 3}, {}}, {{4, 2, 3}, {2, 1}}, {{0, 3}, {1, 3}}, {{3}, {3}}})
    row.cases.push_back(call(to_string(from) + " to " + to_string(to), {numbers(from)}, [to = to](const Tensors& in) { return sum_to(in[0], to); }));
  return row;
}

}  // namespace

std::vector<Row> reduce_rows() {
  Row any_row = reduction("any", truths({}), true, kExact), all_row = reduction("all", truths({}), true, kExact);
  Row product = reduction("prod", numbers({}, -1.5, 1.5), true);
  product.cases.push_back(of("prod", {fixed({2, 3}, {0, 2, 3, 0, 0, 4}, DType::f32)}, {{"axes", Ints{1}}, {"keepdim", int64_t{0}}}));
  Row deviation = function("stddev", [](In x, const Ints& a) { return stddev(x, a, 0.5, true); }, -4, 4);
  deviation.repeats = false;
  return {
      reduction("sum", numbers({}), true, {DType::f32, DType::f64, DType::bf16, DType::i64}),
      reduction("amax", distinct({}), false, kNumbers),
      reduction("amin", distinct({}), false, kNumbers),
      product,
      any_row,
      all_row,
      index_of("argmax"),
      index_of("argmin"),
      along("cumsum", numbers({})),
      along("cumprod", numbers({}, -1.5, 1.5)),
      function("mean", [](In x, const Ints& a) { return mean(x, a); }),
      function("var", [](In x, const Ints& a) { return var(x, a, 0); }),
      deviation,
      function("logsumexp", [](In x, const Ints& a) { return logsumexp(x, a); }),
      function("norm", [](In x, const Ints& a) { return norm(x, a); }),
      sum_to_row(),
  };
}

}  // namespace cairn::cases
