#include "cairn/backend/cpu/int8/conv.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "cairn/backend/cpu/team.h"
#include "cairn/base/round.h"
#include "cairn/base/work_queue.h"
#include "cairn/ops/qlinear_math.h"

namespace cairn::cpu::int8 {
namespace {

int64_t whole_lines(int64_t bytes) { return round_up(bytes, 64); }

constexpr int64_t kBlockBytes =
    192 << 10;  // of gathered pixels: they stay in the L2 cache under the panels
constexpr int64_t kMostTiles = 64;  // of a block
constexpr int64_t kNearWeights =
    512 << 10;                 // weights that stay in the L2 cache may be read by every block
constexpr int64_t kItems = 4;  // of work for a thread: what slows one down is shared by all

}  // namespace

struct Conv::Constants {
  const int32_t* start;
  const float *factor, *offset;
  float residual_factor, low;
};

Conv::Conv(const ConvShape& shape, const ConvParams& params, const Kernels& kernels, int threads)
    : s_(shape), p_(params), k_(kernels), threads_(threads) {
  steps_ = ceil_div(s_.depth(), kStep);
  row_bytes_ = std::max(kChunk, ceil_div(s_.depth(), kChunk) * kChunk);
  const int64_t tiles = ceil_div(s_.pixels(), k_.rows), wanted = kItems * threads_;
  int64_t of_block = std::clamp<int64_t>(kBlockBytes / (k_.rows * row_bytes_), 1, kMostTiles);
  if (panels() * panel_bytes(k_.form, k_.panel, steps_) <= kNearWeights)
    of_block = std::min(of_block, std::max<int64_t>(1, tiles / wanted));
  block_rows_ = of_block * k_.rows;
  blocks_ = ceil_div(s_.pixels(), block_rows_);
  splits_ =
      std::clamp<int64_t>(ceil_div(wanted, std::max<int64_t>(1, blocks_ * s_.groups)), 1, panels());
}

int64_t Conv::panels() const { return ceil_div(s_.group_outputs(), k_.panel); }
int64_t Conv::sums_bytes() const {
  return whole_lines(s_.groups * panels() * k_.panel * static_cast<int64_t>(sizeof(int32_t)));
}
int64_t Conv::gathered_bytes() const { return block_rows_ * row_bytes_ + whole_lines(row_bytes_); }

size_t Conv::packed_bytes() const {
  return static_cast<size_t>(sums_bytes() +
                             s_.groups * panels() * panel_bytes(k_.form, k_.panel, steps_));
}
size_t Conv::workspace_bytes() const {
  return static_cast<size_t>(3 * sums_bytes() + threads_ * gathered_bytes());
}

void Conv::pack(const int8_t* weights, void* to) const {
  auto* sums = static_cast<int32_t*>(to);
  char* panel = static_cast<char*>(to) + sums_bytes();
  for (int64_t g = 0; g < s_.groups; ++g)
    for (int64_t p = 0; p < panels(); ++p) {
      const int64_t first = p * k_.panel, count = std::min(k_.panel, s_.group_outputs() - first);
      const int8_t* from = weights + (g * s_.group_outputs() + first) * s_.depth();
      int8::pack(k_.form, k_.panel, from, count, s_.depth(), panel, sums);
      panel += panel_bytes(k_.form, k_.panel, steps_), sums += k_.panel;
    }
}

// What follows each channel's sum, in the order of the panels; channels that fill a panel up do
// nothing.
Conv::Constants Conv::constants(const ConvOperands& in, void* workspace) const {
  const int64_t of_group = panels() * k_.panel;
  auto* start = static_cast<int32_t*>(workspace);
  auto* factor = reinterpret_cast<float*>(static_cast<char*>(workspace) + sums_bytes());
  auto* offset = reinterpret_cast<float*>(static_cast<char*>(workspace) + 2 * sums_bytes());
  const auto* sums = static_cast<const int32_t*>(in.packed);
  double y_offset = static_cast<double>(p_.y_zero);
  if (in.residual)
    y_offset -= static_cast<double>(p_.residual_zero) * (p_.residual_scale / p_.y_scale);
  for (int64_t g = 0; g < s_.groups; ++g)
    for (int64_t n = 0; n < of_group; ++n) {
      const int64_t at = g * of_group + n, channel = g * s_.group_outputs() + n;
      qlinear::Line line{0, 0};
      if (n < s_.group_outputs())
        line = qlinear::line_of_channel(p_.x_scale, in.weight_scale[channel], in.bias[channel],
                                        p_.y_scale, y_offset);
      start[at] = -static_cast<int32_t>(p_.x_zero) * sums[at];
      factor[at] = line.factor, offset[at] = line.offset;
    }
  const float residual_factor = static_cast<float>(p_.residual_scale / p_.y_scale);
  float low = p_.relu ? static_cast<float>(p_.y_zero) : 0;
  if (p_.floats && !p_.relu) low = -std::numeric_limits<float>::infinity();
  return {start, factor, offset, residual_factor, low};
}

// Copies that are mostly a few dozen bytes long: 16 at a time, the last of them again over what is
// there.
inline void copy_run(const uint8_t* from, int64_t bytes, uint8_t* to) {
  constexpr int64_t kMove = 16;
  if (bytes < kMove || bytes > 8 * kMove)
    return static_cast<void>(std::memcpy(to, from, static_cast<size_t>(bytes)));
  std::memcpy(to, from, kMove);
  for (int64_t i = kMove; i < bytes - kMove; i += kMove) std::memcpy(to + i, from + i, kMove);
  std::memcpy(to + bytes - kMove, from + bytes - kMove, kMove);
}

// An output pixel, and the first row and column under its window.
struct Conv::Pixel {
  Pixel(const ConvShape& s, int64_t flat)
      : column(flat % s.out_width),
        row(flat / s.out_width % s.out_height),
        image(flat / s.out_width / s.out_height) {}
  void next(const ConvShape& s) {
    if (++column < s.out_width) return;
    column = 0;
    if (++row == s.out_height) row = 0, ++image;
  }
  int64_t left(const ConvShape& s) const { return column * s.stride[1] - s.pad[1]; }
  int64_t above(const ConvShape& s) const { return row * s.stride[0] - s.pad[0]; }
  int64_t column, row, image;
};

// The bytes under the window of one output pixel, in the order of the weights.
void Conv::gather_row(const uint8_t* x, int64_t group, const Pixel& pixel, uint8_t* row) const {
  const int64_t depth = s_.group_channels(), taps = s_.kernel[1], line = taps * depth;
  const int64_t left = pixel.left(s_), above = pixel.above(s_), height = s_.height,
                width = s_.width;
  const int64_t image_row = width * s_.channels, step = s_.dilation[0], across = s_.dilation[1];
  const int zero = static_cast<int>(p_.x_zero);
  const uint8_t* image = x + pixel.image * height * image_row + group * depth;
  const bool side_by_side = across == 1 && s_.groups == 1 && left >= 0 && left + taps <= width;
  uint8_t* const end = row + s_.kernel[0] * line;
  for (int64_t h = above; row < end; h += step, row += line) {
    if (h < 0 || h >= height) {
      std::memset(row, zero, static_cast<size_t>(line));
    } else if (side_by_side) {
      copy_run(image + h * image_row + left * depth, line, row);
    } else {
      for (int64_t j = 0, w = left; j < taps; ++j, w += across) {
        if (w < 0 || w >= width) std::memset(row + j * depth, zero, static_cast<size_t>(depth));
        else copy_run(image + h * image_row + w * s_.channels, depth, row + j * depth);
      }
    }
  }
}

// Where channels fill chunks: straight to their places, `rows` chunks apart.
void Conv::gather_chunks(const uint8_t* x, const Pixel& pixel, int64_t rows, uint8_t* to) const {
  const int64_t channels = s_.channels, height = s_.height, width = s_.width, next = rows * kChunk;
  const int64_t left = pixel.left(s_), above = pixel.above(s_), step = s_.dilation[0],
                across = s_.dilation[1];
  const int64_t bottom = above + s_.kernel[0] * step, right = left + s_.kernel[1] * across;
  const uint8_t* image = x + pixel.image * height * width * channels;
  const bool whole = above >= 0 && bottom - step < height && left >= 0 && right - across < width;
  if (whole && across == 1)
    return k_.copy_chunks({image + (above * width + left) * channels, s_.kernel[0],
                           s_.kernel[1] * channels, step * width * channels},
                          to, next);
  const int zero = static_cast<int>(p_.x_zero);
  for (int64_t h = above; h < bottom; h += step)
    for (int64_t w = left; w < right; w += across) {
      const bool inside = h >= 0 && h < height && w >= 0 && w < width;
      const uint8_t* from = image + (h * width + w) * channels;
      for (int64_t c = 0; c < channels; c += kChunk, to += next) {
        if (inside) std::memcpy(to, from + c, kChunk);
        else std::memset(to, zero, kChunk);
      }
    }
}

// Output pixels [first, first + count) as tiles: [tile][chunk][row of the tile][kChunk]. `row`: a
// whole row, zero behind its end.
void Conv::gather(const uint8_t* x, int64_t group, int64_t first, int64_t count, uint8_t* row,
                  uint8_t* to) const {
  const bool in_chunks = s_.groups == 1 && s_.channels % kChunk == 0;
  std::memset(row, 0, static_cast<size_t>(row_bytes_));
  Pixel pixel(s_, first);
  for (int64_t tile = 0; tile < count; tile += k_.rows) {
    const int64_t rows = std::min<int64_t>(k_.rows, count - tile);
    for (int64_t r = 0; r < rows; ++r, pixel.next(s_)) {
      if (in_chunks) {
        gather_chunks(x, pixel, rows, to + r * kChunk);
        continue;
      }
      gather_row(x, group, pixel, row);
      k_.copy_chunks({row, 1, row_bytes_, 0}, to + r * kChunk, rows * kChunk);
    }
    to += rows * row_bytes_;
  }
}

void Conv::multiply(const ConvOperands& in, const Constants& constants, int64_t group,
                    int64_t first, int64_t count, int64_t panel_begin, int64_t panel_end,
                    const uint8_t* gathered) const {
  const int64_t bytes = panel_bytes(k_.form, k_.panel, steps_),
                size = p_.floats ? sizeof(float) : sizeof(uint8_t);
  Tile t{};
  t.steps = steps_, t.row_stride = s_.out_channels, t.floats = p_.floats;
  t.then.residual_factor = constants.residual_factor, t.then.low = constants.low;
  for (int64_t p = panel_begin; p < panel_end; ++p) {
    const int64_t at = group * panels() + p, channel = group * s_.group_outputs() + p * k_.panel;
    t.b = static_cast<const char*>(in.packed) + sums_bytes() + at * bytes;
    t.columns = std::min(k_.panel, s_.group_outputs() - p * k_.panel);
    t.then.start = constants.start + at * k_.panel;
    t.then.factor = constants.factor + at * k_.panel,
    t.then.offset = constants.offset + at * k_.panel;
    for (int64_t row = 0; row < count; row += k_.rows) {
      const int64_t where = (first + row) * s_.out_channels + channel;
      t.rows = static_cast<int>(std::min<int64_t>(k_.rows, count - row));
      t.a = gathered + row * row_bytes_;
      t.y = static_cast<char*>(in.y) + where * size;
      t.residual = in.residual ? in.residual + where : nullptr;
      k_.multiply(t);
    }
  }
}

void Conv::run(const ConvOperands& in, void* workspace) const {
  const Constants all = constants(in, workspace);
  char* rest = static_cast<char*>(workspace) + 3 * sums_bytes();
  const int64_t items = s_.groups * blocks_ * splits_;
  WorkQueue queue(items, items);
  run_as_team(threads_, [&](Team&, int thread, int) {
    auto* row = reinterpret_cast<uint8_t*>(rest + thread * gathered_bytes());
    uint8_t* gathered = row + whole_lines(row_bytes_);
    int64_t have = -1;  // the block that is gathered
    while (const auto item = queue.take()) {
      const int64_t split = item.begin % splits_, block = item.begin / splits_;
      const int64_t group = block / blocks_, first = block % blocks_ * block_rows_;
      const int64_t count = std::min(block_rows_, s_.pixels() - first);
      if (block != have) gather(in.x, group, first, count, row, gathered), have = block;
      multiply(in, all, group, first, count, panels() * split / splits_,
               panels() * (split + 1) / splits_, gathered);
    }
  });
}

}  // namespace cairn::cpu::int8
