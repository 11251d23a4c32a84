// Moves tiles between blocked activations and the buffers of the products.
#if defined(CAIRN_WINOGRAD_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CAIRN_WINOGRAD_TILE_INL_H_
#undef CAIRN_WINOGRAD_TILE_INL_H_
#else
#define CAIRN_WINOGRAD_TILE_INL_H_
#endif

#include <algorithm>
#include <cstdint>

#include "cairn/backend/cpu/limits-inl.h"
#include "cairn/backend/cpu/winograd/plan.h"
#include "cairn/backend/cpu/winograd/transform-inl.h"
#include "cairn/base/round.h"
#include "hwy/cache_control.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace cairn::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// One vector of channels of one depth of one image: rows of `width` pixels, `pixel` floats apart.
// A tile takes every step-th pixel of every step-th row.
struct Plane {
  int64_t height, width, pixel, step;
  int64_t row() const { return width * pixel; }
};

// What a row outside the image is read from: as many pixels as a tile spans.
alignas(64) inline constexpr float kZeroPixels[2 * kMostPoints * 16] = {};

HWY_INLINE BorderGrid border_grid(const float* plane, const Plane& shape, int64_t y0, int64_t x0) {
  const auto steps_to = [&](int64_t distance) {  // not less than 0
    return std::max<int64_t>(0, ceil_div(distance, shape.step));
  };
  BorderGrid grid;
  grid.column = shape.step * shape.pixel;
  grid.first = static_cast<int>(steps_to(-x0));
  grid.last = static_cast<int>(std::min<int64_t>(kMostPoints, steps_to(shape.width - x0)));
  for (int64_t i = 0, y = y0; i < kMostPoints; ++i, y += shape.step)
    grid.rows[i] =
        y >= 0 && y < shape.height ? plane + (y * shape.width + x0) * shape.pixel : kZeroPixels;
  return grid;
}

// V of one tile and vector of channels: v + point * stride. (y0, x0): the tile's first input, may
// lie outside the image.
template <class F, class D>
HWY_INLINE HWY_ATTR void input_tile(D d, const float* plane, const Plane& shape, const Tile& tile,
                                    int64_t y0, int64_t x0, float* HWY_RESTRICT v, int64_t stride) {
  const auto put = [=](int row, int column, hn::Vec<D> value)
                       HWY_ATTR { hn::Store(value, d, v + (row * F::kPoints + column) * stride); };
  const int64_t last = (F::kPoints - 1) * shape.step;
  if (y0 < 0 || x0 < 0 || y0 + last >= shape.height || x0 + last >= shape.width)
    return transform_tile<InputStep<F>>(d, tile.rows, tile.columns,
                                        border_grid(plane, shape, y0, x0), put);
  const WholeGrid grid{plane + (y0 * shape.width + x0) * shape.pixel, shape.step * shape.row(),
                       shape.step * shape.pixel};
  transform_tile<InputStep<F>>(d, F::kTile, F::kTile, grid, put);  // edge tiles touch the border
}

// A dY A' of one tile: out + point * stride.
template <class F, class D>
HWY_INLINE HWY_ATTR void gradient_tile(D d, const float* plane, const Plane& shape,
                                       const Tile& tile, float* HWY_RESTRICT out, int64_t stride) {
  const WholeGrid grid{plane + (tile.y * shape.width + tile.x) * shape.pixel, shape.row(),
                       shape.pixel};
  const auto put = [=](int row, int column, hn::Vec<D> value) HWY_ATTR {
    hn::Store(value, d, out + (row * F::kPoints + column) * stride);
  };
  transform_tile<GradientStep<F>>(d, tile.rows, tile.columns, grid, put);
}

enum class Finish { plain, residual, stream };

// Outputs of one tile from its products m + point * stride. `residual` is read at the offsets that
// `plane` is written at.
template <class F, Finish kFinish, class D>
HWY_INLINE HWY_ATTR void output_tile(D d, float* HWY_RESTRICT plane, const float* residual,
                                     const Plane& shape, const Tile& tile, hn::Vec<D> bias,
                                     hn::Vec<D> floor, const float* HWY_RESTRICT m,
                                     int64_t stride) {
  const int64_t row_stride = shape.step * shape.row(), pixel = shape.step * shape.pixel;
  const int64_t first = tile.y * row_stride + tile.x * pixel;
  float* HWY_RESTRICT to = plane + first;
  const float* add = kFinish == Finish::residual ? residual + first : nullptr;
  const auto put = [=](int row, int column, hn::Vec<D> value) HWY_ATTR {
    const int64_t at = row * row_stride + column * pixel;
    value = hn::Add(value, bias);
    if constexpr (kFinish == Finish::residual) value = hn::Add(value, hn::LoadU(d, add + at));
    value = limits::HWY_NAMESPACE::at_least(value, floor);
    if constexpr (kFinish == Finish::stream) hn::Stream(value, d, to + at);
    else hn::StoreU(value, d, to + at);
  };
  const WholeGrid grid{m, F::kPoints * stride, stride};
  transform_tile<OutputStep<F>>(d, tile.rows, tile.columns, grid, put);
}

// Starts to fetch what a tile of `plane` will read, the parts it shares with its neighbours aside.
HWY_INLINE HWY_ATTR void prefetch_tile(const float* plane, const Plane& shape, const Tile& tile) {
  const float* at = plane + (tile.y * shape.width + tile.x) * shape.step * shape.pixel;
  for (int64_t y = 0; y < tile.rows * shape.step; ++y, at += shape.row())
    for (int64_t x = 0; x < tile.columns * shape.step * shape.pixel; x += 16) hwy::Prefetch(at + x);
}

}  // namespace HWY_NAMESPACE
}  // namespace cairn::cpu
HWY_AFTER_NAMESPACE();

#endif
