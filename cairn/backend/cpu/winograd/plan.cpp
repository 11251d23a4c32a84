#include "cairn/backend/cpu/winograd/plan.h"

#include <utility>

#include "cairn/base/caches.h"
#include "cairn/base/error.h"
#include "cairn/base/parallel.h"
#include "cairn/base/round.h"

namespace cairn::cpu {
namespace {

constexpr int64_t kFloat = sizeof(float);
// Planes of a buffer are a whole number of cache lines apart, plus one: powers of two would share
// the same few cache sets.
int64_t plane_stride(int64_t floats) { return round_up(floats, 16) + 16; }

void check_shape(const WinogradShape& s) {
  check(s.block == 8 || s.block == 16, "winograd: blocks of {} channels; 8 and 16 are supported",
        s.block);
  check(s.taps == 1 || s.taps == 3, "winograd: {} taps over depth; 1 and 3 are supported", s.taps);
  check(s.stride == 1 || s.stride == 2, "winograd: stride {}; 1 and 2 are supported", s.stride);
  for (int64_t pad : {s.pad_top, s.pad_bottom, s.pad_left, s.pad_right, s.pad_front, s.pad_back})
    check(pad >= 0 && pad <= 2, "winograd: padding {} is outside 0 to 2; use direct convolution",
          pad);
  check(s.taps == 3 || (s.pad_front == 0 && s.pad_back == 0),
        "winograd: padding of depth needs 3 taps");
  check(s.batch > 0 && s.in_channels > 0 && s.out_channels > 0,
        "winograd: empty batch {} or channels {}, {}", s.batch, s.in_channels, s.out_channels);
  check(s.out_depth() > 0 && s.out_height() > 0 && s.out_width() > 0,
        "winograd: input {}x{}x{} with its padding is smaller than the kernel", s.depth, s.height,
        s.width);
  if (s.stride == 1) return;
  check(s.taps == 1, "winograd: a kernel over depth has stride 1");
  check((s.height | s.width | (s.pad_top + s.pad_bottom) | (s.pad_left + s.pad_right)) % 2 == 0,
        "winograd: stride 2 needs even sizes and padding, not {}x{}; use direct convolution",
        s.height, s.width);
}

Direction direction(const WinogradShape& s, bool backward_data) {
  const int64_t in = ceil_div(s.in_channels, s.block), out = ceil_div(s.out_channels, s.block);
  Direction d{s.batch,  in,          out,           s.block,        s.depth,
              s.height, s.width,     s.out_depth(), s.out_height(), s.out_width(),
              s.taps,   s.pad_front, s.pad_top,     s.pad_left};
  d.in_step = s.stride;
  if (!backward_data) return d;
  std::swap(d.in_blocks, d.out_blocks), std::swap(d.in_depth, d.out_depth);
  std::swap(d.in_height, d.out_height), std::swap(d.in_width, d.out_width);
  std::swap(d.in_step, d.out_step);
  d.pad_front = s.taps - 1 - s.pad_front;
  if (s.stride == 1) d.pad_top = 2 - s.pad_top, d.pad_left = 2 - s.pad_left;
  return d;
}

FilterShape filter_shape(const WinogradShape& s, const WinogradOptions& options) {
  return {s.out_channels, s.in_channels, s.taps, s.block, s.stride == 2 ? 4 : 3, options.layout};
}

TileGrid tile_grid(const Direction& d, const WinogradShape& s, const WinogradOptions& options) {
  if (s.stride == 2) return TileGrid(d, 4, 2);
  return TileGrid(d, options.tile == WinogradTile::f4 ? 4 : 2, 3);
}

int thread_count(const WinogradOptions& options) {
  return options.threads > 0 ? options.threads : num_threads();
}

// Lays buffers out one after the other, each on its own pages' worth of cache lines.
class Layout {
 public:
  size_t add(int64_t bytes_each, int64_t count) {
    const size_t at = size_;
    size_ += static_cast<size_t>(bytes_each * count);
    return at;
  }
  static int64_t padded(int64_t bytes) { return round_up(bytes, 64) + 64; }
  size_t size() const { return size_; }

