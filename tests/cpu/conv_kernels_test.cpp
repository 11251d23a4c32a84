// The kernels of conv/ by themselves, over generated geometries and on every instruction set that
// this processor has, against a sum in double.
#include "tests/targets.h"  // before Highway

#include <cmath>
#include <cstring>

#include "../guarded.h"
#include "cairn/backend/cpu/conv/few_channels_forward.h"
#include "cairn/backend/cpu/conv/few_results.h"
#include "cairn/backend/cpu/conv/gathered_bf16.h"
#include "cairn/backend/cpu/conv/implicit_gemm.h"
#include "cairn/backend/cpu/conv/lines_bf16.h"
#include "cairn/backend/cpu/conv/lines_bf16_weights.h"
#include "cairn/backend/cpu/x86_extensions.h"
#include "cairn/base/caches.h"
#include "cairn/base/parallel.h"

namespace cairn::cpu {
namespace {

using test::Floats;
using test::Guarded;
using Random = std::mt19937;

int64_t draw(Random& random, int64_t low, int64_t high) {
  return std::uniform_int_distribution<int64_t>(low, high)(random);
}

struct Case {
  ConvGeometry g;
  bool bias = false, residual = false, relu = false;
};

void set_out(ConvGeometry& g, const ConvGeometry::Sizes& pad_end) {
  for (int d = 0; d < 3; ++d)
    g.out[d] =
        (g.in[d] + g.pad[d] + pad_end[d] - (g.kernel[d] - 1) * g.dilation[d] - 1) / g.stride[d] + 1;
}

// One to three dimensions; sizes of which some need tails, channels that fill no block.
Case generated(Random& random, int64_t most_channels, int64_t most_kernel, int64_t most_step) {
  Case c;
  ConvGeometry& g = c.g;
  g.batch = draw(random, 1, 3);
  g.in_channels = draw(random, 1, most_channels), g.out_channels = draw(random, 1, 70);
  ConvGeometry::Sizes pad_end{0, 0, 0};
  for (int d = static_cast<int>(draw(random, 0, 2)); d < 3; ++d) {
    g.kernel[d] = draw(random, 1, most_kernel), g.dilation[d] = draw(random, 1, 2);
    g.stride[d] = draw(random, 1, most_step);
    const int64_t span = (g.kernel[d] - 1) * g.dilation[d];
    g.pad[d] = draw(random, 0, span), pad_end[d] = draw(random, 0, span);
    g.in[d] = draw(random, std::max<int64_t>(1, span + 1 - g.pad[d]), 17);
  }
  set_out(g, pad_end);
  c.bias = draw(random, 0, 1), c.residual = draw(random, 0, 1), c.relu = draw(random, 0, 1);
  return c;
}

// Logical values of all operands.
struct Values {
  std::vector<float> x, w, bias, residual;
  Values(const Case& c, Random& random) {
    const ConvGeometry& g = c.g;
    std::uniform_real_distribution<float> value(-1, 1);
    const auto fill = [&](std::vector<float>& to, int64_t count) {
      to.resize(static_cast<size_t>(count));
      for (float& v : to) v = value(random);
    };
    fill(x, g.batch * g.in_channels * g.plane());
    fill(w, g.out_channels * g.in_channels * g.taps());
    if (c.bias) fill(bias, g.out_channels);
    if (c.residual) fill(residual, g.batch * g.out_channels * g.pixels());
  }
};

std::vector<double> reference(const Case& c, const Values& v) {
  const ConvGeometry& g = c.g;
  std::vector<double> y;
  for (int64_t n = 0; n < g.batch; ++n)
    for (int64_t o = 0; o < g.out_channels; ++o)
      for (int64_t p = 0; p < g.pixels(); ++p) {
        const ConvGeometry::Sizes at{p / (g.out[1] * g.out[2]), p / g.out[2] % g.out[1],
                                     p % g.out[2]};
        double sum = c.bias ? v.bias[static_cast<size_t>(o)] : 0;
        if (c.residual) sum += v.residual[y.size()];
        for (int64_t tap = 0; tap < g.taps(); ++tap) {
          const ConvGeometry::Sizes k{tap / (g.kernel[1] * g.kernel[2]),
                                      tap / g.kernel[2] % g.kernel[1], tap % g.kernel[2]};
          int64_t pixel = 0;
          bool inside = true;
          for (int d = 0; d < 3; ++d) {
            const int64_t i = at[d] * g.stride[d] - g.pad[d] + k[d] * g.dilation[d];
            inside &= i >= 0 && i < g.in[d];
            pixel = pixel * g.in[d] + i;
          }
          for (int64_t i = 0; inside && i < g.in_channels; ++i)
            sum += static_cast<double>(
                       v.x[static_cast<size_t>((n * g.in_channels + i) * g.plane() + pixel)]) *
                   v.w[static_cast<size_t>((o * g.in_channels + i) * g.taps() + tap)];
        }
        y.push_back(c.relu && sum < 0 ? 0 : sum);
      }
  return y;
}

// Where a logical value lies in blocks of channels.
size_t blocked_at(int64_t index, int64_t channels, int64_t pixels, int64_t block) {
  const int64_t pixel = index % pixels, channel = index / pixels % channels,
                image = index / pixels / channels, blocks = (channels + block - 1) / block;
  return static_cast<size_t>(((image * blocks + channel / block) * pixels + pixel) * block +
                             channel % block);
}
size_t blocked_floats(int64_t batch, int64_t channels, int64_t pixels, int64_t block) {
  return static_cast<size_t>(batch * ((channels + block - 1) / block * block) * pixels);
}
void fill_blocked(Floats& to, const std::vector<float>& from, int64_t channels, int64_t pixels,
                  int64_t block) {
  std::fill_n(to.floats(), to.size(), 0.0f);
  for (size_t i = 0; i < from.size(); ++i)
    to.floats()[blocked_at(static_cast<int64_t>(i), channels, pixels, block)] = from[i];
}

// What a kernel makes of the case: logical values. Padded lanes must come out as zero.
template <class Kernel>
std::vector<float> result(const Case& c, const Values& v, bool blocked_input, int threads) {
  const ConvGeometry& g = c.g;
  const int64_t block = Kernel::block();
  const Kernel kernel(g, threads);
  Floats packed(kernel.weight_bytes() / sizeof(float));
  kernel.pack_weights(v.w.data(), packed.floats());
  const size_t outputs = blocked_floats(g.batch, g.out_channels, g.pixels(), block);
  Floats x(blocked_input ? blocked_floats(g.batch, g.in_channels, g.plane(), block) : v.x.size());
  if (blocked_input) fill_blocked(x, v.x, g.in_channels, g.plane(), block);
  else std::copy(v.x.begin(), v.x.end(), x.floats());
  Floats y(outputs), residual(outputs), bias(blocked_floats(1, g.out_channels, 1, block));
  if (c.residual) fill_blocked(residual, v.residual, g.out_channels, g.pixels(), block);
  if (c.bias) fill_blocked(bias, v.bias, g.out_channels, 1, block);
  Guarded workspace(kernel.workspace_bytes());
  kernel.run(x.floats(), packed.floats(), y.floats(),
             {c.bias ? bias.floats() : nullptr, c.residual ? residual.floats() : nullptr, c.relu},
             workspace.get());
  std::vector<float> logical(static_cast<size_t>(g.batch * g.out_channels * g.pixels()));
  for (size_t i = 0; i < logical.size(); ++i) {
    float& value =
        y.floats()[blocked_at(static_cast<int64_t>(i), g.out_channels, g.pixels(), block)];
    logical[i] = value, value = 0;
  }
  EXPECT_TRUE(std::all_of(y.floats(), y.floats() + outputs, [](float f) { return f == 0; }))
      << "padded lanes are not zero";
  return logical;
}

std::string describe(const Case& c) {
  const auto text = [](const ConvGeometry::Sizes& s) {
    return fmt::format("{}x{}x{}", s[0], s[1], s[2]);
  };
  const ConvGeometry& g = c.g;
  return fmt::format(
      "batch {} channels {} to {} in {} out {} kernel {} stride {} dilation {} pad {}", g.batch,
      g.in_channels, g.out_channels, text(g.in), text(g.out), text(g.kernel), text(g.stride),
      text(g.dilation), text(g.pad));
}

template <class Kernel>
void check_case(const Case& c, bool blocked_input, Random& random) {
  SCOPED_TRACE(describe(c));
  const Values v(c, random);
  const std::vector<double> want = reference(c, v);
  const std::vector<float> got = result<Kernel>(c, v, blocked_input, 1);
  double largest = 1, worst = 0;
  for (size_t i = 0; i < want.size(); ++i) {
    const double error = std::abs(got[i] - want[i]);
    largest = std::max(largest, std::abs(want[i]));
    if (!(error <= worst)) worst = error;
  }
  EXPECT_LE(worst, 1e-5 * largest);
  for (int threads : {2, 5})
    EXPECT_EQ(result<Kernel>(c, v, blocked_input, threads), got) << threads << " threads";
}

// Parts of the work for five threads, on each instruction set.
void on_five_threads_of_each(const std::function<void()>& check) {
  test::for_each_target([&] {
    set_num_threads(5);
    check();
  });
}

TEST(ConvKernels, ImplicitGemm) {
  on_five_threads_of_each([] {
    Random random(1);
    if (ImplicitGemm::block() == 0) GTEST_SKIP();
    for (int i = 0; i < 40; ++i)
      check_case<ImplicitGemm>(generated(random, 40, 3, 3), true, random);
  });
}

// 1x1 kernels read the input where it lies, but where a step or padding forbids it.
TEST(ConvKernels, Pointwise) {
  on_five_threads_of_each([] {
    Random random(2);
    if (ImplicitGemm::block() == 0) GTEST_SKIP();
    for (int i = 0; i < 40; ++i)
      check_case<ImplicitGemm>(generated(random, 90, 1, 3), true, random);
    ConvGeometry deep{.batch = 2, .in_channels = 1100, .out_channels = 40, .in = {1, 7, 7}};
    set_out(deep, {0, 0, 0});
    check_case<ImplicitGemm>({deep, true, true, true}, true, random);  // pieces of the depth
    ConvGeometry wide{.in_channels = 540, .out_channels = 300, .in = {1, 5, 5}};
    set_out(wide, {0, 0, 0});
    check_case<ImplicitGemm>({wide, true, true, false}, true, random);  // by panels of weights
    ConvGeometry padded{.in_channels = 20, .out_channels = 20, .in = {1, 5, 5}, .pad = {0, 1, 2}};
    set_out(padded, {0, 2, 1});
    check_case<ImplicitGemm>({padded, true, false, true}, true, random);
    ConvGeometry line{.in_channels = 20, .out_channels = 9, .in = {1, 9, 1}, .stride = {1, 1, 2}};
    set_out(line, {0, 0, 0});
    check_case<ImplicitGemm>({line}, true, random);  // a step along a dimension of one pixel
  });
}

TEST(ConvKernels, FewChannelsForward) {
  on_five_threads_of_each([] {
    Random random(3);
    if (FewChannelsForward::block() == 0) GTEST_SKIP();
    for (int i = 0; i < 40; ++i)
      check_case<FewChannelsForward>(generated(random, 4, 5, 2), false, random);
    ConvGeometry stem{.in_channels = 3,
                      .out_channels = 64,
                      .in = {1, 61, 63},
                      .kernel = {1, 7, 7},
                      .stride = {1, 2, 2},
                      .pad = {0, 3, 3}};
    set_out(stem, {0, 3, 3});
    check_case<FewChannelsForward>({stem, true, false, true}, false, random);
  });
}

// Bands of one image, images of a batch: the same bits; a NaN goes through relu.
TEST(ConvKernels, FewResultsOnAnyNumberOfThreads) {
  on_five_threads_of_each([] {
    if (FewResults::block() == 0) GTEST_SKIP();
    for (const int64_t batch : {1, 7}) {
      ConvGeometry g{.batch = batch,
                     .in_channels = 24,
                     .out_channels = 3,
                     .in = {1, 90, 37},
                     .kernel = {1, 3, 5},
                     .pad = {0, 1, 2}};
      g.out = g.in;
      const int64_t lanes = FewResults::block(), blocks = (24 + lanes - 1) / lanes;
      std::vector<float> w(3 * 24 * 15), bias = {0.5f, -0.25f, 0};
      Random random(9);
      std::uniform_real_distribution<float> any(-1, 1);
      for (float& v : w) v = any(random);
      Floats x(static_cast<size_t>(batch * blocks * 90 * 37 * lanes));
      for (int64_t i = 0; i < static_cast<int64_t>(x.size()); ++i)
        x.floats()[i] = i / (90 * 37 * lanes) % blocks * lanes + i % lanes < 24 ? any(random) : 0;
      x.floats()[40 * 37 * lanes] = std::numeric_limits<float>::quiet_NaN();
      std::vector<double> first;
      for (const int threads : {1, 2, 5}) {
        const FewResults plan(FewResultsShape::forward(g), threads);
        Floats y(static_cast<size_t>(batch * 3 * 90 * 37));
        Guarded workspace(plan.workspace_bytes());
        plan.run(x.floats(), w.data(), y.floats(), bias.data(), true, workspace.get());
        const std::vector<double> seen = y.doubles();
        if (threads == 1) first = seen;
        for (size_t i = 0; i < seen.size(); ++i)
          ASSERT_TRUE(seen[i] == first[i] || (std::isnan(seen[i]) && std::isnan(first[i]))) << i;
        EXPECT_TRUE(std::isnan(seen[40 * 37]));  // and where else a tap meets it
        EXPECT_EQ(std::count_if(seen.begin(), seen.end(), [](double v) { return std::isnan(v); }),
                  3 * 3 * 3);
        EXPECT_EQ(std::count_if(seen.begin(), seen.end(), [](double v) { return v < 0; }), 0);
        EXPECT_GT(std::count_if(seen.begin(), seen.end(), [](double v) { return v > 0; }), 9);
      }
    }
  });
}

// Outputs that no cache holds bypass it.
TEST(ConvKernels, LargeOutputs) {
  on_five_threads_of_each([] {
    Random random(4);
    if (ImplicitGemm::block() == 0) GTEST_SKIP();
    const int64_t pixels = caches().l3 / 3 / static_cast<int64_t>(sizeof(float)) / 48 + 5;
    ConvGeometry g{.in_channels = 2, .out_channels = 48, .in = {1, 1, pixels}};
    set_out(g, {0, 0, 0});
    check_case<ImplicitGemm>({g, true, true, true}, true, random);
    check_case<FewChannelsForward>({g, true, true, true}, false, random);
  });
}

TEST(ConvKernels, ReluKeepsNaN) {
  on_five_threads_of_each([] {
    Random random(5);
    if (ImplicitGemm::block() == 0) GTEST_SKIP();
    ConvGeometry g{.in_channels = 3, .out_channels = 32, .in = {1, 4, 4}};
    set_out(g, {0, 0, 0});
    const Case c{g, true, false, true};
    Values v(c, random);
    v.x[5] = std::numeric_limits<float>::quiet_NaN();
    EXPECT_TRUE(std::isnan(result<ImplicitGemm>(c, v, true, 1)[5]));
    EXPECT_TRUE(std::isnan(result<FewChannelsForward>(c, v, false, 1)[5]));
  });
}

// Operands of convolutions in bf16, blocks of 16 channels: numbers that bf16 holds, so that sums
// alone err.
struct Bf16Case {
  explicit Bf16Case(const ConvGeometry& geometry, Random& random) : g(geometry) {
    const auto fill = [&](std::vector<float>& to, int64_t count) {
      to.resize(static_cast<size_t>(count));
      for (float& v : to) v = static_cast<float>(draw(random, -8, 8)) / 8;
    };
    fill(x, g.batch * g.in_channels * g.plane());
    fill(w, g.out_channels * g.in_channels * g.taps());
    fill(dy, g.batch * g.out_channels * g.pixels());
  }
  static uint16_t narrow(float v) {  // exact for these
    uint32_t bits;
    std::memcpy(&bits, &v, sizeof bits);
    return static_cast<uint16_t>(bits >> 16);
  }
  static float widen(uint16_t v) {
    const uint32_t bits = static_cast<uint32_t>(v) << 16;
    float f;
    std::memcpy(&f, &bits, sizeof f);
    return f;
  }
  static int64_t blocks(int64_t channels) { return (channels + 15) / 16; }
  static size_t weight_at(const ConvGeometry& g, int64_t o, int64_t i, int64_t tap, bool turned) {
    const int64_t place = (o / 16 * blocks(g.in_channels) + i / 16) * g.taps() + tap;
    return static_cast<size_t>(place * 256 +
                               (turned ? o % 16 * 16 + i % 16 : i % 16 * 16 + o % 16));
  }
  // Calls f(image, out channel, out pixel, in channel, in pixel, tap) for each product of the sums.
  template <class F>
  void for_products(const F& f) const {
    for (int64_t n = 0; n < g.batch; ++n)
      for (int64_t p = 0; p < g.pixels(); ++p)
        for (int64_t tap = 0; tap < g.taps(); ++tap) {
          const ConvGeometry::Sizes at{p / (g.out[1] * g.out[2]), p / g.out[2] % g.out[1],
                                       p % g.out[2]},
              k{tap / (g.kernel[1] * g.kernel[2]), tap / g.kernel[2] % g.kernel[1],
                tap % g.kernel[2]};
          int64_t pixel = 0;
          bool inside = true;
          for (int d = 0; d < 3; ++d) {
            const int64_t i = at[d] * g.stride[d] - g.pad[d] + k[d] * g.dilation[d];
            inside &= i >= 0 && i < g.in[d], pixel = pixel * g.in[d] + i;
          }
          for (int64_t o = 0; inside && o < g.out_channels; ++o)
            for (int64_t i = 0; i < g.in_channels; ++i) f(n, o, p, i, pixel, tap);
        }
  }
  size_t x_at(int64_t n, int64_t i, int64_t pixel) const {
    return static_cast<size_t>((n * g.in_channels + i) * g.plane() + pixel);
  }
  size_t y_at(int64_t n, int64_t o, int64_t p) const {
    return static_cast<size_t>((n * g.out_channels + o) * g.pixels() + p);
  }
  size_t w_at(int64_t o, int64_t i, int64_t tap) const {
    return static_cast<size_t>((o * g.in_channels + i) * g.taps() + tap);
  }

