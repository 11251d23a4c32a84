#include "tests/ops/cases.h"

namespace cairn::cases {
namespace {

struct Reduced {
  Shape shape;
  Ints axes;
};
const std::vector<Reduced> kReduced = {{{}, {}},
                                       {{1}, {0}},
                                       {{7}, {0}},
                                       {{3, 5}, {0}},
                                       {{3, 5}, {1}},
                                       {{3, 5}, {0, 1}},
                                       {{2, 3, 4}, {1}},
                                       {{2, 3, 4}, {0, 2}},
                                       {{0}, {0}},
                                       {{0, 3}, {0}},
                                       {{2, 0, 3}, {2}},
                                       {{4, 1, 2}, {1}},
                                       {{2, 3, 2, 2}, {0, 2, 3}},
                                       {{33}, {0}}};

// Every choice of axes of these: outer, inner, in between and apart, of size one, around the width
// of a vector, of a short row (128) and of a tile (1024).
std::vector<Reduced> every_choice() {
  std::vector<Reduced> list;
  for (const Shape& shape :
       {Shape{2, 3, 5}, {3, 1, 4}, {2, 3, 2, 4}, {17, 33}, {2, 129}, {130, 2}, {1030}, {16}})
    for (int chosen = 1; chosen < 1 << shape.ssize(); ++chosen) {
      Ints axes;
      for (int d = 0; d < shape.ssize(); ++d)
        if (chosen >> d & 1) axes.push_back(d);
      list.push_back({shape, axes});
    }
  for (const Ints& axes : {Ints{4}, {0, 2, 4}, {1, 3}, {2, 3}, {0, 1, 2, 3, 4}})
    list.push_back({{2, 2, 3, 1, 2}, axes});
  return list;
}
int64_t reduced_size(const Reduced& r) {
  int64_t count = 1;
  for (int64_t axis : r.axes) count *= r.shape[axis];
  return count;
}

Row reduction(const char* name, Arg arg, bool empty_axes,
              std::vector<DType> dtypes = Row().dtypes) {
  Row row{name, {}, std::move(dtypes)};
  for (const auto& [shape, axes] : kReduced) {
    if (reduced_size({shape, axes}) == 0 && !empty_axes) continue;
    arg.shape = shape;
    for (const int64_t keepdim : {0, 1})
      if (keepdim == 0 || !axes.empty())
        row.cases.push_back(of(name, {arg}, {{"axes", axes}, {"keepdim", keepdim}}));
  }
  int64_t keepdim = 0;
  for (const auto& [shape, axes] : every_choice()) {
    if (std::string_view(name) == "prod" && shape == Shape{1030})
      continue;  // leaves the range of f32
    arg.shape = shape, keepdim = 1 - keepdim;
    row.cases.push_back(of(name, {arg}, {{"axes", axes}, {"keepdim", keepdim}}));
  }
  return row;
}
Row along(const char* name, Arg arg) {
  Row row{name, {}};
  for (const auto& [shape, axis] : std::vector<std::pair<Shape, int64_t>>{{{1}, 0},
                                                                          {{7}, 0},
                                                                          {{0}, 0},
                                                                          {{3, 5}, 0},
                                                                          {{3, 5}, 1},
                                                                          {{2, 3, 4}, 1},
                                                                          {{2, 0, 3}, 0},
                                                                          {{2, 2, 2, 3}, 3},
                                                                          {{17}, 0},
                                                                          {{33, 2}, 0},
                                                                          {{2, 33}, 1},
                                                                          {{2, 3, 4}, 0},
                                                                          {{2, 3, 4}, 2},
                                                                          {{3, 1, 2}, 1},
                                                                          {{2, 2, 3, 1, 2}, 2},
                                                                          {{2, 130}, 1}}) {
    arg.shape = shape;
    row.cases.push_back(of(name, {arg}, {{"axis", axis}}));
  }
  return row;
}
Row index_of(const char* name) {
  Row row{name, {}, kNumbers};
  for (const auto& [shape, axis] : std::vector<std::pair<Shape, int64_t>>{{{1}, 0},
                                                                          {{7}, 0},
                                                                          {{3, 5}, 0},
                                                                          {{3, 5}, 1},
                                                                          {{2, 3, 4}, 1},
                                                                          {{0, 3}, 1},
                                                                          {{17}, 0},
                                                                          {{33, 2}, 0},
                                                                          {{2, 33}, 1},
                                                                          {{2, 3, 4}, 0},
                                                                          {{2, 3, 4}, 2},
                                                                          {{3, 1, 2}, 1},
                                                                          {{2, 2, 3, 1, 2}, 2},
                                                                          {{2, 130}, 1},
                                                                          {{1030}, 0}})
    for (const int64_t keepdim : {0, 1})
      row.cases.push_back(
          of(name, {distinct(shape)}, {{"axes", Ints{axis}}, {"keepdim", keepdim}}));
  row.cases.push_back(of(name, {fixed({6}, {1, 3, 3, 0, 0, 2}, DType::f32)},
                         {{"axes", Ints{0}}, {"keepdim", int64_t{0}}}));
  return row;
}
template <class F>
Row function(const char* name, F f, double low = -2, double high = 2) {
  Row row{name, {}};
  std::vector<Reduced> list = kReduced, more = every_choice();
  list.insert(list.end(), more.begin(), more.end());
  for (Reduced from_end :
       {Reduced{{2, 3, 5}, {-1}}, {{2, 3, 5}, {-2, -1}}, {{2, 3, 5}, {-3}}, {{2, 3, 5}, {2, 0}}})
    list.push_back(from_end);
  for (const auto& [shape, axes] : list)
    if (numel(shape) > 2 && !axes.empty() &&
        (axes[0] < 0 || reduced_size({shape, axes}) > 1))  // a deviation of one value has no slope
      row.cases.push_back(call(to_string(shape) + " over " + to_string(axes),
                               {numbers(shape, low, high)},
                               [f, axes = axes](const Tensors& in) { return f(in[0], axes); }));
  return row;
}
Row sum_to_row() {
  Row row{"sum_to", {}};
  for (const auto& [from, to] : std::vector<std::pair<Shape, Shape>>{{{2, 3}, {3}},
                                                                     {{2, 3}, {2, 1}},
                                                                     {{2, 3}, {}},
                                                                     {{4, 2, 3}, {2, 1}},
                                                                     {{0, 3}, {1, 3}},
                                                                     {{3}, {3}},
                                                                     {{2, 3, 4}, {1, 3, 1}},
                                                                     {{2, 3, 4}, {3, 1}},
                                                                     {{2, 3, 4}, {2, 1, 4}},
                                                                     {{33, 17}, {17}},
                                                                     {{33, 17}, {33, 1}},
                                                                     {{2, 2, 3, 1, 2}, {3, 1, 1}},
                                                                     {{1, 5}, {5}},
                                                                     {{1030}, {1}}})
    row.cases.push_back(call(to_string(from) + " to " + to_string(to), {numbers(from)},
                             [to = to](const Tensors& in) { return sum_to(in[0], to); }));
  return row;
}

}  // namespace

std::vector<Row> reduce_rows() {
  Row any_row = reduction("any", truths({}), true, kExact),
      all_row = reduction("all", truths({}), true, kExact);
  Row product = reduction("prod", numbers({}, -1.3, 1.3), true);
  product.cases.push_back(of("prod", {fixed({2, 3}, {0, 2, 3, 0, 0, 4}, DType::f32)},
                             {{"axes", Ints{1}}, {"keepdim", int64_t{0}}}));
  Row deviation = function(
      "stddev", [](In x, const Ints& a) { return stddev(x, a, 0.5, true); }, -4, 4);
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
      along("logcumsumexp", numbers({})),
      along("argcummax", distinct({})),
      along("argcummin", distinct({})),
      function("mean", [](In x, const Ints& a) { return mean(x, a); }),
      function("var", [](In x, const Ints& a) { return var(x, a, 0); }),
      deviation,
      function("logsumexp", [](In x, const Ints& a) { return logsumexp(x, a); }),
      function("norm", [](In x, const Ints& a) { return norm(x, a); }),
      sum_to_row(),
  };
}

}  // namespace cairn::cases
