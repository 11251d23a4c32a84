#include <algorithm>

#include "tests/ops/cases.h"

namespace cairn::cases {
namespace {

Row matmul_row() {
  Row row{"matmul", {}, {DType::f32, DType::f64, DType::bf16, DType::i32}};
  for (const auto& [a, b] : std::vector<std::pair<Shape, Shape>>{{{1, 1}, {1, 1}},
                                                                 {{2, 3}, {3, 4}},
                                                                 {{5, 7}, {7, 3}},
                                                                 {{3, 1}, {1, 4}},
                                                                 {{1, 9}, {9, 1}},
                                                                 {{0, 3}, {3, 2}},
                                                                 {{2, 0}, {0, 3}},
                                                                 {{2, 3}, {3, 0}},
                                                                 {{2, 3, 4}, {2, 4, 5}},
                                                                 {{1, 3, 4}, {5, 4, 2}},
                                                                 {{3, 2, 2}, {1, 2, 3}},
                                                                 {{2, 1, 3, 2}, {1, 3, 2, 2}},
                                                                 {{17, 5}, {5, 33}},
                                                                 {{0, 2, 3}, {0, 3, 2}},
                                                                 {{1, 1}, {1, 33}},
                                                                 {{1, 17}, {17, 33}},
                                                                 {{6, 8}, {8, 16}},
                                                                 {{7, 9}, {9, 17}},
                                                                 {{13, 1}, {1, 15}},
                                                                 {{33, 2}, {2, 1}},
                                                                 {{8, 130}, {130, 3}},
                                                                 {{2, 7, 1}, {2, 1, 9}},
                                                                 {{3, 1, 5}, {3, 5, 1}},
                                                                 {{1, 2, 3}, {4, 3, 2}},
                                                                 {{2, 2, 3, 4}, {2, 2, 4, 3}},
                                                                 {{2, 1, 2, 3}, {1, 1, 3, 2}},
                                                                 {{2, 0, 3}, {2, 3, 2}},
                                                                 {{2, 1, 2, 1, 3}, {1, 2, 1, 3, 2}},
                                                                 {{9, 17}, {17, 9}}})
    row.cases.push_back(of("matmul", {numbers(a), numbers(b)}));
  return row;
}
// Made by a pass after differentiation; 256 x 256 x 256 is the smallest with a kernel.
Row matmul_add_row() {
  Row row{"matmul_add", {}};
  row.tolerance = 1e-4;
  for (const auto& [m, n, k] : std::vector<std::tuple<int64_t, int64_t, int64_t>>{
           {1, 1, 1}, {5, 3, 7}, {0, 3, 2}, {2, 3, 0}, {256, 257, 256}}) {
    const Arg a = numbers({m, k}), b = numbers({k, n}), matrix = numbers({m, n}),
              bias = numbers({n});
    row.cases.push_back(of("matmul_add", {a, b, bias}));
    row.cases.push_back(of("matmul_add", {a, b, matrix}));
    row.cases.push_back(of("matmul_add", {a, b, matrix, bias}));
  }
  return row;
}
Row linear_row() {
  Row row{"linear", {}};
  for (const Shape& x : {Shape{3},
                         {2, 3},
                         {2, 4, 3},
                         {0, 3},
                         {1, 1},
                         {1, 17},
                         {9, 33},
                         {2, 0},
                         {2, 1, 2, 3},
                         {17, 8}})
    for (const int64_t outputs : {5, 16, 33}) {
      const std::vector<Arg> args = {numbers(x), numbers({outputs, x.back()}), numbers({outputs})};
      const std::string title = to_string(x) + " to " + std::to_string(outputs);
      row.cases.push_back(
          call(title, args, [](const Tensors& in) { return linear(in[0], in[1], in[2]); }));
      row.cases.push_back(call(title + ", no bias", {args[0], args[1]},
                               [](const Tensors& in) { return linear(in[0], in[1]); }));
    }
  return row;
}
Row linear_int8_row() {
  Row row{"linear_int8", {}, {DType::f32, DType::f64, DType::bf16}};
  row.tolerance = 1e-4;
  for (const auto& [rows, outputs, depth] :
       std::vector<std::tuple<int64_t, int64_t, int64_t>>{{1, 1, 1},
                                                          {1, 7, 9},
                                                          {3, 5, 4},
                                                          {17, 6, 5},
                                                          {0, 3, 2},
                                                          {2, 3, 0},
                                                          {1, 64, 32},
                                                          {1, 65, 33},
                                                          {2, 130, 17},
                                                          {8, 16, 64},
                                                          {9, 33, 31},
                                                          {4, 3, 130},
                                                          {1, 3, 257}})
    row.cases.push_back(
        of("linear_int8", {numbers({rows, depth}), integers({outputs, depth}, -127, 128, DType::i8),
                           positive({outputs})}));
  return row;
}
Row matmul_function_row() {
  Row row{"matmul_of_ranks", {}};
  for (const auto& [a, b] : std::vector<std::pair<Shape, Shape>>{{{3}, {3}},
                                                                 {{3}, {3, 2}},
                                                                 {{2, 3}, {3}},
                                                                 {{4, 2, 3}, {3, 5}},
                                                                 {{4, 2, 3}, {3}},
                                                                 {{3}, {2, 3, 2}},
                                                                 {{2, 3}, {4, 3, 2}},
                                                                 {{17}, {17}},
                                                                 {{1}, {1, 33}},
                                                                 {{33, 2}, {2}},
                                                                 {{2, 4, 2, 3}, {3}},
                                                                 {{5, 2, 3}, {1, 3, 2}},
                                                                 {{2, 1, 2, 3}, {4, 3, 2}},
                                                                 {{0, 3}, {3}},
                                                                 {{3}, {0, 3, 2}}})
    row.cases.push_back(call(to_string(a) + " " + to_string(b), {numbers(a), numbers(b)},
                             [](const Tensors& in) { return matmul(in[0], in[1]); }));
  return row;
}
Row einsum_row() {
  struct Item {
    const char* equation;
    std::vector<Shape> shapes;
  };
  Row row{"einsum", {}};
  for (const Item& item : std::vector<Item>{{"ij,jk->ik", {{2, 3}, {3, 4}}},
                                            {"bij,bjk->bik", {{2, 2, 3}, {2, 3, 2}}},
                                            {"ij->ji", {{2, 3}}},
                                            {"ij->", {{2, 3}}},
                                            {"ii->i", {{3, 3}}},
                                            {"bhqd,bhkd->bhqk", {{1, 2, 3, 2}, {1, 2, 2, 2}}},
                                            {"i,j->ij", {{2}, {3}}},
                                            {"ij,jk,kl->il", {{2, 2}, {2, 3}, {3, 2}}},
                                            {"ij,ij->j", {{2, 3}, {2, 3}}},
                                            {"ii", {{2, 2}}},
                                            {"i,i->", {{5}, {5}}},
                                            {"ij,j->i", {{3, 17}, {17}}},
                                            {"ijk->kij", {{2, 3, 4}}},
                                            {"ijk->j", {{2, 3, 4}}},
                                            {"bij,jk->bik", {{2, 3, 4}, {4, 5}}},
                                            {"bi,bj->bij", {{2, 3}, {2, 4}}},
                                            {"abc,bd->acd", {{2, 3, 2}, {3, 4}}},
                                            {"ij,kj->ik", {{3, 5}, {4, 5}}},
                                            {"ij,ij->ij", {{2, 3}, {2, 3}}},
                                            {"ij,ik,il->jkl", {{2, 2}, {2, 3}, {2, 2}}},
                                            {"iij->j", {{2, 2, 3}}},
                                            {"ij,jk->ki", {{9, 8}, {8, 7}}}}) {
    std::vector<Arg> args;
    for (const Shape& s : item.shapes) args.push_back(numbers(s));
    row.cases.push_back(
        call(item.equation, args,
             [e = std::string(item.equation)](const Tensors& in) { return einsum(e, in); }));
  }
  return row;
}

// Geometries of convolution: input, weight, stride, pads, dilation, groups.
struct Geometry {
  Shape x, w;
  Ints stride, pads, dilation;
  int64_t groups = 1;
  Attrs attrs() const {
    return {{"stride", stride}, {"pads", pads}, {"dilation", dilation}, {"groups", groups}};
  }
  Shape y() const {
    Shape out = {x[0], w[0]};
    for (size_t d = 0; d < stride.size(); ++d)
      out.push_back((x[d + 2] + pads[2 * d] + pads[2 * d + 1] - dilation[d] * (w[d + 2] - 1) - 1) /
                        stride[d] +
                    1);
    return out;
  }
};
const std::vector<Geometry> kGeometries = {
    {{1, 1, 5}, {1, 1, 3}, {1}, {0, 0}, {1}},
    {{2, 3, 7}, {4, 3, 3}, {2}, {1, 1}, {1}},
    {{2, 4, 6}, {2, 2, 2}, {1}, {2, 0}, {2}, 2},
    {{1, 1, 4, 4}, {1, 1, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}},
    {{2, 3, 5, 4}, {2, 3, 3, 2}, {2, 1}, {1, 0, 0, 1}, {1, 1}},
    {{1, 4, 5, 5}, {4, 1, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 4},
    {{1, 2, 6, 7}, {3, 2, 2, 3}, {1, 2}, {0, 0, 2, 2}, {2, 2}},
    {{1, 3, 8, 8}, {5, 3, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}},
    {{2, 2, 3, 3}, {3, 2, 1, 1}, {1, 1}, {0, 0, 0, 0}, {1, 1}},
    {{2, 3, 4, 4}, {2, 3, 4, 4}, {2, 2}, {1, 1, 1, 1}, {1, 1}},
    {{1, 2, 3, 4, 3}, {2, 2, 2, 2, 2}, {1, 1, 1}, {0, 0, 0, 0, 0, 0}, {1, 1, 1}},
    {{1, 2, 4, 3, 5}, {3, 2, 3, 3, 3}, {1, 2, 1}, {1, 1, 1, 1, 1, 1}, {1, 1, 1}},
    {{0, 2, 4, 4}, {3, 2, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}},
    {{1, 17, 5, 5}, {9, 17, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}},
};
// Kernels, strides, padding, dilation and groups crossed, with channel counts around a block of 8
// or 16.
std::vector<Geometry> crossed_geometries() {
  std::vector<Geometry> list;
  const std::vector<std::tuple<int64_t, int64_t, int64_t>> channels = {
      {3, 4, 1}, {8, 16, 1}, {4, 6, 2}, {9, 9, 9}, {1, 17, 1}};
  size_t turn = 0;
  for (const int64_t kernel : {1, 2, 3, 5})
    for (const int64_t stride : {1, 2, 3})
      for (const int64_t dilation : {1, 2}) {
        if (dilation > 1 && (kernel == 1 || kernel == 5)) continue;
        for (int64_t padding = 0; padding <= std::min<int64_t>(kernel - 1, 2); ++padding) {
          const auto& [in, out, groups] = channels[turn++ % channels.size()];
          const int64_t size = dilation * (kernel - 1) + 1 + static_cast<int64_t>(turn % 3);
          list.push_back({{1 + static_cast<int64_t>(turn % 2), in, size, size + 1},
                          {out, in / groups, kernel, kernel},
                          {stride, stride},
                          {padding, padding, padding, padding},
                          {dilation, dilation},
                          groups});
        }
      }
  // One dimension, uneven padding; kernels that are longer one way.
  for (const auto& [in, out, groups] : channels)
    for (const int64_t stride : {1, 2}) {
      list.push_back({{2, in, 9}, {out, in / groups, 3}, {stride}, {2, 0}, {1}, groups});
      list.push_back(
          {{1, in, 4, 6}, {out, in / groups, 1, 3}, {1, stride}, {0, 1, 0, 1}, {1, 1}, groups});
      list.push_back(
          {{1, in, 6, 4}, {out, in / groups, 3, 1}, {stride, 1}, {1, 0, 1, 0}, {1, 1}, groups});
    }
  list.push_back({{1, 2, 3, 3, 3}, {4, 1, 2, 2, 2}, {2, 1, 2}, {1, 0, 1, 0, 1, 0}, {1, 1, 1}, 2});
  list.push_back({{1, 2, 3, 4, 3}, {2, 2, 1, 2, 1}, {1, 2, 1}, {0, 0, 0, 0, 0, 0}, {1, 2, 1}});
  return list;
}
std::vector<Geometry> all_geometries() {
  std::vector<Geometry> list = kGeometries, more = crossed_geometries();
  list.insert(list.end(), more.begin(), more.end());
  return list;
}

Row conv_row(const char* name, int which) {
  Row row{name, {}};
  row.tolerance = 1e-4;
  for (const Geometry& g : all_geometries()) {
    Attrs attrs = g.attrs();
    if (which == 0) row.cases.push_back(of(name, {numbers(g.x), numbers(g.w)}, attrs));
    if (which == 1) {
      attrs.set("spatial", Ints(g.x.begin() + 2, g.x.end()));
      row.cases.push_back(of(name, {numbers(g.y()), numbers(g.w)}, attrs));
    }
    if (which == 2) {
      attrs.set("kernel", Ints(g.w.begin() + 2, g.w.end()));
      row.cases.push_back(of(name, {numbers(g.x), numbers(g.y())}, attrs));
    }
  }
  return row;
}
Row conv_fused_row() {
  Row row{"conv_fused", {}};
  row.tolerance = 1e-4;
  for (const Geometry& g : all_geometries())
    for (int64_t relu : {0, 1}) {
      Attrs attrs = g.attrs();
      attrs.set("relu", relu);
      std::vector<Arg> args = {numbers(g.x), numbers(g.w), numbers({g.w[0]})};
      if (relu) args.push_back(numbers(g.y()));
      row.cases.push_back(of("conv_fused", args, attrs));
    }
  const Geometry few_pixels{{2, 85, 3, 4}, {88, 85, 3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}};
  for (int64_t relu : {0, 1}) {
    Attrs attrs = few_pixels.attrs();
    attrs.set("relu", relu);
    row.cases.push_back(
        of("conv_fused", {numbers(few_pixels.x), numbers(few_pixels.w), numbers({88})}, attrs));
  }
  return row;
}
Row conv_transpose_row() {
  Row row{"conv_transpose", {}};
  row.tolerance = 1e-4;
  row.cases = {
      call("4x4 stride 2", {numbers({2, 3, 3, 3}), numbers({3, 2, 4, 4}), numbers({2})},
           [](const Tensors& in) {
             return conv_transpose(in[0], in[1], in[2], {.stride = {2}, .padding = {1}});
           }),
      call("output padding, groups", {numbers({1, 4, 3}), numbers({4, 2, 3}), numbers({4})},
           [](const Tensors& in) {
             return conv_transpose(
                 in[0], in[1], in[2],
                 {.stride = {2}, .padding = {1}, .output_padding = {1}, .groups = 2});
           }),
      call("3d", {numbers({1, 2, 2, 2, 2}), numbers({2, 1, 2, 2, 2})},
           [](const Tensors& in) { return conv_transpose(in[0], in[1]); }),
  };
  const std::vector<std::tuple<Shape, Shape, ConvTransposeOptions>> more = {
      {{1, 1, 1}, {1, 1, 1}, {}},
      {{2, 3, 5}, {3, 4, 3}, {.stride = {3}, .padding = {1}, .output_padding = {2}}},
      {{1, 8, 3, 3}, {8, 16, 4, 4}, {.stride = {2}, .padding = {1}}},
      {{1, 9, 2, 3}, {9, 17, 3, 3}, {.padding = {1}}},
      {{1, 4, 3, 2},
       {4, 1, 3, 3},
       {.stride = {2}, .padding = {1}, .output_padding = {1}, .groups = 4}},
      {{1, 4, 3, 2}, {4, 3, 2, 3}, {.stride = {1, 2}, .padding = {0, 1}, .groups = 2}},
      {{2, 2, 3, 3}, {2, 3, 3, 3}, {.dilation = {2}}},
      {{2, 2, 3, 3}, {2, 3, 2, 2}, {.stride = {2}, .padding = {1}, .dilation = {2}}},
      {{2, 3, 4, 4}, {3, 2, 1, 1}, {.stride = {2}}},
      {{1, 3, 4, 4}, {3, 2, 5, 5}, {.padding = {2}}},
      {{0, 3, 4, 4}, {3, 2, 2, 2}, {.stride = {2}}},
      {{1, 2, 2, 3, 2}, {2, 2, 2, 1, 3}, {.stride = {2, 1, 1}, .padding = {0, 0, 1}}},
  };
  for (const auto& [x, w, options] : more) {
    const std::string title = to_string(x) + to_string(w);
    row.cases.push_back(call(title, {numbers(x), numbers(w)}, [o = options](const Tensors& in) {
      return conv_transpose(in[0], in[1], {}, o);
    }));
    row.cases.push_back(
        call(title + ", bias", {numbers(x), numbers(w), numbers({w[1] * options.groups})},
             [o = options](const Tensors& in) { return conv_transpose(in[0], in[1], in[2], o); }));
  }
  return row;
}
Row conv_bias_row() {
  Row row{"conv_with_bias", {}};
  row.tolerance = 1e-4;
  row.cases = {
      call("2d", {numbers({2, 3, 4, 4}), numbers({2, 3, 3, 3}), numbers({2})},
           [](const Tensors& in) { return conv2d(in[0], in[1], in[2], {.padding = {1}}); }),
      call("1d", {numbers({2, 3, 5}), numbers({2, 3, 3}), numbers({2})},
           [](const Tensors& in) { return conv1d(in[0], in[1], in[2]); })};
  size_t turn = 0;
  for (const Geometry& g : crossed_geometries()) {
    if (turn++ % 3) continue;
    const ConvOptions options = {
        .stride = g.stride, .padding = g.pads, .dilation = g.dilation, .groups = g.groups};
    // As a network has it: bias, then an activation that the product may take along.
    row.cases.push_back(
        call(to_string(g.x) + to_string(g.w) + to_string(g.attrs()),
             {numbers(g.x), numbers(g.w), numbers({g.w[0]})},
             [options](const Tensors& in) { return relu(conv(in[0], in[1], in[2], options)); }));
  }
  return row;
}

}  // namespace

std::vector<Row> product_rows() {
  return {matmul_row(),
          matmul_add_row(),
          linear_row(),
          linear_int8_row(),
          matmul_function_row(),
          einsum_row(),
          conv_row("conv", 0),
          conv_row("conv_grad_input", 1),
          conv_row("conv_grad_weight", 2),
          conv_fused_row(),
          conv_transpose_row(),
          conv_bias_row()};
}

}  // namespace cairn::cases
