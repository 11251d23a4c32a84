// Winograd convolution against plain sums in double: forward, backward data, backward weights;
// every buffer between canaries, the workspace and the outputs full of NaN before each run.
#include "cairn/backend/cpu/winograd/winograd.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "cairn/base/error.h"
#include "cairn/base/parallel.h"
#include "cairn/backend/cpu/simd_targets.h"  // before Highway
#include "hwy/highway.h"

namespace cairn::cpu {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kCanary = 12345.678f;
constexpr size_t kGuard = 64;

// A 64-byte aligned array between canaries.
class Guarded {
 public:
  explicit Guarded(size_t count, float fill = kNaN)
      : count_(count), all_(count + 2 * kGuard + 16, kCanary) {
    const auto address = reinterpret_cast<uintptr_t>(all_.data() + kGuard);
    begin_ = kGuard + (64 - address % 64) % 64 / sizeof(float);
    std::fill_n(data(), count, fill);
  }
  float* data() { return all_.data() + begin_; }
  float& operator[](size_t i) { return data()[i]; }
  size_t size() const { return count_; }
  bool intact() const {
    const auto is_canary = [](float value) { return value == kCanary; };
    return std::all_of(all_.begin(), all_.begin() + begin_, is_canary) &&
           std::all_of(all_.begin() + begin_ + count_, all_.end(), is_canary);
  }

 private:
  size_t count_, begin_ = 0;
  std::vector<float> all_;
};

using Values = std::vector<double>;  // logical order: [N][C][D][H][W], [O][I][taps][3][3]

Values random_values(size_t count, uint32_t seed) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal;  // rounded to float: both sides see the same numbers
  Values values(count);
  for (double& value : values) value = normal(generator);
  return values;
}

int64_t blocks(int64_t channels, int64_t block) { return (channels + block - 1) / block; }

// Logical [n][c][size] to and from [n][c / b][size][b].
Guarded pack(const Values& from, int64_t n, int64_t c, int64_t size, int64_t b) {
  Guarded to(n * blocks(c, b) * b * size, 0.f);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < c; ++j)
      for (int64_t k = 0; k < size; ++k)
        to[((i * blocks(c, b) + j / b) * size + k) * b + j % b] =
            static_cast<float>(from[(i * c + j) * size + k]);
  return to;
}

struct Unpacked {
  Values values;
  bool padding_zero = true;
};
Unpacked unpack(Guarded& from, int64_t n, int64_t c, int64_t size, int64_t b) {
  Unpacked to{Values(n * c * size)};
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < blocks(c, b) * b; ++j)
      for (int64_t k = 0; k < size; ++k) {
        const float value = from[((i * blocks(c, b) + j / b) * size + k) * b + j % b];
        if (j < c) to.values[(i * c + j) * size + k] = value;
        else to.padding_zero = to.padding_zero && value == 0.f;
      }
  return to;
}

// Weights of a kernel.
int64_t kernel(const WinogradShape& s) { return s.stride == 2 ? 16 : s.taps * 9; }

size_t filter_size(const WinogradShape& s, FilterLayout layout) {
  if (layout == FilterLayout::plain) return s.out_channels * s.in_channels * kernel(s);
  return blocks(s.out_channels, s.block) * blocks(s.in_channels, s.block) * s.block * s.block *
         kernel(s);
}
size_t filter_at(const WinogradShape& s, FilterLayout layout, int64_t o, int64_t i, int64_t k) {
  const int64_t count = kernel(s), b = s.block;
  if (layout == FilterLayout::plain) return (o * s.in_channels + i) * count + k;
  return (((o / b * blocks(s.in_channels, b) + i / b) * count + k) * b + i % b) * b + o % b;
}

