#include "cairn/backend/cpu/winograd/winograd_bf16.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <cstring>
#include <random>
#include <vector>

#include "cairn/base/parallel.h"
#include "tests/guarded.h"

namespace cairn::cpu {
namespace {

using test::Guarded;

constexpr int64_t kBlock = 16;
int64_t blocks_of(int64_t channels) { return (channels + kBlock - 1) / kBlock; }

float rounded(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  bits = (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000;
  std::memcpy(&x, &bits, 4);
  return x;
}
uint16_t narrow(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  return static_cast<uint16_t>(bits >> 16);
}
float widen(uint16_t x) {
  const uint32_t bits = static_cast<uint32_t>(x) << 16;
  float y;
  std::memcpy(&y, &bits, 4);
  return y;
}

// A tensor [a][b][h][w] of numbers that bf16 holds.
struct Tensor4 {
  int64_t a, b, h, w;
  std::vector<float> data;
  Tensor4(int64_t a, int64_t b, int64_t h, int64_t w, unsigned seed = 0)
      : a(a), b(b), h(h), w(w), data(static_cast<size_t>(a * b * h * w)) {
    std::mt19937 engine(seed);
    std::normal_distribution<float> draw(0, 1);
    if (seed)
      for (float& x : data) x = rounded(draw(engine));
  }
  float& at(int64_t i, int64_t j, int64_t y, int64_t x) {
    return data[static_cast<size_t>(((i * b + j) * h + y) * w + x)];
  }
};

// [N][C/16][H][W][16], or a weight's [O/16][I/16][3][3][16][16]; a poisoned one where there is no
// tensor.
struct Blocked {
  bool weight, inputs_last;
  int64_t a, b, h, w;
  Guarded memory;
  Blocked(Tensor4& t, bool weight, bool inputs_last, bool fill)
      : weight(weight),
        inputs_last(inputs_last),
        a(t.a),
        b(t.b),
        h(t.h),
        w(t.w),
        memory(bytes(t, weight)) {
    if (!fill) return;
    std::memset(memory.get(), 0, bytes(t, weight));
    for (int64_t i = 0; i < a; ++i)
      for (int64_t j = 0; j < b; ++j)
        for (int64_t y = 0; y < h; ++y)
          for (int64_t x = 0; x < w; ++x) *at(i, j, y, x) = narrow(t.at(i, j, y, x));
  }
  static size_t bytes(const Tensor4& t, bool weight) {
    return static_cast<size_t>((weight ? blocks_of(t.a) * kBlock : t.a) * blocks_of(t.b) * kBlock *
                               t.h * t.w * 2);
  }
  uint16_t* at(int64_t i, int64_t j, int64_t y, int64_t x) {
    auto* data = static_cast<uint16_t*>(memory.get());
    if (!weight)
      return data + (((i * blocks_of(b) + j / kBlock) * h + y) * w + x) * kBlock + j % kBlock;
    const int64_t square =
        (((i / kBlock * blocks_of(b) + j / kBlock) * h + y) * w + x) * kBlock * kBlock;
    return data + square +
           (inputs_last ? i % kBlock * kBlock + j % kBlock : j % kBlock * kBlock + i % kBlock);
  }
};

// Calls multiply(n, o, c, y, x, ky, kx, in y, in x) for each product of the convolution.
template <class F>
void for_products(const WinogradBf16Shape& s, F multiply) {
  for (int64_t n = 0; n < s.batch; ++n)
    for (int64_t y = 0; y < s.out_height(); ++y)
      for (int64_t x = 0; x < s.out_width(); ++x)
        for (int64_t ky = 0; ky < 3; ++ky)
          for (int64_t kx = 0; kx < 3; ++kx) {
            const int64_t in_y = y + ky - s.pad_top, in_x = x + kx - s.pad_left;
            if (in_y < 0 || in_y >= s.height || in_x < 0 || in_x >= s.width) continue;
            for (int64_t o = 0; o < s.out_channels; ++o)
              for (int64_t c = 0; c < s.in_channels; ++c)
                multiply(n, o, c, y, x, ky, kx, in_y, in_x);
          }
}

struct Errors {
  double largest = 0, worst = 0, squares = 0, squared_errors = 0;
  void add(double want, double got) {
    squares += want * want, squared_errors += (want - got) * (want - got);
    largest = std::max(largest, std::abs(want));
    if (!(std::abs(want - got) <= worst)) worst = std::abs(want - got);  // a NaN too
  }
  double relative() const { return worst / largest; }
  double relative_rms() const { return std::sqrt(squared_errors / squares); }
};

Errors compare(Tensor4& want, Blocked& got) {
  Errors e;
  for (int64_t i = 0; i < want.a; ++i)
    for (int64_t j = 0; j < want.b; ++j)
      for (int64_t y = 0; y < want.h; ++y)
        for (int64_t x = 0; x < want.w; ++x) e.add(want.at(i, j, y, x), widen(*got.at(i, j, y, x)));
  // Padded lanes are zeros.
  for (int64_t i = 0; i < want.a && !got.weight; ++i)
    for (int64_t j = want.b; j < blocks_of(want.b) * kBlock; ++j)
      for (int64_t y = 0; y < want.h; ++y)
        for (int64_t x = 0; x < want.w; ++x) EXPECT_EQ(*got.at(i, j, y, x) & 0x7FFF, 0);
  return e;
}

std::string text(const WinogradBf16Shape& s) {
  return fmt::format("{}x{}x{}x{} to {}", s.batch, s.in_channels, s.height, s.width,
                     s.out_channels);
}

// The three directions against sums in double.
std::vector<Errors> errors_of(const WinogradBf16Shape& s, int threads) {
  Tensor4 x(s.batch, s.in_channels, s.height, s.width, 1),
      w(s.out_channels, s.in_channels, 3, 3, 2);
  Tensor4 dy(s.batch, s.out_channels, s.out_height(), s.out_width(), 3);
  Tensor4 y(dy.a, dy.b, dy.h, dy.w), dx(x.a, x.b, x.h, x.w), dw(w.a, w.b, 3, 3);
  for_products(s, [&](int64_t n, int64_t o, int64_t c, int64_t yy, int64_t xx, int64_t ky,
                      int64_t kx, int64_t iy, int64_t ix) {
    y.at(n, o, yy, xx) += x.at(n, c, iy, ix) * w.at(o, c, ky, kx);
    dx.at(n, c, iy, ix) += dy.at(n, o, yy, xx) * w.at(o, c, ky, kx);
    dw.at(o, c, ky, kx) += x.at(n, c, iy, ix) * dy.at(n, o, yy, xx);
  });
  Blocked bx(x, false, false, true), bdy(dy, false, false, true), by(y, false, false, false),
      bdx(dx, false, false, false);
  Blocked w_forward(w, true, false, true), w_backward(w, true, true, true),
      bdw(dw, true, false, false);
  const auto data = [](Blocked& b) { return static_cast<uint16_t*>(b.memory.get()); };
  const WinogradBf16 forward(s, false, threads), backward(s, true, threads);
  const WinogradBf16Weights weights(s, threads);
  Guarded a(forward.workspace_bytes()), b(backward.workspace_bytes()), c(weights.workspace_bytes());
  forward.run(data(bx), data(w_forward), data(by), a.get());
  backward.run(data(bdy), data(w_backward), data(bdx), b.get());
  weights.run(data(bx), data(bdy), data(bdw), c.get());
  return {compare(y, by), compare(dx, bdx), compare(dw, bdw)};
}

class winograd_bf16 : public testing::Test {
  void SetUp() override {
    if (!has_winograd_bf16()) GTEST_SKIP() << "this processor has no AVX-512 BF16";
  }
  void TearDown() override { set_num_threads(2); }
};

// Of layers as networks have them. The largest of few values is no measure: then the root mean
// squares are compared.
TEST_F(winograd_bf16, errors_stay_within_two_hundredths_of_the_largest_value) {
  double worst[3] = {};
  for (const WinogradBf16Shape& s : {WinogradBf16Shape{8, 64, 64, 16, 16, 1, 1, 1, 1},
                                     WinogradBf16Shape{16, 128, 96, 8, 8, 1, 1, 1, 1},
                                     WinogradBf16Shape{64, 64, 80, 4, 4, 1, 1, 1, 1}}) {
    const std::vector<Errors> errors = errors_of(s, 2);
    for (size_t d = 0; d < 3; ++d) {
      EXPECT_LE(errors[d].relative(), 2e-2) << "direction " << d << " of " << text(s);
      worst[d] = std::max(worst[d], errors[d].relative());
    }
  }
  std::printf("largest error over largest value: forward %.4f, input %.4f, weight %.4f\n", worst[0],
              worst[1], worst[2]);
}

// The error of an element is some 1.3 % of the values' root mean square, whatever the shape: that
// of 36 products of 8 bits. The largest error of few values comes nearer to their largest value
// (2.4 % of 6,912 weights that sum 12 products each, 2.0 % of 20,480 outputs) than that of many.
// winograd_bf16_gain says that direct convolution would be 1.7 times as slow for 40 images of
// 32 x 4 x 4, whose largest error is 2.0 %.
TEST_F(winograd_bf16, any_shape) {
  const WinogradBf16Shape shapes[] = {
      {2, 16, 16, 8, 8, 1, 1, 1, 1},  {3, 20, 40, 7, 9, 1, 1, 1, 1},
      {1, 48, 16, 6, 5, 0, 0, 0, 0},  {2, 16, 70, 5, 6, 2, 2, 2, 2},
      {40, 32, 32, 4, 4, 1, 1, 1, 1}, {5, 33, 17, 1, 3, 1, 1, 1, 1},
      {1, 16, 16, 3, 1, 2, 0, 1, 2},  {70, 16, 48, 12, 12, 1, 1, 1, 1},
      {3, 128, 160, 4, 4, 1, 1, 1, 1}};
  for (const int threads : {1, 2, 3})
    for (const WinogradBf16Shape& s : shapes) {
      set_num_threads(threads);
      const std::vector<Errors> errors = errors_of(s, threads);
      for (size_t d = 0; d < 3; ++d) {
        EXPECT_LE(errors[d].relative_rms(), 1.5e-2) << "direction " << d << " of " << text(s);
        EXPECT_LE(errors[d].relative(), 2.5e-2) << "direction " << d << " of " << text(s);
      }
    }
}

TEST_F(winograd_bf16, the_same_bits_on_any_number_of_threads) {
  for (const WinogradBf16Shape& s : {WinogradBf16Shape{48, 32, 48, 16, 16, 1, 1, 1, 1},
                                     WinogradBf16Shape{9, 48, 80, 8, 8, 1, 1, 1, 1}}) {
    Tensor4 x(s.batch, s.in_channels, s.height, s.width, 1),
        w(s.out_channels, s.in_channels, 3, 3, 2);
    Tensor4 dy(s.batch, s.out_channels, s.out_height(), s.out_width(), 3);
    Blocked bx(x, false, false, true), bdy(dy, false, false, true), bw(w, true, false, true);
    std::vector<uint16_t> y(Blocked::bytes(dy, false) / 2), dw(Blocked::bytes(w, true) / 2),
        first_y, first_dw;
    for (const int threads : {1, 2, 5}) {
      set_num_threads(threads);
      const WinogradBf16 forward(s, false, threads);
      const WinogradBf16Weights weights(s, threads);
      Guarded a(forward.workspace_bytes()), b(weights.workspace_bytes());
      forward.run(static_cast<uint16_t*>(bx.memory.get()), static_cast<uint16_t*>(bw.memory.get()),
                  y.data(), a.get());
      weights.run(static_cast<uint16_t*>(bx.memory.get()), static_cast<uint16_t*>(bdy.memory.get()),
                  dw.data(), b.get());
      if (threads == 1) first_y = y, first_dw = dw;
      EXPECT_TRUE(y == first_y && dw == first_dw) << threads << " threads";
    }
  }
}

}  // namespace
}  // namespace cairn::cpu
