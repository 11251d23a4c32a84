// Moves tiles between blocked activations and the buffers of the products.
#if defined(CAIRN_WINOGRAD_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef CAIRN_WINOGRAD_TILE_INL_H_
#undef CAIRN_WINOGRAD_TILE_INL_H_
#else
#define CAIRN_WINOGRAD_TILE_INL_H_
#endif

#include <algorithm>
#include <cstdint>

#include "cairn/backend/cpu/winograd/plan.h"
#include "cairn/backend/cpu/winograd/transform-inl.h"
#include "hwy/cache_control.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace cairn::cpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// One vector of channels of one depth of one image: rows of `width` pixels, `pixel` floats apart.
struct Plane {
  int64_t height, width, pixel;
  int64_t row() const { return width * pixel; }
};

// Copies the part of the tile's input that lies in the image to `buffer`, zero elsewhere.
template <class D>
HWY_NOINLINE HWY_ATTR void gather_border(D d, const float* plane, const Plane& shape, int64_t y0,
                                         int64_t x0, int64_t height, int64_t width,
                                         float* HWY_RESTRICT buffer) {
  constexpr int64_t kVector = static_cast<int64_t>(hn::MaxLanes(D()));
  const int64_t first = std::max<int64_t>(0, -x0), last = std::min(width, shape.width - x0);
  for (int64_t y = 0; y < height; ++y, buffer += kMostPoints * kVector) {
    const bool inside = y0 + y >= 0 && y0 + y < shape.height;
    const float* row = plane + ((y0 + y) * shape.width + x0) * shape.pixel;
    for (int64_t x = 0; x < width; ++x) {
      const bool valid = inside && x >= first && x < last;
      hn::Store(valid ? hn::LoadU(d, row + x * shape.pixel) : hn::Zero(d), d, buffer + x * kVector);
    }
  }
}

// V of one tile and vector of channels: v + point * plane_stride. (y0, x0): the tile's first input,
// may lie outside the image.
template <int kTile, class D>
HWY_INLINE HWY_ATTR void input_tile(D d, const float* plane, const Plane& shape, const Tile& tile,
                                    int64_t y0, int64_t x0, float* HWY_RESTRICT v, int64_t stride) {
  constexpr int64_t kVector = static_cast<int64_t>(hn::MaxLanes(D()));
  HWY_ALIGN float buffer[kMostPoints * kMostPoints * kVector];
  const int64_t height = tile.rows + 2, width = tile.columns + 2;
  const float* in = plane + (y0 * shape.width + x0) * shape.pixel;
  int64_t in_y = shape.row(), in_x = shape.pixel;
  if (y0 < 0 || x0 < 0 || y0 + height > shape.height || x0 + width > shape.width) {
    gather_border(d, plane, shape, y0, x0, height, width, buffer);
    in = buffer, in_y = kMostPoints * kVector, in_x = kVector;
  }
  const auto put = [=](int row, int column, hn::Vec<D> value)
                       HWY_ATTR { hn::Store(value, d, v + (row * (kTile + 2) + column) * stride); };
  transform_tile<InputStep, kTile>(d, tile.rows, tile.columns, in, in_y, in_x, put);
}

// A dY A' of one tile: out + point * stride.
template <int kTile, class D>
HWY_INLINE HWY_ATTR void gradient_tile(D d, const float* plane, const Plane& shape,
                                       const Tile& tile, float* HWY_RESTRICT out, int64_t stride) {
  const float* in = plane + (tile.y * shape.width + tile.x) * shape.pixel;
  const auto put = [=](int row, int column, hn::Vec<D> value) HWY_ATTR {
    hn::Store(value, d, out + (row * (kTile + 2) + column) * stride);
  };
  transform_tile<GradientStep, kTile>(d, tile.rows, tile.columns, in, shape.row(), shape.pixel,
                                      put);
}

enum class Finish { plain, residual, stream };

// Outputs of one tile from its products m + point * stride. `residual` is read at the offsets that
// `plane` is written at.
template <int kTile, Finish kFinish, class D>
HWY_INLINE HWY_ATTR void output_tile(D d, float* HWY_RESTRICT plane, const float* residual,
                                     const Plane& shape, const Tile& tile, hn::Vec<D> bias,
                                     hn::Vec<D> floor, const float* HWY_RESTRICT m,
                                     int64_t stride) {
  const int64_t first = (tile.y * shape.width + tile.x) * shape.pixel, row_stride = shape.row();
  const int64_t pixel = shape.pixel;
  float* HWY_RESTRICT to = plane + first;
  const float* add = kFinish == Finish::residual ? residual + first : nullptr;
  const auto put = [=](int row, int column, hn::Vec<D> value) HWY_ATTR {
    const int64_t at = row * row_stride + column * pixel;
    value = hn::Add(value, bias);
    if constexpr (kFinish == Finish::residual) value = hn::Add(value, hn::LoadU(d, add + at));
    value = hn::Max(floor, value);  // in this order a NaN stays one
    if constexpr (kFinish == Finish::stream) hn::Stream(value, d, to + at);
    else hn::StoreU(value, d, to + at);
  };
  transform_tile<OutputStep, kTile>(d, tile.rows, tile.columns, m, (kTile + 2) * stride, stride,
                                    put);
}

// Starts to fetch what the same tile of the next plane will read.
HWY_INLINE HWY_ATTR void prefetch_tile(const float* plane, const Plane& shape, const Tile& tile) {
  const float* at = plane + (tile.y * shape.width + tile.x) * shape.pixel;
  for (int y = 0; y < tile.rows; ++y, at += shape.row())
    for (int64_t x = 0; x < tile.columns * shape.pixel; x += 16) hwy::Prefetch(at + x);
}

}  // namespace HWY_NAMESPACE
}  // namespace cairn::cpu
HWY_AFTER_NAMESPACE();

#endif