// Calls visit(index of x, of w, of y) for every product of the convolution.
template <class Visit>
void each_product(const WinogradShape& s, Visit visit) {
  const int64_t od = s.out_depth(), oh = s.out_height(), ow = s.out_width();
  for (int64_t n = 0; n < s.batch; ++n)
    for (int64_t o = 0; o < s.out_channels; ++o)
      for (int64_t i = 0; i < s.in_channels; ++i)
        for (int64_t k = 0; k < kernel(s); ++k)
          for (int64_t d = 0; d < od; ++d)
            for (int64_t h = 0; h < oh; ++h)
              for (int64_t w = 0; w < ow; ++w) {
                const int64_t side = s.stride == 2 ? 4 : 3, area = side * side;
                const int64_t z = d + k / area - s.pad_front;
                const int64_t y = s.stride * h + k / side % side - s.pad_top;
                const int64_t x = s.stride * w + k % side - s.pad_left;
                if (z < 0 || z >= s.depth || y < 0 || y >= s.height || x < 0 || x >= s.width)
                  continue;
                visit((((n * s.in_channels + i) * s.depth + z) * s.height + y) * s.width + x,
                      (o * s.in_channels + i) * kernel(s) + k,
                      (((n * s.out_channels + o) * od + d) * oh + h) * ow + w);
              }
}

double relative_error(const Values& got, const Values& want) {
  double error = 0, largest = 1e-30;
  for (size_t i = 0; i < want.size(); ++i) {
    if (std::isnan(got[i])) return 1e30;
    error = std::max(error, std::fabs(got[i] - want[i])),
    largest = std::max(largest, std::fabs(want[i]));
  }
  return error / largest;
}

std::string describe(const WinogradShape& s, const WinogradOptions& o) {
  return "batch " + std::to_string(s.batch) + " channels " + std::to_string(s.in_channels) +
         " to " + std::to_string(s.out_channels) + " size " + std::to_string(s.depth) + "x" +
         std::to_string(s.height) + "x" + std::to_string(s.width) + " pads " +
         std::to_string(s.pad_top) + std::to_string(s.pad_bottom) + std::to_string(s.pad_left) +
         std::to_string(s.pad_right) + " taps " + std::to_string(s.taps) + " stride " +
         std::to_string(s.stride) + " block " + std::to_string(s.block) +
         (o.tile == WinogradTile::f4 ? " f4" : " f2") +
         (o.layout == FilterLayout::plain ? " plain" : " blocked") + " threads " +
         std::to_string(o.threads);
}

// One convolution in all directions with random data, and what plain sums say.
class Problem {
 public:
  explicit Problem(const WinogradShape& shape) : s(shape) {
    in_size = s.depth * s.height * s.width,
    out_size = s.out_depth() * s.out_height() * s.out_width();
    x = random_values(s.batch * s.in_channels * in_size, 1);
    w = random_values(s.out_channels * s.in_channels * kernel(s), 2);
    dy = random_values(s.batch * s.out_channels * out_size, 3);
    bias = random_values(s.out_channels, 4);
    residual = random_values(dy.size(), 5);
    y.assign(dy.size(), 0), dx.assign(x.size(), 0), dw.assign(w.size(), 0);
    each_product(s, [&](size_t xi, size_t wi, size_t yi) {
      y[yi] += x[xi] * w[wi], dx[xi] += dy[yi] * w[wi], dw[wi] += dy[yi] * x[xi];
    });
  }

  void check_all(const WinogradOptions& options) {
    SCOPED_TRACE(describe(s, options));
    const double limit = options.tile == WinogradTile::f4 ? 1e-4 : 1e-5;
    check_forward(options, limit);
    check_backward_data(options, limit);
    check_backward_weights(options, limit);
  }

  Guarded pack_filter(FilterLayout layout) const {
    Guarded to(filter_size(s, layout), 0.f);
    for (int64_t o = 0; o < s.out_channels; ++o)
      for (int64_t i = 0; i < s.in_channels; ++i)
        for (int64_t k = 0; k < kernel(s); ++k)
          to[filter_at(s, layout, o, i, k)] =
              static_cast<float>(w[(o * s.in_channels + i) * kernel(s) + k]);
    return to;
  }

  void check_forward(const WinogradOptions& options, double limit) {
    const WinogradForward plan(s, options);
    Guarded in = pack(x, s.batch, s.in_channels, in_size, s.block),
            filter = pack_filter(options.layout);
    Guarded workspace(plan.workspace_bytes() / sizeof(float)),
        u(plan.weight_bytes() / sizeof(float));
    plan.transform_weights(filter.data(), u.data());
    EXPECT_TRUE(u.intact());
    Guarded add = pack(residual, s.batch, s.out_channels, out_size, s.block);
    Guarded offsets = pack(bias, 1, s.out_channels, 1, s.block);
    for (const bool ready : {false, true})
      for (const int parts : {0, 1, 2, 7}) {  // bits: bias, residual, relu
        const ConvEpilogue epilogue{parts & 1 ? offsets.data() : nullptr,
                                    parts & 2 ? add.data() : nullptr, (parts & 4) != 0};
        Guarded out(add.size());
        std::fill_n(workspace.data(), workspace.size(), kNaN);
        plan.run(in.data(), ready ? nullptr : filter.data(), ready ? u.data() : nullptr, out.data(),
                 epilogue, workspace.data());
        const Unpacked got = unpack(out, s.batch, s.out_channels, out_size, s.block);
        EXPECT_TRUE(got.padding_zero && out.intact() && workspace.intact());
        EXPECT_LE(relative_error(got.values, finished(parts)), limit)
            << "forward, epilogue " << parts << ", u " << ready;
      }
  }

