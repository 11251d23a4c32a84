// The gated PixelCNN (van den Oord et al. 2016) of grey pictures whose pixels are black or white:
// the probability of each given all above it and those to its left, so that a picture's is exact. A
// vertical stack sees the rows above, a horizontal one the row so far, and no place is blind.
#pragma once
#include "cairn/models/density.h"
#include "cairn/nn/nn.h"

namespace cairn::models {

// A convolution that is told how many zeros to put above and to the left of what it sees.
class EdgeConv : public nn::Conv2d {
 public:
  using nn::Conv2d::Conv2d;
  struct Edge {
    int64_t top = 0, left = 0, right = 0;
  };
  Tensor operator()(const Tensor& x, const Edge& edge, Loc loc = Loc::current()) const;
};

// One gated layer of both stacks, each of `width` channels. What comes before (a row above, a pixel
// to the left) is zeros at the edge, or is given: a whole picture and a pixel of it go the same
// way.
class GatedLayer : public nn::Module {
 public:
  GatedLayer(int64_t width, int64_t classes);
  // The vertical stack: [N, width, rows, W] of as many rows and, without an edge, the one above.
  Tensor down(const Tensor& rows, const EdgeConv::Edge& edge, const Tensor& labels) const;
  // The horizontal one: adds to `pixels` what it makes of them (with those to their left) and of
  // the vertical stack.
  Tensor along(const Tensor& pixels, const Tensor& with_left, const EdgeConv::Edge& edge,
               const Tensor& rows, const Tensor& labels) const;

 private:
  // Values and their gates, apart: what is made as one would have to be cut.
  EdgeConv rows_, rows_gate_, pixels_, pixels_gate_;
  nn::Conv2d across_, across_gate_, out_;
  std::optional<nn::Embedding> label_;  // what it adds to all four
};

class PixelCnn : public Density {
 public:
  explicit PixelCnn(const DensitySize& size);

  ChanceSize chance(int64_t samples) const override;
  Tensor objective(const Tensor& x, const Tensor& labels, const Chance& chance) override;
  bool is_binary() const override { return true; }
  int64_t noise() const override { return size_.shape.size(); }
  // Pixel by pixel: as much work as one look at whole pictures, since layers keep what they saw.
  Painter painter(const DrawHow& how) const override;
  std::vector<Port> takes() const override;
  std::string gives() const override { return "log odds"; }  // of white, [N, 1, H, W]
  Tensor respond(std::span<const Tensor> in) override;

  // Pictures of -1 and 1 [N, 1, H, W] to log odds of the same shape.
  Tensor log_odds(const Tensor& x, const Tensor& labels) const;

  // The same a row and a pixel at a time. All states begin as zeros.
  // rows: the 3 above [N, 1, 3, W]; above: of every layer [L, N, width, 1, W].
  struct Row {
    Tensor columns;  // of every layer, what the horizontal stack gets: [W, L, N, width, 1, 1]
    Tensor above;
  };
  Row next_row(const Tensor& rows, const Tensor& above, const Tensor& labels) const;
  // left: the 3 pixels before [N, 1, 1, 3]; column: of next_row() [L, N, width, 1, 1]; before: of
  // every layer [L, N, width, 1, 1].
  struct Pixel {
    Tensor log_odds;  // [N]
    Tensor before;
  };
  Pixel next_pixel(const Tensor& left, const Tensor& column, const Tensor& before,
                   const Tensor& labels) const;
  Tensor zero_rows(int64_t n) const;    // `above` of the first row
  Tensor zero_pixels(int64_t n) const;  // `before` of the first pixel of a row

 private:
  Tensor head(const Tensor& h) const;

  DensitySize size_;
  EdgeConv first_rows_, first_pixels_;
  nn::ModuleList<GatedLayer> layers_;
  nn::Conv2d hidden_, last_;
};

}  // namespace cairn::models
