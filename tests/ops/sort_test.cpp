#include <cmath>
#include <set>

#include "cairn/base/error.h"
#include "tests/ops/cases.h"

namespace cairn::cases {
namespace {

Row argsort_row() {
  Row row{"argsort", {}, {DType::f32, DType::f64, DType::i32}};
  for (const auto& [shape, axis] : std::vector<std::pair<Shape, int64_t>>{{{1}, 0},
                                                                          {{7}, 0},
                                                                          {{0}, 0},
                                                                          {{3, 5}, 0},
                                                                          {{3, 5}, 1},
                                                                          {{2, 3, 4}, 1},
                                                                          {{0, 3}, 1},
                                                                          {{33}, 0},
                                                                          {{17, 2}, 0},
                                                                          {{2, 33}, 1},
                                                                          {{2, 3, 4}, 0},
                                                                          {{2, 3, 4}, 2},
                                                                          {{3, 1, 2}, 1},
                                                                          {{130}, 0},
                                                                          {{2, 2, 3, 1, 2}, 2}})
    for (const int64_t descending : {0, 1})
      for (const int64_t count : std::set<int64_t>{shape[axis], shape[axis] / 2})
        row.cases.push_back(of("argsort", {numbers(shape)},
                               {{"axis", axis}, {"descending", descending}, {"count", count}}));
  for (const int64_t descending : {0, 1})
    row.cases.push_back(
        of("argsort", {fixed({6}, {1, NAN, 0, 1, INFINITY, 0}, DType::f32)},
           {{"axis", int64_t{0}}, {"descending", descending}, {"count", int64_t{6}}}));
  return row;
}
template <class F>
Row values(const char* name, F f) {
  Row row{name, {}};
  for (const Shape& shape : {Shape{5}, {3, 4}, {2, 3, 5}, {2}, {33}, {2, 17}, {2, 1, 3, 4}, {0, 3}})
    row.cases.push_back(call(to_string(shape), {distinct(shape)},
                             [f](const Tensors& in) { return f(in[0]).values; }));
  return row;
}

Row resample_row(const char* name, bool back) {
  Row row{name, {}};
  struct Resized {
    Shape shape;
    int64_t axis, to;
  };
  for (const char* mode : {"nearest", "nearest_exact", "linear", "cubic", "area"})
    for (const auto& [shape, axis, to] : std::vector<Resized>{{{1, 1, 3}, 2, 7},
                                                              {{1, 2, 5}, 2, 2},
                                                              {{2, 1, 3, 2}, 2, 5},
                                                              {{1, 2, 3, 4}, 3, 8},
                                                              {{1, 1, 1}, 2, 3},
                                                              {{0, 1, 4}, 2, 2},
                                                              {{1, 1, 4}, 2, 4},
                                                              {{1, 2, 9}, 2, 1},
                                                              {{1, 1, 17}, 2, 5},
                                                              {{1, 1, 5}, 2, 33},
                                                              {{1, 9, 3, 4}, 2, 4},
                                                              {{1, 1, 2, 3, 4}, 2, 5},
                                                              {{1, 1, 2, 3, 4}, 4, 3}})
      for (const int64_t corners : {0, 1}) {
        const bool used = std::string_view(mode) == "linear" || std::string_view(mode) == "cubic";
        if (corners && !used) continue;
        Shape given = shape;
        if (back) given[axis] = to;
        row.cases.push_back(of(name, {numbers(given)},
                               {{"axis", axis},
                                {"mode", mode},
                                {"from", shape[axis]},
                                {"to", to},
                                {"align_corners", corners},
                                {"scale", 0.0}}));
      }
  return row;
}
Row interpolate_row() {
  Row row{"interpolate", {}};
  for (const Interpolation mode :
       {Interpolation::nearest, Interpolation::linear, Interpolation::cubic, Interpolation::area})
    row.cases.push_back(call("to 5 x 2, mode " + std::to_string(static_cast<int>(mode)),
                             {numbers({1, 2, 3, 4})}, [=](const Tensors& in) {
                               return interpolate(in[0], {.size = {5, 2}, .mode = mode});
                             }));
  for (const Interpolation mode : {Interpolation::nearest_exact, Interpolation::linear,
                                   Interpolation::cubic, Interpolation::nearest})
    for (const double factor : {0.5, 1.7, 3.0}) {
      const std::string title = fmt::format("by {}, mode {}", factor, static_cast<int>(mode));
      row.cases.push_back(call(title, {numbers({1, 2, 4, 5})}, [=](const Tensors& in) {
        return interpolate(in[0], {.scale = {factor}, .mode = mode});
      }));
      row.cases.push_back(
          call(title + ", one dimension", {numbers({2, 1, 7})}, [=](const Tensors& in) {
            return interpolate(in[0], {.scale = {factor}, .mode = mode});
          }));
      if (mode != Interpolation::linear && mode != Interpolation::cubic) continue;
      row.cases.push_back(
          call(title + ", corners", {numbers({1, 2, 4, 5})}, [=](const Tensors& in) {
            return interpolate(in[0], {.scale = {factor}, .mode = mode, .align_corners = true});
          }));
    }
  row.cases.push_back(call("twice as large", {numbers({2, 1, 3})},
                           [](const Tensors& in) { return interpolate(in[0], {.scale = {2}}); }));
  row.cases.push_back(call("by 1.5 in 3d", {numbers({1, 1, 2, 3, 2})}, [](const Tensors& in) {
    return interpolate(in[0], {.scale = {1.5}, .mode = Interpolation::linear});
  }));
  return row;
}

}  // namespace

std::vector<Row> sort_rows() {
  return {argsort_row(),
          resample_row("resample", false),
          resample_row("resample_back", true),
          interpolate_row(),
          values("sort", [](In x) { return sort(x, -1, true); }),
          values("topk", [](In x) { return topk(x, 2); }),
          values("median", [](In x) { return median(x); })};
}

// Values from PyTorch 2: F.interpolate of arange(4).
TEST(Interpolate, EqualsPyTorch) {
  const Tensor x = reshape(arange(0, 4, 1, DType::f32), {1, 1, 4});
  auto resized = [&](const InterpolateOptions& o) { return interpolate(x, o).to_vector<float>(); };
  EXPECT_EQ(resized({.size = {8}}), (std::vector<float>{0, 0, 1, 1, 2, 2, 3, 3}));
  EXPECT_EQ(resized({.size = {8}, .mode = Interpolation::linear}),
            (std::vector<float>{0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3}));
  EXPECT_EQ(resized({.size = {7}, .mode = Interpolation::linear, .align_corners = true}),
            (std::vector<float>{0, 0.5, 1, 1.5, 2, 2.5, 3}));
  EXPECT_EQ(resized({.size = {2}, .mode = Interpolation::area}), (std::vector<float>{0.5, 2.5}));
}

TEST(Sort, NanIsTheLargestAndEqualsKeepTheirOrder) {
  const Tensor x = tensor({1, NAN, 0, 1});
  EXPECT_EQ(argsort(x).to_vector<int64_t>(), (std::vector<int64_t>{2, 0, 3, 1}));
  EXPECT_EQ(argsort(x, 0, true).to_vector<int64_t>(), (std::vector<int64_t>{1, 0, 3, 2}));
  EXPECT_THROW(topk(x, 5), Error);
}

}  // namespace cairn::cases
