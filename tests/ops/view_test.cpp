#include <algorithm>
#include <set>

#include "tests/ops/cases.h"

namespace cairn::cases {
namespace {

Row reshape_row() {
  Row row{"reshape", {}, kNumbers};
  for (const auto& [from, to] : std::vector<std::pair<Shape, Shape>>{{{}, {1}},
                                                                     {{1}, {}},
                                                                     {{6}, {2, 3}},
                                                                     {{2, 3}, {6}},
                                                                     {{2, 3, 4}, {6, 4}},
                                                                     {{2, 3, 4}, {2, 12}},
                                                                     {{2, 3, 4}, {4, 3, 2}},
                                                                     {{0, 3}, {3, 0}},
                                                                     {{2, 1, 3}, {2, 3}},
                                                                     {{4, 2}, {2, 2, 1, 2}},
                                                                     {{3, 4}, {1, 3, 1, 4, 1}},
                                                                     {{33}, {3, 11}},
                                                                     {{2, 3, 2, 2, 2}, {4, 12}},
                                                                     {{1, 1, 1}, {}},
                                                                     {{2, 0, 3}, {0, 5}},
                                                                     {{17, 2}, {2, 17}},
                                                                     {{6, 1, 4}, {2, 3, 2, 2}}})
    row.cases.push_back(of("reshape", {numbers(from)}, {{"shape", to}}));
  return row;
}
Row permute_row() {
  Row row{"permute", {}, kNumbers};
  for (const auto& [shape, order] :
       std::vector<std::pair<Shape, Ints>>{{{3, 5}, {1, 0}},
                                           {{2, 3, 4}, {2, 0, 1}},
                                           {{2, 3, 4}, {0, 2, 1}},
                                           {{2, 1, 3, 2}, {3, 1, 0, 2}},
                                           {{0, 3}, {1, 0}},
                                           {{4}, {0}},
                                           {{2, 2, 2, 2, 2}, {4, 3, 2, 1, 0}},
                                           {{17, 33}, {1, 0}},
                                           {{2, 3, 2, 1, 2}, {1, 4, 0, 2, 3}},
                                           {{}, {}}})
    row.cases.push_back(of("permute", {numbers(shape)}, {{"order", order}}));
  Ints order = {0, 1, 2, 3};  // all of four dimensions
  do row.cases.push_back(of("permute", {numbers({2, 3, 4, 5})}, {{"order", order}}));
  while (std::next_permutation(order.begin(), order.end()));
  return row;
}
Row expand_row() {
  Row row{"expand", {}, kNumbers};
  for (const auto& [from, to] :
       std::vector<std::pair<Shape, Shape>>{{{}, {3}},
                                            {{1}, {4}},
                                            {{3}, {2, 3}},
                                            {{2, 1}, {2, 5}},
                                            {{1, 3}, {0, 3}},
                                            {{3, 1, 2}, {4, 3, 3, 2}},
                                            {{1, 1}, {2, 3}},
                                            {{}, {2, 3}},
                                            {{17, 1}, {17, 33}},
                                            {{1, 17}, {33, 17}},
                                            {{1, 3, 1}, {2, 3, 4}},
                                            {{2, 1, 3, 1}, {2, 4, 3, 2}},
                                            {{3}, {3}},
                                            {{2, 1, 1, 1, 2}, {2, 2, 3, 2, 2}}})
    row.cases.push_back(of("expand", {numbers(from)}, {{"shape", to}}));
  return row;
}
Attrs range(int64_t axis, int64_t start, int64_t length, int64_t step = 1) {
  return {{"axis", axis}, {"start", start}, {"length", length}, {"step", step}};
}
Row slice_row() {
  Row row{"slice", {}, kNumbers};
  row.cases = {of("slice", {numbers({7})}, range(0, 2, 3)),
               of("slice", {numbers({7})}, range(0, 0, 4, 2)),
               of("slice", {numbers({3, 5})}, range(1, 1, 2, 3)),
               of("slice", {numbers({3, 5})}, range(0, 2, 1)),
               of("slice", {numbers({2, 3, 4})}, range(1, 0, 2)),
               of("slice", {numbers({3, 5})}, range(1, 4, 0)),
               of("slice", {numbers({2, 0})}, range(0, 1, 1)),
               of("slice", {numbers({2, 2, 2, 5})}, range(3, 1, 2, 2))};
  for (const int64_t axis : {0, 1, 2})
    for (const int64_t step : {1, 2, 3})
      for (const int64_t start : {0, 2}) {
        const Shape shape = {5, 17, 9};
        for (const int64_t length : std::set<int64_t>{1, (shape[axis] - start - 1) / step + 1})
          row.cases.push_back(of("slice", {numbers(shape)}, range(axis, start, length, step)));
      }
  return row;
}
Row embed_row() {
  Row row{"embed_slice", {}, kNumbers};
  auto into = [](Shape shape, Attrs attrs, int64_t size) {
    attrs.set("size", size);
    return of("embed_slice", {numbers(shape)}, attrs);
  };
  row.cases = {into({3}, range(0, 2, 3), 7),       into({2}, range(0, 1, 2, 3), 6),
               into({3, 2}, range(1, 0, 2, 2), 4), into({2, 3}, range(0, 1, 2), 3),
               into({0, 3}, range(0, 1, 0), 4),    into({2, 2, 3}, range(1, 3, 2), 5)};
  for (const int64_t axis : {0, 1, 2})
    for (const int64_t step : {1, 2, 3})
      for (const int64_t start : {0, 1}) {
        const Shape shape = {2, 5, 3};
        row.cases.push_back(into(shape, range(axis, start, shape[axis], step),
                                 start + (shape[axis] - 1) * step + 1 + start));
      }
  return row;
}
Row cat_row() {
  Row row{"cat", {}, kNumbers};
  auto join = [](std::vector<Shape> shapes, int64_t axis) {
    std::vector<Arg> args;
    for (const Shape& s : shapes) args.push_back(numbers(s));
    return of("cat", args, {{"axis", axis}});
  };
  row.cases = {join({{2}, {3}}, 0),
               join({{2, 3}, {1, 3}}, 0),
               join({{2, 3}, {2, 1}, {2, 2}}, 1),
               join({{2, 2, 2}, {2, 1, 2}}, 1),
               join({{0, 3}, {2, 3}}, 0),
               join({{2, 0}, {2, 0}}, 1),
               join({{1}, {1}, {1}, {1}, {1}, {1}, {1}, {1}, {1}, {1}}, 0),
               join({{17}, {33}}, 0),
               join({{3, 17}, {3, 1}}, 1),
               join({{17, 3}, {1, 3}, {0, 3}}, 0),
               join({{5}}, 0),
               join({{2, 1, 3}, {2, 4, 3}, {2, 2, 3}}, 1),
               join({{2, 3, 1}, {2, 3, 16}}, 2),
               join({{1, 2, 2, 2}, {3, 2, 2, 2}}, 0),
               join({{2, 2, 1, 2, 2}, {2, 2, 3, 2, 2}}, 2),
               join({{2, 0}, {2, 3}}, 1)};
  return row;
}
Row flip_row() {
  Row row{"flip", {}, kNumbers};
  for (const auto& [shape, axes] : std::vector<std::pair<Shape, Ints>>{{{5}, {0}},
                                                                       {{3, 4}, {0}},
                                                                       {{3, 4}, {1}},
                                                                       {{2, 3, 2}, {0, 2}},
                                                                       {{0, 2}, {1}},
                                                                       {{1}, {0}},
                                                                       {{33}, {0}},
                                                                       {{2, 17}, {1}},
                                                                       {{17, 2}, {0}},
                                                                       {{3, 4}, {0, 1}},
                                                                       {{2, 3, 4}, {1}},
                                                                       {{2, 3, 4}, {0, 1, 2}},
                                                                       {{2, 3, 4}, {1, 2}},
                                                                       {{2, 2, 3, 1, 2}, {2, 4}},
                                                                       {{3, 4}, {}}})
    row.cases.push_back(of("flip", {numbers(shape)}, {{"axes", axes}}));
  return row;
}
Row reorder_row() {  // to a plain layout: blocked ones never reach user code; tests/cpu has them
  Row row{"reorder", {}, kNumbers};
  for (const Shape& shape :
       {Shape{}, {5}, {2, 3}, {0, 2}, {2, 3, 2}, {33}, {17, 9}, {2, 3, 1, 4}, {2, 2, 3, 2, 2}})
    row.cases.push_back(
        of("reorder", {numbers(shape)}, {{"kind", int64_t{0}}, {"block", int64_t{0}}}));
  return row;
}
Row full_row() {
  Row row{"full", {}, kExact};
  for (const Shape& shape : {Shape{}, {0}, {3}, {2, 3}})
    for (const DType dtype :
         {DType::f32, DType::f64, DType::bf16, DType::i64, DType::boolean, DType::u8})
      row.cases.push_back(of(
          "full", {}, {{"shape", shape}, {"value", 1.0}, {"dtype", static_cast<int64_t>(dtype)}}));
  return row;
}
Row arange_row() {
  Row row{"arange", {}, kExact};
  for (const DType dtype : {DType::i64, DType::i32, DType::f32})
    for (const int64_t count : {0, 1, 6})
      for (const int64_t step : {1, 3, -2})
        row.cases.push_back(of("arange", {},
                               {{"start", int64_t{-3}},
                                {"step", step},
                                {"count", count},
                                {"dtype", static_cast<int64_t>(dtype)}}));
  return row;
}
template <class F>
Row function(const char* name, std::vector<Shape> shapes, F f) {
  Row row{name, {}, kNumbers};
  for (const Shape& shape : shapes)
    row.cases.push_back(
        call(to_string(shape), {numbers(shape)}, [f](const Tensors& in) { return f(in[0]); }));
  return row;
}
Row pad_row() {
  Row row{"pad", {}};
  for (const PadMode mode :
       {PadMode::constant, PadMode::reflect, PadMode::replicate, PadMode::circular})
    for (const Ints& pads :
         {Ints{1, 2}, Ints{0, 1, 2, 1}, Ints{2, 0}, Ints{3, 3}, Ints{0, 0, 1, 2}, Ints{1, 0, 0, 2}})
      for (const Shape& shape : {Shape{2, 3, 4}, {1, 2, 3, 17}, {2, 1, 4, 5}})
        row.cases.push_back(call("mode " + std::to_string(static_cast<int>(mode)) + " " +
                                     to_string(pads) + " " + to_string(shape),
                                 {numbers(shape)},
                                 [=](const Tensors& in) { return pad(in[0], pads, mode, 0.5); }));
  row.cases.push_back(call("zeros", {numbers({3, 4})}, [](const Tensors& in) {
    return pad(in[0], {1, 1, 2, 0});
  }));
  row.cases.push_back(call("cropping", {numbers({3, 4})}, [](const Tensors& in) {
    return pad(in[0], {-1, 1});
  }));
  return row;
}

}  // namespace

std::vector<Row> view_rows() {
  const UnfoldOptions windows = {
      .kernel = {2, 3}, .stride = {1, 2}, .padding = {1}, .dilation = {2, 1}};
  return {
      function("unfold", {{1, 2, 4, 5}, {0, 1, 3, 3}}, [=](In x) { return unfold(x, windows); }),
      Row{"fold",
          {call("[1, 12, 12]", {numbers({1, 12, 12})},
                [=](const Tensors& in) {
                  return fold(in[0], {4, 5}, windows);
                })}},
      function("pixel_shuffle", {{1, 8, 2, 3}, {2, 4, 1, 1}, {2, 4, 3, 17}, {0, 4, 2, 2}},
               [](In x) { return pixel_shuffle(x, 2); }),
      function("pixel_unshuffle", {{1, 2, 4, 6}, {2, 1, 2, 2}, {2, 3, 6, 4}},
               [](In x) { return pixel_unshuffle(x, 2); }),
      reshape_row(),
      permute_row(),
      expand_row(),
      slice_row(),
      embed_row(),
      cat_row(),
      flip_row(),
      reorder_row(),
      full_row(),
      arange_row(),
      pad_row(),
      function("flatten", {{}, {2, 3}, {2, 3, 4}, {0, 3}, {17}, {2, 1, 3, 2, 2}},
               [](In x) { return flatten(x); }),
      function("transpose", {{2, 3}, {2, 3, 4}}, [](In x) { return transpose(x, 0, -1); }),
      function("transpose_inner", {{1, 33, 9}, {2, 3, 4}, {2, 3, 1, 4}, {0, 2, 3}},
               [](In x) { return transpose(x, -1, -2); }),
      function("transpose_then_slice", {{5, 9}, {3, 17}, {2, 33}},
               [](In x) { return slice(transpose(x, 0, 1), 0, 1, 4, 2); }),
      function("slice_then_reshape", {{6, 5}, {4, 17}},
               [](In x) { return reshape(slice(x, 0, 1, 2, 2), {-1}); }),
      function("expand_then_reshape", {{3, 1}, {17, 1}, {1, 1}},
               [](In x) {
                 return reshape(expand(x, {-1, 4}), {2, -1});
               }),
      function("flip_then_permute", {{2, 3, 4}, {5, 1, 17}},
               [](In x) {
                 return permute(flip(x, {0, 2}), {2, 0, 1});
               }),
      function("squeeze", {{1, 3}, {1, 2, 3}}, [](In x) { return squeeze(x, {0}); }),
      function("unsqueeze", {{}, {3}, {2, 3}}, [](In x) { return unsqueeze(x, -1); }),
      function("select", {{3}, {3, 2}, {4, 2, 2}, {17, 33}, {2, 0}, {1}},
               [](In x) { return select(x, 0, -1); }),
      function("stack", {{}, {3}, {2, 3}, {0}, {17, 2}},
               [](In x) {
                 return stack({x, x, x}, 0);
               }),
      function("stack_last", {{}, {3}, {2, 3}, {17, 2}},
               [](In x) {
                 return stack({x, x * x, x}, -1);
               }),
      function("chunk", {{5}, {4, 3}, {33}, {17, 2}}, [](In x) { return cat(chunk(x, 2, 0), 0); }),
      function("split", {{6}, {6, 17}},
               [](In x) {
                 const Tensors parts = split(x, {1, 3, 2}, 0);
                 return cat({parts[2], parts[0], parts[1]}, 0);
               }),
      function("roll", {{5}, {4, 3}, {0}, {1}, {33}, {17, 2, 3}},
               [](In x) { return roll(x, -2, 0); }),
      function("repeat", {{}, {3}, {2, 3}, {1, 17}, {0}},
               [](In x) {
                 return repeat(x, {2, 3});
               }),
      function("tril", {{3, 3}, {2, 4, 3}, {1, 5}, {5, 1}, {17, 33}, {0, 3}},
               [](In x) { return tril(x, 1); }),
      function("triu", {{3, 3}, {2, 4, 3}, {1, 5}, {5, 1}, {33, 17}, {0, 3}},
               [](In x) { return triu(x); }),
  };
}

}  // namespace cairn::cases
