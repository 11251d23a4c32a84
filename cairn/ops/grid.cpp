#include "cairn/ops/grid.h"

#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"

namespace cairn {
namespace {

// From [-1, 1] to pixels.
Tensor to_pixels(const Tensor& place, int64_t size, bool align_corners) {
  const double n = static_cast<double>(size);
  return align_corners ? (place + 1.0) * ((n - 1) / 2) : ((place + 1.0) * n - 1.0) * 0.5;
}
// Reflected at both ends until it lies between them.
Tensor reflected(const Tensor& place, double low, double high) {
  if (low == high) return place * 0.0;
  const double span = high - low;
  const Tensor from_low = abs(place - low), turns = floor(from_low * (1 / span)).detach();
  const Tensor extra = from_low - turns * span;
  const Tensor odd = ne(remainder(turns, full({}, 2, turns.dtype())), 0);
  return where(odd, span - extra, extra) + low;
}
Tensor inside(const Tensor& pixels, int64_t size, const GridSampleOptions& o) {
  const double last = static_cast<double>(size) - 1;
  if (o.padding == GridPadding::zeros) return pixels;
  if (o.padding == GridPadding::border) return clamp(pixels, 0, last);
  return clamp(o.align_corners ? reflected(pixels, 0, last) : reflected(pixels, -0.5, last + 0.5),
               0, last);
}

// The pixels at whole places: x [N, C, H W]; column and row [N, P] of floats; 0 outside.
Tensor pixels_at(const Tensor& x, int64_t height, int64_t width, const Tensor& column,
                 const Tensor& row) {
  const auto within = [](const Tensor& t, int64_t size) {
    return logical_and(ge(t, 0), le(t, static_cast<double>(size - 1)));
  };
  const Tensor known = logical_and(within(column, width), within(row, height)),
               zero = full({}, 0, column.dtype());
  const Tensor flat =
      cast(where(known, row * static_cast<double>(width) + column, zero), DType::i64);
  const Shape shape = {x.shape()[0], x.shape()[1], flat.shape()[1]};
  const Tensor read = gather(x, 2, expand(unsqueeze(flat, 1), shape));
  return where(unsqueeze(known, 1), read, full({}, 0, x.dtype()));
}

}  // namespace

Tensor linspace(double start, double end, int64_t steps, DType dtype) {
  check(steps >= 0, "linspace: {} steps", steps);
  if (steps == 1) return full({1}, start, dtype);
  // From both ends, so that both are exact.
  const Tensor i = arange(0, steps, 1, DType::f64);
  const double step = (end - start) / static_cast<double>(steps - 1);
  const Tensor from_end = (i - static_cast<double>(steps - 1)) * step + end;
  return cast(where(lt(i, static_cast<double>(steps) / 2), i * step + start, from_end), dtype);
}

std::vector<Tensor> meshgrid(const std::vector<Tensor>& axes, Indexing indexing, Loc loc) {
  const size_t rank = axes.size();
  Shape shape;
  for (const Tensor& t : axes) {
    check(t.defined() && t.rank() == 1, "meshgrid: wants vectors{}", where(loc));
    shape.push_back(t.numel());
  }
  std::vector<Tensor> grids;
  for (size_t d = 0; d < rank; ++d) {
    Shape along(rank, 1);
    along[d] = shape[d];
    const Tensor grid = expand(reshape(axes[d], along), shape);
    grids.push_back(indexing == Indexing::xy && rank >= 2 ? transpose(grid, 0, 1) : grid);
  }
  return grids;
}

Tensor affine_grid(In theta, const Shape& size, bool align_corners) {
  check(size.size() == 4 && theta.t.shape() == (Shape{size[0], 2, 3}),
        "affine_grid: wants theta [N, 2, 3] and a size {{N, C, H, W}}, not {} and {}{}",
        to_string(theta.t.shape()), to_string(size), where(theta.loc));
  const auto centres = [&](int64_t n) {
    if (n == 1) return full({1}, 0, theta.t.dtype());
    const double edge = align_corners ? 1 : 1 - 1 / static_cast<double>(n);
    return linspace(-edge, edge, n, theta.t.dtype());
  };
  const Shape places = {size[2], size[3]};
  const Tensor x = expand(unsqueeze(centres(size[3]), 0), places),
               y = expand(unsqueeze(centres(size[2]), 1), places);
  const Tensor base =
      reshape(stack({x, y, full(places, 1, theta.t.dtype())}, -1), {size[2] * size[3], 3});
  return reshape(matmul(base, transpose(theta, 1, 2)), {size[0], size[2], size[3], 2});
}

Tensor grid_sample(In x, const Tensor& grid, const GridSampleOptions& o) {
  check(x.t.rank() == 4 && grid.defined() && grid.rank() == 4 && grid.shape()[3] == 2 &&
            grid.shape()[0] == x.t.shape()[0],
        "grid_sample: wants x [N, C, H, W] and a grid [N, h, w, 2], not {} and {}{}",
        to_string(x.t.shape()), grid.defined() ? to_string(grid.shape()) : "undefined",
        where(x.loc));
  const Shape& s = x.t.shape();
  const int64_t height = s[2], width = s[3], places = grid.shape()[1] * grid.shape()[2];
  check(height > 0 && width > 0, "grid_sample: an empty picture {}{}", to_string(s), where(x.loc));
  const Tensor flat = reshape(x, {s[0], s[1], height * width});
  const auto along = [&](int64_t i, int64_t size) {
    return inside(to_pixels(reshape(select(grid, -1, i), {s[0], places}), size, o.align_corners),
                  size, o);
  };
  const Tensor column = along(0, width), row = along(1, height);
  const Shape out = {s[0], s[1], grid.shape()[1], grid.shape()[2]};
  if (o.mode == GridSample::nearest)
    return reshape(pixels_at(flat, height, width, round(column), round(row)), out);
  const Tensor left = floor(column).detach(), top = floor(row).detach();
  const Tensor right_part = unsqueeze(column - left, 1), lower_part = unsqueeze(row - top, 1);
  const auto corner = [&](double dx, double dy) {
    return pixels_at(flat, height, width, left + dx, top + dy);
  };
  const Tensor upper = corner(0, 0) * (1.0 - right_part) + corner(1, 0) * right_part;
  const Tensor lower = corner(0, 1) * (1.0 - right_part) + corner(1, 1) * right_part;
  return reshape(upper * (1.0 - lower_part) + lower * lower_part, out);
}

}  // namespace cairn
