// Moves tiles of F(4x4, 3x3) in bf16 between activations and the operands of products, and
// transforms them on the way. Internal to winograd_bf16.
#pragma once
#include <cstdint>

namespace cairn::cpu::winograd_bf16 {

inline constexpr int64_t kBlock = 16;  // channels
inline constexpr int64_t kTile = 4, kPoints = 36;
inline constexpr int64_t kPanel = 32;  // output channels of a product

// An activation, and the tiles that cut it up: tile t is number t % (down * across) of image t /
// (down * across).
struct Plane {
  int64_t blocks, height, width;
  int64_t down, across;
  int64_t top, left;  // of tile 0's first pixel: 0, or outside the image by the padding
};

struct Kernels {
  // V of tiles [begin, end), all channels, point by point `plane` elements apart: [tile][channel],
  // tile `begin` first.
  void (*input_rows)(const Plane& x, const uint16_t* data, int64_t begin, int64_t end, uint16_t* v,
                     int64_t plane);
  // The same in pairs of tiles: [tile / 2][channel][2], pairs `row` elements apart. `begin` is
  // even; an odd last tile is paired with zeros.
  void (*input_pairs)(const Plane& x, const uint16_t* data, int64_t begin, int64_t end, uint16_t* v,
                      int64_t plane, int64_t row);
  // A dY A' in panels of pairs of tiles: [panel][tile / 2][kPanel][2], panels `panel` elements
  // apart; lanes past the last block are zeros.
  void (*gradient_panels)(const Plane& dy, const uint16_t* data, int64_t begin, int64_t end,
                          uint16_t* d, int64_t plane, int64_t panel);
  // y of tiles [begin, end) and the channels of a panel, from products m [point][tile][kPanel],
  // points `plane` floats apart.
  void (*output)(const Plane& y, const float* m, int64_t plane, int64_t begin, int64_t end,
                 int64_t panel, uint16_t* data);
  // U of a panel: [point][pair of contracted channels][kPanel][2]. Block (o, i) of w begins at (o *
  // in_blocks + i) * 9 * 256. turned: contracted are the output channels, and the kernel is turned
  // by half a turn.
  void (*filter)(const uint16_t* w, int64_t out_blocks, int64_t in_blocks, bool turned,
                 int64_t panel, uint16_t* u);
  // dW of input channels [c, c + count) (whole blocks) and a panel's output channels, from `slices`
  // sums of dU, `slice` floats apart: [point][channel][kPanel], points `plane` floats apart.
  void (*filter_gradient)(const float* sums, int64_t plane, int64_t slices, int64_t slice,
                          int64_t out_blocks, int64_t in_blocks, int64_t panel, int64_t c,
                          int64_t count, uint16_t* dw);
};

const Kernels* kernels();  // null where there is no AVX-512 BF16

}  // namespace cairn::cpu::winograd_bf16
