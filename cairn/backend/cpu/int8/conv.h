// 8-bit convolution over channels-last pixels, as a product over gathered pixels: blocks of output
// pixels are gathered (for each the bytes under its window, the zero point beyond the edges), then
// multiplied by panels of weights.
#pragma once
#include <cstddef>
#include <cstdint>

#include "cairn/backend/cpu/int8/tile.h"

namespace cairn::cpu::int8 {

struct ConvShape {
  int64_t images, height, width, channels;  // of x
  int64_t out_height, out_width, out_channels;
  int64_t kernel[2], stride[2], pad[2], dilation[2];  // pad: before the first row and column
  int64_t groups = 1;

  int64_t pixels() const { return images * out_height * out_width; }
  int64_t group_channels() const { return channels / groups; }
  int64_t group_outputs() const { return out_channels / groups; }
  int64_t depth() const { return kernel[0] * kernel[1] * group_channels(); }  // terms of a sum
};

struct ConvParams {
  double x_scale, y_scale, residual_scale = 1;
  int64_t x_zero, y_zero, residual_zero = 0;
  bool relu = false, floats = false;
};

struct ConvOperands {
  const uint8_t* x;    // [N, H, W, C]
  const void* packed;  // weights from Conv::pack(), 64-byte aligned
  const float *weight_scale, *bias;
  const uint8_t* residual;  // [N, H', W', O] or null
  void* y;                  // [N, H', W', O], u8 or f32
};

class Conv {
 public:
  Conv(const ConvShape& shape, const ConvParams& params, const Kernels& kernels, int threads);

  size_t packed_bytes() const;
  size_t workspace_bytes() const;  // of run(); 64-byte aligned
  // weights i8 [O, kh, kw, C / groups].
  void pack(const int8_t* weights, void* to) const;
  void run(const ConvOperands& operands, void* workspace) const;

 private:
  struct Pixel;
  struct Constants;  // of each output channel, filled by run()

  int64_t panels() const;      // of one group
  int64_t sums_bytes() const;  // of the packed weights: the sum of each channel, then the panels
  int64_t gathered_bytes() const;  // of one block
  Constants constants(const ConvOperands& operands, void* workspace) const;
  void gather(const uint8_t* x, int64_t group, int64_t first, int64_t count, uint8_t* row,
              uint8_t* to) const;
  void gather_row(const uint8_t* x, int64_t group, const Pixel& pixel, uint8_t* row) const;
  void gather_chunks(const uint8_t* x, const Pixel& pixel, int64_t rows, uint8_t* to) const;
  void multiply(const ConvOperands& operands, const Constants& constants, int64_t group,
                int64_t first, int64_t count, int64_t panel_begin, int64_t panel_end,
                const uint8_t* gathered) const;

  ConvShape s_;
  ConvParams p_;
  Kernels k_;
  int threads_;
  int64_t steps_, row_bytes_, block_rows_, blocks_, splits_;
};

}  // namespace cairn::cpu::int8
