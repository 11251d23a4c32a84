#include "cairn/backend/cpu/conv/few_channels_forward.h"

#include <algorithm>
#include <cstring>

#include "cairn/backend/cpu/conv/product_tile.h"
#include "cairn/backend/cpu/shares.h"
#include "cairn/backend/cpu/team.h"
#include "cairn/base/round.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cairn/backend/cpu/conv/few_channels_forward.cpp"
#include "cairn/backend/cpu/simd_targets.h"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
// Highway first.
#include "cairn/backend/cpu/conv/product_sums-inl.h"
#include "hwy/highway.h"

#ifndef CAIRN_FEW_CHANNELS_FORWARD_TILE_  // once, not once for each instruction set
#define CAIRN_FEW_CHANNELS_FORWARD_TILE_
namespace cairn::cpu::few_channels_forward {

// A tile's depth: so many lines of the input, under each so many taps.
struct Lines {
  const float* x;              // under the first pixel and tap
  int64_t lines, line_floats;  // from one line to the next
  int64_t taps, dilation;
  int step;  // floats from one output pixel to the next: 1 or 2
};

using Multiply = void (*)(const ProductTile&, const Lines&);

}  // namespace cairn::cpu::few_channels_forward
#endif

HWY_BEFORE_NAMESPACE();
namespace cairn::cpu::HWY_NAMESPACE {
namespace {

using few_channels_forward::Lines;
namespace p = product;

template <int kHeight, int kStep>
HWY_NOINLINE void line_tile(const ProductTile& t, const Lines& lines) {
  p::Sums<kHeight> sum;
  p::begin(t, sum);
#pragma GCC unroll 1
  for (int r = 0; r < kHeight; ++r) {  // outputs are fetched meanwhile
    __builtin_prefetch(t.y[r], 1, 3);
    if (t.second) __builtin_prefetch(t.y[r] + t.block_stride, 1, 3);
  }
  const float *line = lines.x, *b = t.b;
#pragma GCC unroll 1
  for (int64_t i = 0; i < lines.lines; ++i, line += lines.line_floats) {
    const float* x = line;
#pragma GCC unroll 1
    for (int64_t tap = 0; tap < lines.taps; ++tap, x += lines.dilation, b += 2 * p::kLanes)
      p::add_products(sum, b, [x](int r) HWY_ATTR { return x[r * kStep]; });
  }
  p::finish<kHeight, false>(t, sum);
}

template <int kHeight>
HWY_INLINE void line_tile_of_rows(const ProductTile& t, const Lines& lines) {
  if (t.rows == kHeight)
    return lines.step == 1 ? line_tile<kHeight, 1>(t, lines) : line_tile<kHeight, 2>(t, lines);
  if constexpr (kHeight > 1) line_tile_of_rows<kHeight - 1>(t, lines);
}

void multiply_lines(const ProductTile& t, const Lines& lines) {
  line_tile_of_rows<p::kRows>(t, lines);
}

few_channels_forward::Multiply lines_kernel() { return multiply_lines; }

}  // namespace
}  // namespace cairn::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace cairn::cpu {
namespace few_channels_forward {
namespace {

HWY_EXPORT(lines_kernel);

// The lines under a row of outputs: [channel][tap of depth][tap of height], each with its padding.
struct LineShape {
  int64_t lines, floats;
  explicit LineShape(const ConvGeometry& s)
      : lines(s.in_channels * s.kernel[0] * s.kernel[1]),
        floats(round_up((s.out[2] - 1) * s.stride[2] + (s.kernel[2] - 1) * s.dilation[2] + 1, 16)) {
  }
  size_t bytes() const { return sizeof(float) * static_cast<size_t>(lines * floats); }
};

// The part of a line that lies inside the input: [begin, end) of the copy, from `from` on.
struct Inside {
  int64_t begin, end, from;
  Inside(const ConvGeometry& s, int64_t floats)
      : begin(std::clamp<int64_t>(s.pad[2], 0, floats)),
        end(std::clamp<int64_t>(s.pad[2] + s.in[2], begin, floats)),
        from(std::max<int64_t>(0, -s.pad[2])) {}
};

void copy_lines(const ConvGeometry& s, const LineShape& shape, const float* image, int64_t depth,
                int64_t height, float* to) {
  const Inside inside(s, shape.floats);
  for (int64_t c = 0; c < s.in_channels; ++c)
    for (int64_t i = 0; i < s.kernel[0]; ++i)
      for (int64_t j = 0; j < s.kernel[1]; ++j, to += shape.floats) {
        const int64_t z = depth * s.stride[0] - s.pad[0] + i * s.dilation[0],
                      y = height * s.stride[1] - s.pad[1] + j * s.dilation[1];
        if (z < 0 || z >= s.in[0] || y < 0 || y >= s.in[1]) {
          std::fill_n(to, shape.floats, 0.0f);
          continue;
        }
        const float* line = image + ((c * s.in[0] + z) * s.in[1] + y) * s.in[2] + inside.from;
        std::fill(to, to + inside.begin, 0.0f);
        std::copy_n(line, inside.end - inside.begin, to + inside.begin);
        std::fill(to + inside.end, to + shape.floats, 0.0f);
      }
}

struct Job {
  const ConvGeometry& s;
  const LineShape lines;
  const float *x, *packed;
  float* y;
  const ConvEpilogue& epilogue;
};

// One row of outputs: line `row` of all images' depths and heights.
void run_row(const Job& job, int64_t row, float* copied) {
  const ConvGeometry& s = job.s;
  const Multiply multiply = HWY_DYNAMIC_DISPATCH(lines_kernel)();
  const int64_t lanes = product_kernels().lanes, rows = s.out[0] * s.out[1], image = row / rows,
                line = row % rows;
  copy_lines(s, job.lines, job.x + image * s.in_channels * s.plane(), line / s.out[1],
             line % s.out[1], copied);
  const Lines lines{copied,      job.lines.lines, job.lines.floats,
                    s.kernel[2], s.dilation[2],   static_cast<int>(s.stride[2])};
  const int64_t blocks = ceil_div(s.out_channels, lanes),
                tiles = ceil_div(s.out[2], product_kernels().rows);
  ProductTile t{};
  t.block_stride = s.pixels() * lanes;
  t.first = t.last = true, t.relu = job.epilogue.relu;
  t.has_residual = job.epilogue.residual != nullptr;
  if (t.has_residual) t.residual = job.epilogue.residual - job.y;
  for (int64_t block = 0; block < blocks; block += 2) {
    t.b = job.packed + block / 2 * lines.lines * lines.taps * 2 * lanes;
    t.second = block + 1 < blocks;
    t.bias = job.epilogue.bias ? job.epilogue.bias + block * lanes : nullptr;
    float* y = job.y + ((image * blocks + block) * s.pixels() + line * s.out[2]) * lanes;
    for (int64_t tile = 0; tile < tiles; ++tile) {
      const int64_t begin = s.out[2] * tile / tiles, end = s.out[2] * (tile + 1) / tiles;
      t.rows = static_cast<int>(end - begin);
      for (int r = 0; r < t.rows; ++r) t.y[r] = y + (begin + r) * lanes;
      Lines under = lines;
      under.x += begin * s.stride[2];
      multiply(t, under);
    }
  }
}

}  // namespace
}  // namespace few_channels_forward

