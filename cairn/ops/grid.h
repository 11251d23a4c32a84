// Evenly spaced numbers, grids, and pictures read at the places of a grid.
#pragma once
#include <vector>

#include "cairn/ops/op.h"

namespace cairn {

Tensor linspace(double start, double end, int64_t steps,
                DType dtype = DType::f32);  // both ends included
// Vectors [n0], [n1], ... -> as many tensors [n0, n1, ...]; xy: the first two dimensions swapped.
enum class Indexing { ij, xy };
std::vector<Tensor> meshgrid(const std::vector<Tensor>& axes, Indexing indexing = Indexing::ij,
                             Loc loc = Loc::current());

// theta [N, 2, 3], size {N, C, H, W} -> the places [N, H, W, 2] (x, y in [-1, 1]) that
// grid_sample() reads; [N, 3, 4], {N, C, D, H, W} -> [N, D, H, W, 3] (x, y, z).
Tensor affine_grid(In theta, const Shape& size, bool align_corners = false);

enum class GridSample { bilinear, nearest, bicubic };  // bicubic: of pictures only
enum class GridPadding { zeros, border, reflection };
struct GridSampleOptions {
  GridSample mode = GridSample::bilinear;
  GridPadding padding = GridPadding::zeros;  // what lies outside of the picture
  bool align_corners =
      false;  // -1 and 1 are the centres of the corner pixels, not their outer edges
};
// x [N, C, H, W], grid [N, h, w, 2] -> [N, C, h, w], or with a depth, [N, C, D, H, W] and
// [N, d, h, w, 3] (Jaderberg et al. 2015); PyTorch's grid_sample.
Tensor grid_sample(In x, const Tensor& grid, const GridSampleOptions& options = {});

}  // namespace cairn