  ConvGeometry g;
  std::vector<float> x, w, dy;
};

using Halves = std::vector<uint16_t>;
Halves blocked_halves(const std::vector<float>& from, int64_t batch, int64_t channels,
                      int64_t pixels) {
  Halves to(blocked_floats(batch, channels, pixels, 16));
  for (size_t i = 0; i < from.size(); ++i)
    to[blocked_at(static_cast<int64_t>(i), channels, pixels, 16)] = Bf16Case::narrow(from[i]);
  return to;
}
Halves blocked_weights(const Bf16Case& c, bool turned) {
  const ConvGeometry& g = c.g;
  Halves to(static_cast<size_t>(Bf16Case::blocks(g.out_channels) * Bf16Case::blocks(g.in_channels) *
                                g.taps() * 256));
  for (int64_t o = 0; o < g.out_channels; ++o)
    for (int64_t i = 0; i < g.in_channels; ++i)
      for (int64_t tap = 0; tap < g.taps(); ++tap)
        to[Bf16Case::weight_at(g, o, i, tap, turned)] = Bf16Case::narrow(c.w[c.w_at(o, i, tap)]);
  return to;
}
// Each value as rounded to bf16; all others zero.
void expect_halves(const Halves& got, const std::vector<double>& want,
                   const std::function<size_t(size_t)>& place, const char* what) {
  Halves rest = got;
  for (size_t i = 0; i < want.size(); ++i) {
    ASSERT_NEAR(Bf16Case::widen(got[place(i)]), want[i], std::abs(want[i]) / 250 + 1e-4)
        << what << " " << i;
    rest[place(i)] = 0;
  }
  EXPECT_EQ(std::count(rest.begin(), rest.end(), 0), static_cast<int64_t>(rest.size()))
      << "padded lanes of " << what << " are not zero";
}

template <class Data, class Weights>
void check_bf16(const ConvGeometry& g, Random& random) {
  SCOPED_TRACE(describe({g}));
  const Bf16Case c(g, random);
  std::vector<double> y(c.dy.size()), dx(c.x.size()), dw(c.w.size());
  c.for_products([&](int64_t n, int64_t o, int64_t p, int64_t i, int64_t pixel, int64_t tap) {
    const double a = c.x[c.x_at(n, i, pixel)], b = c.w[c.w_at(o, i, tap)],
                 d = c.dy[c.y_at(n, o, p)];
    y[c.y_at(n, o, p)] += a * b, dx[c.x_at(n, i, pixel)] += d * b, dw[c.w_at(o, i, tap)] += d * a;
  });
  const Halves x = blocked_halves(c.x, g.batch, g.in_channels, g.plane()),
               dy_in = blocked_halves(c.dy, g.batch, g.out_channels, g.pixels());
  Halves first[3];
  for (const int threads : {1, 2, 5}) {
    set_num_threads(threads);
    Halves out(dy_in.size(), 0x7FC0), dx_out(x.size(), 0x7FC0),
        dw_out(blocked_weights(c, false).size(), 0x7FC0);
    const Data forward(g, false, threads), backward(g, true, threads);
    const Weights weights(g, threads);
    Guarded of_forward(forward.workspace_bytes()), of_backward(backward.workspace_bytes()),
        of_weights(weights.workspace_bytes());
    forward.run(x.data(), blocked_weights(c, false).data(), out.data(), of_forward.get());
    backward.run(dy_in.data(), blocked_weights(c, true).data(), dx_out.data(), of_backward.get());
    weights.run(x.data(), dy_in.data(), dw_out.data(), of_weights.get());
    if (threads == 1) {
      first[0] = out, first[1] = dx_out, first[2] = dw_out;
      expect_halves(
          out, y,
          [&](size_t i) {
            return blocked_at(static_cast<int64_t>(i), g.out_channels, g.pixels(), 16);
          },
          "y");
      expect_halves(
          dx_out, dx,
          [&](size_t i) {
            return blocked_at(static_cast<int64_t>(i), g.in_channels, g.plane(), 16);
          },
          "dx");
      expect_halves(
          dw_out, dw,
          [&](size_t i) {
            const int64_t at = static_cast<int64_t>(i);
            return Bf16Case::weight_at(g, at / (g.in_channels * g.taps()),
                                       at / g.taps() % g.in_channels, at % g.taps(), false);
          },
          "dw");
    }
    EXPECT_TRUE(out == first[0] && dx_out == first[1] && dw_out == first[2]) << threads;
  }
}

// Thirty of all kinds, and one of several chunks.
template <class Data, class Weights>
void check_all_bf16() {
  Random random(11);
  for (int i = 0; i < 30; ++i) check_bf16<Data, Weights>(generated(random, 40, 4, 3).g, random);
  ConvGeometry many{.batch = 3,
                    .in_channels = 33,
                    .out_channels = 20,
                    .in = {1, 30, 31},
                    .kernel = {1, 3, 3},
                    .stride = {1, 2, 2},
                    .pad = {0, 1, 1}};
  set_out(many, {0, 1, 1});
  check_bf16<Data, Weights>(many, random);
}

// With AMX where the processor has it, and with AVX-512 BF16.
TEST(ConvKernels, GatheredBf16) {
  const X86Extensions found = x86_extensions();
  for (const bool amx : {true, false}) {
    x86_extensions().amx = found.amx && amx;
    if (!has_gathered_bf16()) GTEST_SKIP() << "this processor has no AVX-512 BF16";
    check_all_bf16<GatheredBf16, GatheredBf16Weights>();
  }
  x86_extensions() = found;
  set_num_threads(2);
}

// What is multiplied for nothing, and lines that are too long for what the kernel is for.
TEST(ConvKernels, LinesBf16AreOfUse) {
  const auto use = [](int64_t channels, int64_t height, int64_t width) {
    const int64_t rows = height > 1 ? 3 : 1;
    ConvGeometry g{.batch = 4,
                   .in_channels = channels,
                   .out_channels = channels,
                   .in = {1, height, width},
                   .kernel = {1, rows, 3},
                   .pad = {0, rows / 2, 1}};
    set_out(g, {0, rows / 2, 1});
    return lines_bf16_use(g);
  };
  EXPECT_DOUBLE_EQ(use(64, 8, 8), 0.8);  // 7 lines of 10 and 8: five tiles of 16
  EXPECT_DOUBLE_EQ(use(64, 4, 4), 0.5);
  EXPECT_EQ(use(512, 1, 1 << 20), 0);
  EXPECT_GT(use(16, 1, 1024), 0.9);
}

TEST(ConvKernels, LinesBf16) {
  if (!has_lines_bf16()) GTEST_SKIP() << "this processor has no AMX";
  check_all_bf16<LinesBf16, LinesBf16Weights>();
  Random random(12);
  ConvGeometry tall{.batch = 2,  // several bands
                    .in_channels = 40,
                    .out_channels = 50,
                    .in = {2, 70, 65},
                    .kernel = {2, 3, 2},
                    .stride = {1, 1, 1},
                    .pad = {0, 1, 0}};
  set_out(tall, {0, 1, 0});
  check_bf16<LinesBf16, LinesBf16Weights>(tall, random);
  set_num_threads(2);
}

}  // namespace
}  // namespace cairn::cpu