  Values finished(int parts) const {
    Values want = y;
    for (size_t i = 0; i < want.size(); ++i) {
      if (parts & 1) want[i] += bias[i / out_size % s.out_channels];
      if (parts & 2) want[i] += residual[i];
      if (parts & 4) want[i] = std::max(want[i], 0.0);
    }
    return want;
  }

  void check_backward_data(const WinogradOptions& options, double limit) {
    const WinogradBackwardData plan(s, options);
    Guarded in = pack(dy, s.batch, s.out_channels, out_size, s.block),
            filter = pack_filter(options.layout);
    Guarded workspace(plan.workspace_bytes() / sizeof(float)),
        u(plan.weight_bytes() / sizeof(float));
    plan.transform_weights(filter.data(), u.data());
    for (const bool ready : {false, true}) {
      Guarded out(s.batch * blocks(s.in_channels, s.block) * s.block * in_size);
      std::fill_n(workspace.data(), workspace.size(), kNaN);
      plan.run(in.data(), ready ? nullptr : filter.data(), ready ? u.data() : nullptr, out.data(),
               workspace.data());
      const Unpacked got = unpack(out, s.batch, s.in_channels, in_size, s.block);
      EXPECT_TRUE(got.padding_zero && out.intact() && workspace.intact() && u.intact());
      EXPECT_LE(relative_error(got.values, dx), limit) << "backward data, u " << ready;
    }
  }

  void check_backward_weights(const WinogradOptions& options, double limit) {
    const WinogradBackwardWeights plan(s, options);
    Guarded in = pack(x, s.batch, s.in_channels, in_size, s.block),
            gradient = pack(dy, s.batch, s.out_channels, out_size, s.block);
    Guarded workspace(plan.workspace_bytes() / sizeof(float)), out(filter_size(s, options.layout));
    plan.run(in.data(), gradient.data(), out.data(), workspace.data());
    EXPECT_TRUE(out.intact() && workspace.intact());
    Values got(w.size());
    for (int64_t o = 0; o < s.out_channels; ++o)
      for (int64_t i = 0; i < s.in_channels; ++i)
        for (int64_t k = 0; k < kernel(s); ++k) {
          float& value = out[filter_at(s, options.layout, o, i, k)];
          got[(o * s.in_channels + i) * kernel(s) + k] = value;
          value = 0;
        }
    EXPECT_LE(relative_error(got, dw), limit) << "backward weights";
    // What is left are padded lanes.
    EXPECT_TRUE(
        std::all_of(out.data(), out.data() + out.size(), [](float value) { return value == 0.f; }));
  }

  WinogradShape s;
  int64_t in_size, out_size;
  Values x, w, dy, bias, residual, y, dx, dw;
};

void check_everywhere(const WinogradShape& shape) {
  Problem problem(shape);
  for (const int block : {8, 16}) {
    problem.s.block = block;
    for (const auto tile : {WinogradTile::f2, WinogradTile::f4})
      for (const auto layout : {FilterLayout::plain, FilterLayout::blocked})
        problem.check_all({tile, layout, 2});
  }
}

TEST(Winograd, EverySizeOfEdge) {
  for (int64_t height = 1; height <= 9; ++height)
    check_everywhere({.batch = 2,
                      .in_channels = 8,
                      .out_channels = 8,
                      .height = height,
                      .width = (height * 7) % 10 + 1});
}

TEST(Winograd, Channels) {
  for (const int64_t in : {1, 3, 13, 24})
    for (const int64_t out : {1, 5, 16, 33})
      check_everywhere(
          {.batch = 1, .in_channels = in, .out_channels = out, .height = 6, .width = 7});
}

