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

// One list of places [N, P] a dimension, the last dimension (x) first.
using Places = std::vector<Tensor>;

// The pixels at whole places: x [N, C, pixels]; 0 outside.
Tensor pixels_at(const Tensor& x, const Ints& sizes, const Places& at) {
  Tensor known, flat;
  for (size_t d = at.size(); d-- > 0;) {
    const auto last = static_cast<double>(sizes[d] - 1);
    const Tensor within = logical_and(ge(at[d], 0), le(at[d], last));
    known = known.defined() ? logical_and(known, within) : within;
    const Tensor place = cast(clamp(at[d], 0, last), DType::i64);
    flat = flat.defined() ? flat * static_cast<double>(sizes[d]) + place : place;
  }
  const Shape shape = {x.shape()[0], x.shape()[1], flat.shape()[1]};
  const Tensor read = gather(x, 2, expand(unsqueeze(flat, 1), shape));
  return where(unsqueeze(known, 1), read, full({}, 0, x.dtype()));
}

// What lies around a place along one dimension: whole places and what each counts.
struct Around {
  std::vector<Tensor> places, weights;
};
Around two_around(const Tensor& place) {
  const Tensor low = floor(place).detach(), part = place - low;
  return {{low, low + 1.0}, {1.0 - part, part}};
}
// Keys' cubic with a = -0.75; what lies outside is read where it is reflected to, or at the border.
Around four_around(const Tensor& place, int64_t size, const GridSampleOptions& o) {
  constexpr double a = -0.75;
  const auto near = [](const Tensor& t) { return ((a + 2) * t - (a + 3)) * t * t + 1.0; };
  const auto far = [](const Tensor& t) { return ((a * t - 5 * a) * t + 8 * a) * t - 4 * a; };
  const Tensor low = floor(place).detach(), part = place - low;
  Around around{{}, {far(part + 1.0), near(part), near(1.0 - part), far(2.0 - part)}};
  for (int k = -1; k <= 2; ++k) around.places.push_back(round(inside(low + double(k), size, o)));
  return around;
}

// The weighted sum of all pixels around, over the dimensions below `dimensions`.
Tensor mixed(const Tensor& x, const Ints& sizes, const std::vector<Around>& around, Places& at,
             size_t dimensions) {
  if (dimensions == 0) return pixels_at(x, sizes, at);
  const Around& here = around[dimensions - 1];
  Tensor sum;
  for (size_t k = 0; k < here.places.size(); ++k) {
    at[dimensions - 1] = here.places[k];
    const Tensor part = mixed(x, sizes, around, at, dimensions - 1) * unsqueeze(here.weights[k], 1);
    sum = sum.defined() ? sum + part : part;
  }
  return sum;
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
  const int64_t dims = size.ssize() - 2;
  check((dims == 2 || dims == 3) && theta.t.defined() &&
            theta.t.shape() == (Shape{size[0], dims, dims + 1}),
        "affine_grid: wants theta [N, 2, 3] and a size {{N, C, H, W}}, or [N, 3, 4] and {{N, C, D, "
        "H, W}}, not {} and {}{}",
        theta.t.defined() ? to_string(theta.t.shape()) : "undefined", to_string(size),
        where(theta.loc));
  const auto centres = [&](int64_t n) {
    if (n == 1) return full({1}, 0, theta.t.dtype());
    const double edge = align_corners ? 1 : 1 - 1 / static_cast<double>(n);
    return linspace(-edge, edge, n, theta.t.dtype());
  };
  const Shape places(size.begin() + 2, size.end());
  Tensors columns;  // x first
  for (int64_t d = dims; d-- > 0;) {
    Shape along(static_cast<size_t>(dims), 1);
    along[d] = places[d];
    columns.push_back(expand(reshape(centres(places[d]), along), places));
  }
  columns.push_back(full(places, 1, theta.t.dtype()));
  const Tensor base = reshape(stack(columns, -1), {numel(places), dims + 1});
  Shape result = {size[0]};
  for (const int64_t n : places) result.push_back(n);
  result.push_back(dims);
  return reshape(matmul(base, transpose(theta, 1, 2)), result);
}

Tensor grid_sample(In x, const Tensor& grid, const GridSampleOptions& o) {
  const int dims = x.t.rank() - 2;
  check((dims == 2 || dims == 3) && grid.defined() && grid.rank() == x.t.rank() &&
            grid.shape().back() == dims && grid.shape()[0] == x.t.shape()[0],
        "grid_sample: wants x [N, C, H, W] and a grid [N, h, w, 2], or [N, C, D, H, W] and [N, d, "
        "h, w, 3], not {} and {}{}",
        to_string(x.t.shape()), grid.defined() ? to_string(grid.shape()) : "undefined",
        where(x.loc));
  check(dims == 2 || o.mode != GridSample::bicubic, "grid_sample: bicubic is for pictures{}",
        where(x.loc));
  const Shape& s = x.t.shape();
  Ints sizes;  // width first
  Shape out = {s[0], s[1]};
  for (int d = 0; d < dims; ++d)
    sizes.push_back(s[s.ssize() - 1 - d]), out.push_back(grid.shape()[d + 1]);
  const int64_t pixels = numel(Shape(s.begin() + 2, s.end())), places = grid.numel() / dims;
  check(pixels > 0, "grid_sample: an empty picture {}{}", to_string(s), where(x.loc));
  const Tensor flat = reshape(x, {s[0], s[1], pixels});
  std::vector<Around> around;
  Places at(static_cast<size_t>(dims));
  for (int d = 0; d < dims; ++d) {
    const Tensor given = reshape(select(grid, -1, d), {s[0], s[0] ? places / s[0] : 0});
    const Tensor place = to_pixels(given, sizes[d], o.align_corners);
    if (o.mode == GridSample::bicubic) {
      around.push_back(four_around(place, sizes[d], o));
      continue;
    }
    const Tensor seen = inside(place, sizes[d], o);
    around.push_back(o.mode == GridSample::nearest ? Around{} : two_around(seen));
    at[static_cast<size_t>(d)] = round(seen);
  }
  const bool nearest = o.mode == GridSample::nearest;
  return reshape(mixed(flat, sizes, around, at, nearest ? 0 : around.size()), out);
}

}  // namespace cairn