using namespace few_channels_forward;

FewChannelsForward::FewChannelsForward(const ConvGeometry& shape, int threads)
    : shape_(shape), threads_(threads) {}

int FewChannelsForward::block() {
  return product_kernels().lanes >= 8 ? static_cast<int>(product_kernels().lanes) : 0;
}

size_t FewChannelsForward::weight_bytes() const {
  const int64_t lanes = product_kernels().lanes;
  return sizeof(float) * static_cast<size_t>(round_up(shape_.out_channels, 2 * lanes) *
                                             shape_.in_channels * shape_.taps());
}

void FewChannelsForward::pack_weights(const float* w, float* packed) const {
  const int64_t panel = 2 * product_kernels().lanes, depth = shape_.in_channels * shape_.taps();
  for (int64_t first = 0; first < shape_.out_channels; first += panel)
    for (int64_t i = 0; i < depth; ++i)
      for (int64_t o = first; o < first + panel; ++o, ++packed)
        *packed = o < shape_.out_channels ? w[o * depth + i] : 0;
}

size_t FewChannelsForward::workspace_bytes() const {
  return LineShape(shape_).bytes() * static_cast<size_t>(threads_);
}

void FewChannelsForward::run(const float* x, const float* packed, float* y,
                             const ConvEpilogue& epilogue, void* workspace) const {
  const LineShape lines(shape_);
  const int64_t rows = shape_.batch * shape_.out[0] * shape_.out[1];
  const Job job{shape_, lines, x, packed, y, epilogue};
  Shares shares;
  run_as_team(threads_, [&](Team&, int thread, int threads) {
    constexpr int64_t kItems = 16;  // for a thread: what slows one down is shared by all
    const int64_t items = std::min(rows, kItems * threads);
    float* copied = reinterpret_cast<float*>(static_cast<char*>(workspace) +
                                             static_cast<size_t>(thread) * lines.bytes());
    for (int64_t i; (i = shares.take(thread, threads, items)) >= 0;)
      for (int64_t row = rows * i / items; row < rows * (i + 1) / items; ++row)
        run_row(job, row, copied);
  });
}

}  // namespace cairn::cpu
#endif