TEST(Winograd, Pads) {
  for (const int64_t top : {0, 1, 2})
    for (const int64_t bottom : {0, 2})
      for (const int64_t left : {0, 1, 2})
        check_everywhere({.batch = 1,
                          .in_channels = 3,
                          .out_channels = 9,
                          .height = 5,
                          .width = 6,
                          .pad_top = top,
                          .pad_bottom = bottom,
                          .pad_left = left,
                          .pad_right = 2 - left});
}

TEST(Winograd, SeveralChunksAndSlices) {
  check_everywhere({.batch = 3, .in_channels = 64, .out_channels = 40, .height = 29, .width = 30});
  check_everywhere({.batch = 6, .in_channels = 13, .out_channels = 24, .height = 66, .width = 47});
}

TEST(Winograd, ManyChannels) {
  check_everywhere({.batch = 5, .in_channels = 264, .out_channels = 136, .height = 7, .width = 7});
}

TEST(Winograd, Depth) {
  for (const int64_t front : {0, 1, 2})
    for (const int64_t back : {0, 1, 2})
      check_everywhere({.batch = 2,
                        .in_channels = 5,
                        .out_channels = 11,
                        .height = 6,
                        .width = 5,
                        .depth = 3,
                        .taps = 3,
                        .pad_front = front,
                        .pad_back = back});
  check_everywhere({.batch = 1,
                    .in_channels = 8,
                    .out_channels = 8,
                    .height = 3,
                    .width = 4,
                    .depth = 1,
                    .taps = 3,
                    .pad_front = 1,
                    .pad_back = 1});
  check_everywhere({.batch = 2,
                    .in_channels = 24,
                    .out_channels = 40,
                    .height = 17,
                    .width = 18,
                    .depth = 6,
                    .taps = 3,
                    .pad_front = 1,
                    .pad_back = 1});
  check_everywhere({.batch = 2,
                    .in_channels = 8,
                    .out_channels = 8,
                    .height = 4,
                    .width = 6,
                    .depth = 4});  // planes on their own
}

TEST(Winograd, Stride2) {
  for (int64_t height = 2; height <= 20; height += 2)
    check_everywhere({.batch = 2,
                      .in_channels = 11,
                      .out_channels = 8,
                      .height = height,
                      .width = 22 - height,
                      .stride = 2});
  for (const int64_t top : {0, 1, 2})
    for (const int64_t left : {0, 1, 2})
      check_everywhere({.batch = 1,
                        .in_channels = 3,
                        .out_channels = 21,
                        .height = 8,
                        .width = 10,
                        .pad_top = top,
                        .pad_bottom = top == 1 ? 1 : 2 - top,
                        .pad_left = left,
                        .pad_right = left,
                        .stride = 2});
  check_everywhere(
      {.batch = 3, .in_channels = 136, .out_channels = 72, .height = 8, .width = 8, .stride = 2});
  check_everywhere(
      {.batch = 9, .in_channels = 24, .out_channels = 16, .height = 66, .width = 62, .stride = 2});
}

// More threads than processors are asked for where the engine may have more.
class Threads {
 public:
  explicit Threads(int count) : before_(num_threads()) { set_num_threads(count); }
  ~Threads() { set_num_threads(before_); }

 private:
  int before_;
};

std::vector<float> all_results(Problem& p, int threads) {
  const WinogradOptions options{WinogradTile::f4, FilterLayout::plain, threads};
  const WinogradForward forward(p.s, options);
  const WinogradBackwardWeights weights(p.s, options);
  Guarded in = pack(p.x, p.s.batch, p.s.in_channels, p.in_size, p.s.block),
          filter = p.pack_filter(options.layout);
  Guarded gradient = pack(p.dy, p.s.batch, p.s.out_channels, p.out_size, p.s.block),
          out(gradient.size()), dw(filter.size());
  Guarded workspace(std::max(forward.workspace_bytes(), weights.workspace_bytes()) / sizeof(float));
  forward.run(in.data(), filter.data(), nullptr, out.data(), {}, workspace.data());
  weights.run(in.data(), gradient.data(), dw.data(), workspace.data());
  std::vector<float> all(out.data(), out.data() + out.size());
  all.insert(all.end(), dw.data(), dw.data() + dw.size());
  return all;
}

