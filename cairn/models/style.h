// Pictures in the style of another: what a classifier sees in both (Gatys, Ecker, Bethge 2016), the
// search for a picture that shows the content of one in the style of the other, and a network that
// learns to do it at once (Johnson, Alahi, Fei-Fei 2016).
#pragma once
#include <functional>
#include <optional>
#include <string>

#include "cairn/compile/compile.h"
#include "cairn/io/image.h"
#include "cairn/models/cnn.h"

namespace cairn::models {

Tensor tensor_of_picture(const io::Image& image);                     // [1, 3, H, W], 0 to 1
io::Image picture_of_tensor(const Tensor& pictures, int64_t at = 0);  // of [N, 3, H, W]

// What SqueezeNet sees in pictures [N, 3, H, W] from 0 to 1, sides of at least 32: the maps after
// conv1, fire3, fire5 and fire6 for the style, after fire4 for the content. Averages instead of
// maxima are pooled, as Gatys et al. advise.
class StyleEyes {
 public:
  // Random weights, always the same: a style can be learned from them, less well.
  StyleEyes();
  // `file`: SqueezeNet v1.0's published weights as f32 numbers, one convolution after the other
  // (also .gz), or a state dict of it (.safetensors, .pt), both of pictures in blue-green-red from
  // 0 to 255; or a run of image-classification --model squeezenet on pictures in colour. Throws
  // Error that names the file.
  explicit StyleEyes(const std::string& file);

  struct Maps {
    Tensors style;
    Tensor content;
  };
  Maps look(const Tensor& pictures) const;

 private:
  void read_run(const std::string& run);
  SqueezeNet net_;
  bool blue_first_ = true;
  std::vector<float> mean_, deviation_;  // of the channels in their order, of values from 0 to 1
};

// [N, C, H, W] -> [N, C, C]: products of all pairs of maps, a mean over places and channels.
Tensor gram(const Tensor& maps);

// What is wanted of a picture.
struct StyleTarget {
  Tensors grams;
  explicit StyleTarget(const StyleEyes& eyes, const Tensor& style);
};
struct StyleLoss {
  Tensor content, style, roughness;  // scalars
};
// The mean squared difference of the content's maps, as a part of their own mean square; the same
// of the Gram matrices, a mean over layers; the mean squared step between neighbouring pixels.
StyleLoss style_loss(const StyleEyes& eyes, const StyleTarget& target, const Tensor& pictures,
                     const Tensor& content_maps);

struct PaintOptions {
  int64_t steps = 300;
  double content = 1, style = 10, smooth = 3, lr = 0.03;
  std::function<void(int64_t step, double content, double style)> see = {};
};
// Begins with `content` [1, 3, H, W] and changes its pixels by Adam; the first third of the steps
// at half the size where both sides have 128 pixels.
Tensor paint(const StyleEyes& eyes, const Tensor& content, const Tensor& style,
             const PaintOptions& options = {});

// A convolution with reflected borders, normalised over each picture's places (instance norm).
struct StyledConv : nn::Module {
  StyledConv(int64_t in, int64_t out, int64_t kernel, int64_t stride, bool normed = true);
  // `given`: mean and inverse deviation to use instead of the picture's own; `taken`: adds those.
  Tensor run(const Tensor& x, const Tensor* given, Tensors* taken) const;
  Tensor forward(Tensor x) override { return run(x, nullptr, nullptr); }

  nn::Conv2d conv;
  nn::Param weight, bias;
  int64_t border;
};

// x [N, 3, H, W] from 0 to 1, sides multiples of 4 and at least 16 -> the same sizes. Two strided
// convolutions, residual blocks, twice nearest neighbours and a convolution.
struct Styler : nn::Module {
  explicit Styler(int64_t width = 16, int64_t blocks = 4);
  Tensor forward(Tensor x) override { return run(x, {}, nullptr); }
  // Mean and inverse deviation of each normalisation, in turn, that a picture gives; and the
  // network with those of another, which then is a function of each place's surroundings alone.
  Tensors statistics(const Tensor& x) const;
  Tensor with_statistics(const Tensor& x, const Tensors& statistics) const {
    return run(x, statistics, nullptr);
  }
  int64_t reach() const { return 8 * blocks_ + 32; }  // pixels around that a pixel depends on

  nn::ModuleList<StyledConv> down, inner, up;

 private:
  Tensor run(const Tensor& x, const Tensors& given, Tensors* taken) const;
  int64_t blocks_;
};

// Any picture in the network's style. Of more than `whole` pixels the statistics are those of the
// picture made smaller, and it is done in tiles, which have no seams: what a tile's pixels depend
// on is in the tile. One after another of the same size (a video's frames) is compiled once.
class StyledPictures {
 public:
  explicit StyledPictures(const Styler& net, int64_t whole = 1 << 20)  // the network lives on
      : net_(net), whole_(whole) {}
  StyledPictures(const StyledPictures&) = delete;
  io::Image operator()(const io::Image& picture);

 private:
  void begin(int width, int height);
  void paint_in_tiles(const Tensor& x, io::Image& out);

  const Styler& net_;
  int64_t whole_;
  int width_ = 0, height_ = 0;  // of the picture before
  Tensors statistics_;
  std::optional<CompiledFunction> at_once_, of_tile_;
};
io::Image styled(const Styler& net, const io::Image& picture, int64_t whole = 1 << 20);

// The luma of one picture with the colours of another of the same size: Y of `light`, Cb and Cr of
// `colours`, full-range BT.601 as JPEG has it, in float, rounded once (white: both have sRGB's
// D65).
io::Image with_colours_of(const io::Image& light, const io::Image& colours);

}  // namespace cairn::models