 private:
  size_t size_ = 0;
};

// Into how many parts each of the panels is cut so that the threads have about as much to do: at
// most one in eight waits.
int64_t even_splits(int64_t panels, int64_t threads, int64_t most) {
  int64_t splits = 1;
  const auto uneven = [&] {
    const int64_t items = panels * splits;
    return round_up(items, threads) * 8 > items * 9;
  };
  while (splits < std::min<int64_t>(most, 2 * threads) && uneven()) ++splits;
  return splits;
}

// Sizes of chunks. Fused keeps V and M of a chunk in L2 and streams U, which pays from two groups
// of tiles a chunk on (with one, every thread would fetch all of U for it); it splits tiles among
// threads, so there must be enough to share out evenly.
void choose_chunks(ForwardPlan& p, const KernelShape& k) {
  const int64_t points = p.grid.points() * p.grid.points();
  const int64_t depth_bytes = points * k.rows * p.d.contracted() * kFloat;
  const int64_t input = depth_bytes * p.d.in_depth, product = points * k.rows * k.panel * kFloat;
  const int64_t fit = caches().l2 * 3 / 5 / (depth_bytes + product);
  const int64_t share = ceil_div(p.groups, p.threads);
  p.fused = fit >= 2 && share >= 2 && share * p.threads * 16 <= p.groups * 17;
  if (p.fused) {
    p.chunk_groups = p.d.taps > 1 ? 1 : std::min<int64_t>(fit, 8);
    p.chunks = round_up(ceil_div(p.groups, p.chunk_groups), p.threads);
  } else {
    const int64_t most =
        std::max<int64_t>(1, std::min<int64_t>(caches().l3 / 3 / input, 256 / k.rows));
    p.chunks = ceil_div(p.groups, most);
  }
  p.chunks = std::min(p.chunks, p.groups);
  p.chunk_groups = ceil_div(p.groups, p.chunks);
  p.slab = std::clamp<int64_t>(caches().l2 / 3 / (product * p.chunk_groups), 1, p.d.out_depth);
  p.own_input = !p.fused && p.threads > 1 && p.chunks * p.phases == 1 &&
                input <= caches().l2 * 2 / 3 &&
                (p.threads - 1) * p.d.contracted() <= p.d.out_channels();
  p.splits = p.fused ? 1 : even_splits(p.panels, p.threads, p.chunk_groups);
}

}  // namespace

Tile TileGrid::at(int64_t index) const {
  const auto make = [&](int64_t image, int64_t row, int64_t column, int tall, int wide) {
    return Tile{static_cast<int32_t>(image), static_cast<int32_t>(row * size),
                static_cast<int32_t>(column * size), static_cast<int16_t>(tall),
                static_cast<int16_t>(wide)};
  };
  if (index < right_edge()) return make(index / rows, index % rows, columns, size, rest_columns);
  if (index < whole_end()) {
    index -= right_edge();
    const int64_t image = index / (rows * columns), place = index % (rows * columns);
    return make(image, place / columns, place % columns, size, size);
  }
  if (index < bottom_end()) {
    index -= whole_end();
    return make(index / columns, rows, index % columns, rest_rows, size);
  }
  return make(index - bottom_end(), rows, columns, rest_rows, rest_columns);
}

ForwardPlan plan_forward(const WinogradShape& shape, const WinogradOptions& options,
                         bool backward_data) {
  check_shape(shape);
  const KernelShape k = kernel_shape();
  ForwardPlan p{};
  p.d = direction(shape, backward_data);
  p.filter = filter_shape(shape, options);
  p.grid = tile_grid(p.d, shape, options);
  p.flip = backward_data;
  p.threads = thread_count(options);
  p.vector = std::min<int>(k.lanes, shape.block);
  p.groups = ceil_div(p.grid.count(), k.rows);
  p.panels = ceil_div(p.d.out_channels(), k.panel);
  p.phases = p.d.out_step * p.d.out_step;
  choose_chunks(p, k);
  p.keep_filter = p.fused || p.chunks > 1;
  const int64_t in = p.d.contracted(), tiles = p.chunk_groups * k.rows;
  const int64_t points = p.grid.points() * p.grid.points();
  p.stream =
      p.d.batch * p.d.out_channels() * p.d.out_depth * p.d.out_height * p.d.out_width * kFloat >
      caches().l3 / 3;
  p.input_depth = tiles * in;
  p.input_plane = plane_stride(p.input_depth * p.d.in_depth);
  p.product_plane = plane_stride(p.slab * tiles * k.panel);
  p.filter_plane = plane_stride(p.d.taps * in * k.panel);
  p.filter_panel = points * p.filter_plane;
  p.tiles_bytes = Layout::padded(2 * tiles * static_cast<int64_t>(sizeof(Tile)));
  p.input_bytes = Layout::padded(points * p.input_plane * kFloat);
  p.product_bytes = Layout::padded(points * p.product_plane * kFloat);
  const int64_t kept_panels = options.transformed ? 0 : p.keep_filter ? p.phases * p.panels : 1;
  p.filter_bytes = Layout::padded(p.filter_panel * kept_panels * kFloat);
  Layout layout;
  p.tiles_at = layout.add(p.tiles_bytes, p.threads);
  p.input_at = layout.add(p.input_bytes, p.fused || p.own_input ? p.threads : 1);
  p.product_at = layout.add(p.product_bytes, p.threads);
  p.filter_at = layout.add(p.filter_bytes, p.keep_filter ? 1 : p.threads);
  p.workspace = layout.size();
  return p;
}

namespace {

// Partial sums: enough for several threads, few enough that adding them up stays cheap and they
// stay in L3.
int64_t choose_slices(const BackwardWeightsPlan& p, int64_t sum_bytes) {
  constexpr int64_t kTilesEach = 256;
  const int64_t fit = caches().l3 / 4 / sum_bytes, wanted = p.tiles * p.d.out_depth / kTilesEach;
  return std::min({fit, wanted, int64_t{8}, p.tiles});
}

}  // namespace

BackwardWeightsPlan plan_backward_weights(const WinogradShape& shape,
                                          const WinogradOptions& options) {
  check_shape(shape);
  const KernelShape k = kernel_shape();
  BackwardWeightsPlan p{};
  p.d = direction(shape, false);
  p.filter = filter_shape(shape, options);
  p.grid = tile_grid(p.d, shape, options);
  p.threads = thread_count(options);
  p.vector = std::min<int>(k.lanes, shape.block);
  p.tiles = p.grid.count();
  p.panels = ceil_div(p.d.out_channels(), k.panel);
  p.channel_groups = ceil_div(p.d.contracted(), k.channels);
  const int64_t points = p.grid.points() * p.grid.points(), taps = p.d.taps;
  const int64_t tile_bytes =
      points * kFloat *
      (p.channel_groups * k.channels * p.d.in_depth + p.panels * k.panel * p.d.out_depth);
  p.slices = choose_slices(p, points * taps * p.d.contracted() * p.panels * k.panel * kFloat);
  p.sliced = p.slices >= 2;
  const int64_t most = p.sliced ? std::max<int64_t>(1, 64 / p.d.out_depth)
                                : std::max<int64_t>(8, caches().l3 / 2 / tile_bytes);
  p.chunks = ceil_div(p.tiles, most);
  if (p.sliced) p.chunks = std::max(p.chunks, p.slices);
  p.chunk_tiles = ceil_div(p.tiles, p.chunks);
  p.block_groups =
      p.sliced ? p.channel_groups : std::min<int64_t>(96 / k.channels, p.channel_groups);
  p.blocks = ceil_div(p.channel_groups, p.block_groups);

  p.input_group = p.d.in_depth * p.chunk_tiles * k.channels;
  p.input_plane = plane_stride(p.channel_groups * p.input_group);
  p.gradient_panel = p.d.out_depth * p.chunk_tiles * k.panel;
  p.gradient_plane = plane_stride(p.panels * p.gradient_panel);
  p.sum_plane = plane_stride(p.block_groups * k.channels * k.panel);
  p.sum_tap = points * p.sum_plane;
  p.sum_panel = taps * p.sum_tap;
  p.tiles_bytes = Layout::padded(p.chunk_tiles * static_cast<int64_t>(sizeof(Tile)));
  p.input_bytes = Layout::padded(points * p.input_plane * kFloat);
  p.gradient_bytes = Layout::padded(points * p.gradient_plane * kFloat);
  p.sum_bytes = Layout::padded(p.sum_panel * (p.sliced ? p.panels : 1) * kFloat);
  const int64_t sums = p.sliced ? p.slices : p.chunks > 1 ? p.panels * p.blocks : p.threads;
  Layout layout;
  p.tiles_at = layout.add(p.tiles_bytes, p.threads);
  p.input_at = layout.add(p.input_bytes, p.sliced ? p.threads : 1);
  p.gradient_at = layout.add(p.gradient_bytes, p.sliced ? p.threads : 1);
  p.sum_at = layout.add(p.sum_bytes, sums);
  p.workspace = layout.size();
  return p;
}

}  // namespace cairn::cpu