TEST(Winograd, SameBitsForAnyNumberOfThreads) {
  const Threads allowed(5);
  for (const WinogradShape& shape :
       {WinogradShape{.batch = 3, .in_channels = 24, .out_channels = 40, .height = 66, .width = 65},
        WinogradShape{.batch = 1, .in_channels = 16, .out_channels = 16, .height = 9, .width = 11},
        // each thread makes the inputs' tiles for itself
        WinogradShape{
            .batch = 1, .in_channels = 32, .out_channels = 200, .height = 27, .width = 27},
        WinogradShape{
            .batch = 4, .in_channels = 264, .out_channels = 24, .height = 6, .width = 6}}) {
    Problem problem(shape);
    const std::vector<float> one = all_results(problem, 1);
    for (const int threads : {2, 3, 5})
      EXPECT_TRUE(one == all_results(problem, threads)) << threads << " threads";
  }
}

TEST(Winograd, KeepsNaN) {
  Problem problem({.batch = 1, .in_channels = 8, .out_channels = 8, .height = 8, .width = 8});
  problem.x[0] = kNaN;
  const WinogradForward plan(problem.s);
  Guarded in = pack(problem.x, 1, 8, 64, 8), filter = problem.pack_filter(FilterLayout::plain),
          out(in.size());
  Guarded workspace(plan.workspace_bytes() / sizeof(float));
  plan.run(in.data(), filter.data(), nullptr, out.data(), {.relu = true}, workspace.data());
  EXPECT_TRUE(std::isnan(out[0]));
}

// The narrowest vectors that the program is built with; elsewhere the same code runs wider.
TEST(Winograd, BaselineInstructions) {
  hwy::SetSupportedTargetsForTest(HWY_STATIC_TARGET);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  check_everywhere({.batch = 2, .in_channels = 13, .out_channels = 21, .height = 7, .width = 10});
  check_everywhere({.batch = 1,
                    .in_channels = 8,
                    .out_channels = 16,
                    .height = 6,
                    .width = 5,
                    .depth = 3,
                    .taps = 3,
                    .pad_front = 1});
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

// Cases on either side that were measured: many tiles and channels pay; three channels, and one
// small image whose transformed weights must come from memory, do not.
TEST(Winograd, KnowsWhenItPays) {
  EXPECT_GT(winograd_gain(
                {.batch = 64, .in_channels = 64, .out_channels = 64, .height = 32, .width = 32}),
            2);
  EXPECT_GT(winograd_gain({.batch = 64,
                           .in_channels = 128,
                           .out_channels = 256,
                           .height = 8,
                           .width = 8,
                           .stride = 2}),
            1.5);
  EXPECT_LT(winograd_gain({.batch = 64,
                           .in_channels = 3,
                           .out_channels = 64,
                           .height = 32,
                           .width = 32,
                           .stride = 2}),
            1);
  EXPECT_LT(
      winograd_gain({.batch = 1, .in_channels = 512, .out_channels = 512, .height = 7, .width = 7}),
      1);
}

TEST(Winograd, RefusesWhatItCannotDo) {
  EXPECT_THROW(WinogradForward({.height = 4, .width = 4, .pad_top = 3}), Error);
  EXPECT_THROW(WinogradForward({.height = 4, .width = 4, .block = 4}), Error);
  EXPECT_THROW(WinogradForward({.height = 1, .width = 8, .pad_top = 0, .pad_bottom = 0}), Error);
  EXPECT_THROW(WinogradBackwardData({.height = 4, .width = 4, .taps = 5}), Error);
  EXPECT_THROW(WinogradForward({.height = 7, .width = 8, .stride = 2}), Error);
  EXPECT_THROW(WinogradForward({.height = 8, .width = 8, .stride = 3}), Error);
  EXPECT_THROW(WinogradBackwardWeights({.batch = 0, .height = 4, .width = 4}), Error);
  const WinogradForward plan({.in_channels = 8, .out_channels = 8, .height = 4, .width = 4});
  Guarded space(plan.workspace_bytes() / sizeof(float)), data(1024);
  EXPECT_THROW(plan.run(data.data(), nullptr, nullptr, data.data(), {}, space.data()), Error);
  EXPECT_THROW(plan.run(data.data(), data.data(), nullptr, data.data(), {}, space.data() + 1),
               Error);
}

}  // namespace
}  // namespace cairn::cpu
