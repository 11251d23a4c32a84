#include "tests/ops/cases.h"

namespace cairn::cases {
namespace {

Arg bytes(Shape shape) { return integers(shape, 0, 256, DType::u8); }

Row conv_row() {
  Row row{"qlinear_conv", {}, kExact};
  const Attrs attrs = {{"stride", Ints{1, 2}}, {"pads", Ints{1, 0, 1, 1}}, {"dilation", Ints{1, 1}},
                       {"groups", int64_t{2}}, {"relu", int64_t{1}},       {"floats", int64_t{0}},
                       {"x_scale", 0.02},      {"x_zero", int64_t{9}},     {"y_scale", 0.5},
                       {"y_zero", int64_t{31}}};
  const std::vector<Arg> args = {bytes({2, 5, 4, 6}), integers({4, 3, 2, 3}, -127, 128, DType::i8),
                                 fixed({4}, {0.5, 0.1, 0.2, 1}, DType::f32),
                                 fixed({4}, {1, -2, 0, 30}, DType::f32)};
  row.cases.push_back(of("qlinear_conv", args, attrs));
  Attrs floats = attrs;
  floats.set("floats", int64_t{1}), floats.set("y_scale", 1.0), floats.set("y_zero", int64_t{0});
  row.cases.push_back(of("qlinear_conv", args, floats));
  Attrs with = attrs;
  with.set("residual_scale", 0.3), with.set("residual_zero", int64_t{100});
  std::vector<Arg> more = args;
  more.push_back(bytes({2, 4, 3, 4}));
  row.cases.push_back(of("qlinear_conv", more, with));
  return row;
}

}  // namespace

std::vector<Row> qlinear_rows() {
  const Attrs to = {{"scale", 0.02}, {"zero", int64_t{130}}};
  Attrs between = {
      {"x_scale", 0.02}, {"x_zero", int64_t{130}}, {"y_scale", 0.03}, {"y_zero", int64_t{2}}};
  const Attrs sum = {{"relu", int64_t{0}},   {"a_scale", 0.02},      {"a_zero", int64_t{130}},
                     {"b_scale", 0.1},       {"b_zero", int64_t{3}}, {"y_scale", 0.11},
                     {"y_zero", int64_t{20}}};
  const Attrs window = {{"kernel", Ints{3, 2}}, {"stride", Ints{2, 1}}, {"pads", Ints{1, 1}}};
  Attrs mean = window;
  mean.set("count_padding", int64_t{0});
  for (const auto& entry : between.entries()) mean.set(entry.name, entry.value);
  return {
      {"quantize_linear",
       {of("quantize_linear",
           {fixed({2, 3, 2}, {1, -1, 0, 2.5, -2.6, 9, -9, 0.01, 0.03, 1, 2, 3}, DType::f32)}, to)},
       kExact},
      {"dequantize_linear",
       {of("dequantize_linear", {bytes({2, 3, 4})}, to),
        of("dequantize_linear", {bytes({1, 1})}, to)},
       kExact},
      {"requantize_linear", {of("requantize_linear", {bytes({5, 3})}, between)}, kExact},
      {"qlinear_add", {of("qlinear_add", {bytes({3, 17}), bytes({3, 17})}, sum)}, kExact},
      {"qlinear_max_pool", {of("qlinear_max_pool", {bytes({2, 5, 4, 3})}, window)}, kExact},
      {"qlinear_average_pool", {of("qlinear_average_pool", {bytes({2, 5, 4, 3})}, mean)}, kExact},
      conv_row()};
}

}  // namespace cairn::cases
