// 8-bit inference against the reference loops, bit for bit, on each instruction set that this
// processor has.
#include "cairn/ops/qlinear.h"

#include "tests/targets.h"  // before Highway

#include "cairn/backend/cpu/x86_extensions.h"
#include "cairn/compile/compile.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "compare.h"

namespace cairn::test {
namespace {

// Calls body() with the kernels of this processor, without AMX, without VNNI, with AVX2 alone, and
// with plain loops.
void on_each_instruction_set(const std::function<void()>& body) {
  const cpu::X86Extensions found = cpu::x86_extensions();
  body();
  cpu::x86_extensions().amx = false;
  body();
  cpu::x86_extensions().vnni = false;
  body();
  for_each_target(body, {HWY_AVX2, HWY_STATIC_TARGET});
  cpu::x86_extensions() = found;
}

constexpr int kNothing = -1;  // no residual

struct Conv {
  Shape x;  // [N, H, W, C]
  int64_t outputs;
  Ints kernel, stride, pads, dilation;
  int64_t groups;
};
// Ragged channels and panels, stems, strides, padding of all sides, groups, one channel each, deep
// sums, dilation.
const Conv kConvs[] = {
    {{1, 1, 1, 1}, 1, {1, 1}, {1, 1}, {0, 0, 0, 0}, {1, 1}, 1},
    {{1, 5, 7, 64}, 64, {1, 1}, {1, 1}, {0, 0, 0, 0}, {1, 1}, 1},
    {{1, 7, 6, 70}, 33, {1, 1}, {2, 2}, {0, 0, 0, 0}, {1, 1}, 1},
    {{1, 13, 15, 3}, 17, {7, 7}, {2, 2}, {3, 3, 3, 3}, {1, 1}, 1},
    {{2, 5, 4, 16}, 48, {3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 1},
    {{1, 6, 4, 128}, 19, {3, 3}, {2, 1}, {0, 1, 2, 0}, {1, 1}, 1},
    {{3, 1, 1, 515}, 40, {1, 1}, {1, 1}, {0, 0, 0, 0}, {1, 1}, 1},
    {{1, 7, 7, 24}, 36, {3, 2}, {1, 2}, {2, 2, 1, 1}, {2, 3}, 1},
    {{2, 6, 6, 12}, 18, {3, 3}, {1, 1}, {1, 1, 1, 1}, {1, 1}, 3},
    {{1, 9, 9, 10}, 10, {3, 3}, {2, 2}, {1, 1, 1, 1}, {1, 1}, 10},
    {{1, 2, 2, 4}, 5, {3, 3}, {1, 1}, {2, 2, 2, 2}, {1, 1}, 1},
};

cairn::test::Case conv_case(const Conv& v, int64_t x_zero, bool relu, bool floats,
                            int residual_zero) {
  Attrs attrs = {{"stride", v.stride},
                 {"pads", v.pads},
                 {"dilation", v.dilation},
                 {"groups", v.groups},
                 {"relu", int64_t{relu}},
                 {"floats", int64_t{floats}},
                 {"x_scale", 0.021},
                 {"x_zero", x_zero},
                 {"y_scale", floats ? 1.0 : 0.37},
                 {"y_zero", int64_t{floats ? 0 : 101}}};
  const Shape weight = {v.outputs, v.kernel[0], v.kernel[1], v.x[3] / v.groups};
  cairn::test::Case c{
      "qlinear_conv",
      attrs,
      {of(DType::u8, v.x), of(DType::i8, weight), f32({v.outputs}), f32({v.outputs})},
      0,
      [](int input, std::mt19937& r) -> double {
        // The ends often: they are what saturating instructions get wrong.
        if (input == 0 || input == 4) return r() % 3 ? 255 : static_cast<double>(r() % 256);
        if (input == 1)
          return r() % 3 ? (r() % 4 ? 127 : -127) : static_cast<double>(r() % 255) - 127;
        return input == 2 ? 0.001 * static_cast<double>(1 + r() % 9)
                          : static_cast<double>(r() % 100) - 50;
      }};
  if (residual_zero != kNothing) {
    Shape y = {v.x[0]};
    for (int d = 0; d < 2; ++d)
      y.push_back(
          (v.x[d + 1] + v.pads[2 * d] + v.pads[2 * d + 1] - v.dilation[d] * (v.kernel[d] - 1) - 1) /
              v.stride[d] +
          1);
    y.push_back(v.outputs);
    c.inputs.push_back(of(DType::u8, y));
    c.attrs.set("residual_scale", 0.11), c.attrs.set("residual_zero", int64_t{residual_zero});
  }
  return c;
}

TEST(QLinear, Convolution) {
  on_each_instruction_set([] {
    int i = 0;
    for (const Conv& v : kConvs) {  // two of the four kinds each
      if (++i % 2) {
        compare(conv_case(v, 0, true, false, kNothing));
        compare(conv_case(v, 3, false, true, 128));
      } else {
        compare(conv_case(v, 131, false, false, 7));
        compare(conv_case(v, 255, true, true, kNothing));
      }
    }
  });
}

TEST(QLinear, NothingToConvolve) {
  compare(conv_case({{0, 4, 4, 8}, 8, {1, 1}, {1, 1}, {0, 0, 0, 0}, {1, 1}, 1}, 3, true, false,
                    kNothing));
}

TEST(QLinear, FromAndToFloats) {
  const Shape shapes[] = {{2, 3, 9, 17}, {1, 1, 5, 30}, {3, 70},     {2, 67, 3, 23},
                          {1, 3, 8, 8},  {2, 5, 100},   {0, 3, 2, 2}};
  const Fill wide = [](int, std::mt19937& r) {
    const double special[] = {0.5, -0.5, 1.5, 0.49999997, 1e30, -INFINITY, INFINITY, 12.25};
    return r() % 4 ? std::uniform_real_distribution<double>(-90, 90)(r) : special[r() % 8];
  };
  const Fill bytes = [](int, std::mt19937& r) { return static_cast<double>(r() % 256); };
  on_each_instruction_set([&] {
    for (const Shape& shape : shapes) {
      compare({"quantize_linear", {{"scale", 0.5}, {"zero", int64_t{128}}}, {f32(shape)}, 0, wide});
      compare({"quantize_linear", {{"scale", 1.0}, {"zero", int64_t{0}}}, {f32(shape)}, 0, wide});
      compare({"dequantize_linear",
               {{"scale", 0.013}, {"zero", int64_t{77}}},
               {of(DType::u8, shape)},
               0,
               bytes});
      compare({"requantize_linear",
               {{"x_scale", 0.013},
                {"x_zero", int64_t{77}},
                {"y_scale", 0.02},
                {"y_zero", int64_t{200}}},
               {of(DType::u8, shape)},
               0,
               bytes});
      for (const int64_t relu : {0, 1})
        compare({"qlinear_add",
                 {{"relu", relu},
                  {"a_scale", 0.013},
                  {"a_zero", int64_t{77}},
                  {"b_scale", 0.3},
                  {"b_zero", int64_t{9}},
                  {"y_scale", 0.25},
                  {"y_zero", int64_t{20}}},
                 {of(DType::u8, shape), of(DType::u8, shape)},
                 0,
                 bytes});
    }
  });
}

TEST(QLinear, Pooling) {
  const Fill bytes = [](int, std::mt19937& r) { return static_cast<double>(r() % 256); };
  struct Pool {
    Shape x;
    Ints kernel, stride, pads;
  };
  on_each_instruction_set([&] {
    for (const Pool& p :
         {Pool{{2, 8, 9, 13}, {2, 2}, {2, 2}, {0, 0}}, Pool{{1, 7, 9, 64}, {3, 3}, {2, 2}, {1, 1}},
          Pool{{2, 7, 5, 37}, {7, 5}, {7, 5}, {0, 0}}, Pool{{1, 1, 1, 1}, {1, 1}, {1, 1}, {0, 0}},
          Pool{{1, 5, 4, 130}, {2, 3}, {1, 2}, {1, 0}}}) {
      Attrs attrs = {{"kernel", p.kernel}, {"stride", p.stride}, {"pads", p.pads}};
      compare({"qlinear_max_pool", attrs, {of(DType::u8, p.x)}, 0, bytes});
      attrs.set("x_scale", 0.04), attrs.set("x_zero", int64_t{31}), attrs.set("y_scale", 0.03),
          attrs.set("y_zero", int64_t{40});
      for (const int64_t count : {0, 1}) {
        attrs.set("count_padding", count);
        compare({"qlinear_average_pool", attrs, {of(DType::u8, p.x)}, 0, bytes});
      }
    }
  });
}

Tensor bytes_of(const Shape& shape, DType dtype, int low, int count) {
  std::mt19937 random(3);
  std::vector<uint8_t> values(numel(shape));
  for (uint8_t& v : values) v = static_cast<uint8_t>(low + static_cast<int>(random() % count));
  return from_host(values.data(), shape, dtype);
}

// In a compiled step the weight is packed once, for the kernel; the result is that of the eager
// call.
TEST(QLinear, WeightsArePackedOnce) {
  const NoGrad no_grad;
  on_each_instruction_set([] {
    const Tensor x = bytes_of({2, 9, 7, 24}, DType::u8, 0, 256), scale = full({44}, 0.003),
                 bias = full({44}, 1.5);
    const Tensor w = state(bytes_of({44, 3, 3, 12}, DType::i8, -127, 255));
    const QConvOptions options{
        .conv = {.padding = {1}, .groups = 2}, .x = {0.02, 5}, .y = {0.3, 90}};
    auto body = [&](Tensor in) { return qlinear_conv(in, w, scale, bias, {}, options); };
    auto step = compile(body);
    const auto want = body(x).to_vector<uint8_t>();
    EXPECT_EQ(step(x).to_vector<uint8_t>(), want);
    EXPECT_EQ(step(x).to_vector<uint8_t>(), want);
    EXPECT_EQ(step.last()->stats().reorders, 1u);
  });
}

TEST(QLinear, SaysWhatIsWrong) {
  const NoGrad no_grad;
  const Tensor x = bytes_of({1, 4, 4, 8}, DType::u8, 0, 256),
               w = bytes_of({4, 1, 1, 8}, DType::i8, -127, 255);
  auto message = [](auto call) -> std::string {
    try {
      call();
    } catch (const Error& e) { return e.what(); }
    return "";
  };
  EXPECT_NE(message([&] {
              quantize_linear(full({1, 2}, NAN), {0.1, 0});
            }).find("quantize_linear"),
            std::string::npos);
  EXPECT_NE(message([&] {
              quantize_linear(ones({1, 2}), {0, 0});
            }).find("scale 0 must be positive"),
            std::string::npos);
  EXPECT_NE(message([&] {
              quantize_linear(ones({1, 2}), {1, 256});
            }).find("zero 256"),
            std::string::npos);
  EXPECT_NE(message([&] { qlinear_conv(x, w, ones({4}), ones({3}), {}, {}); }).find("must be [4]"),
            std::string::npos);
  EXPECT_NE(
      message([&] {
        qlinear_conv(x, bytes_of({4, 1, 1, 7}, DType::i8, 0, 9), ones({4}), ones({4}), {}, {});
      }).find("groups"),
      std::string::npos);
  const Tensor deep = bytes_of({1, 1, 1, kQConvMostTerms + 1}, DType::u8, 0, 9);
  EXPECT_NE(message([&] {
              qlinear_conv(deep, bytes_of({1, 1, 1, kQConvMostTerms + 1}, DType::i8, 0, 9),
                           ones({1}), ones({1}), {}, {});
            }).find("32 bits"),
            std::string::npos);
}

}  // namespace
}  // namespace cairn::test
