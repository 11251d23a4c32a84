// Winograd convolution F(4x4, 3x3) of stride 1 in bf16: tiles and filters are transformed in f32,
// multiplied in bf16 with sums in f32, and transformed back in f32. 4 times fewer multiplications
// than the direct sum.
//
// bf16 keeps 8 bits, and the points 0, 1, -1, 2, -2 of Lavin and Gray (2015) lose 4 of them: an
// error of 6e-2 of the largest output. The points here are 0, sqrt 2, -sqrt 2, 1 / sqrt 2, -1 /
// sqrt 2 and infinity (Alam, Anderson, Barabasz and Gregg, "Winograd Convolution for Deep Neural
// Networks: Efficient Point Selection", 2022): errors stay below 2e-2 of the largest value in
// layers of usual size (about 1.5e-2; root mean square 1.1e-2 of that of the outputs) in all three
// directions; where there are few outputs, whose largest says little, up to 2.4e-2 was seen. F(2x2,
// 3x3) errs 4e-3, as much as rounding outputs to bf16 does, but multiplies 1.8 times as much, which
// is no quicker than direct convolution in bf16.
//
// Activations: bf16, channel-blocked [N][C/16][H][W][16], padded lanes zero (and written as zero).
// Plans are immutable and never allocate; workspaces are 64-byte aligned.
#pragma once
#include <cstddef>
#include <cstdint>

namespace cairn::cpu {

struct WinogradBf16Shape {
  int64_t batch, in_channels, out_channels, height, width;  // of the forward convolution's input
  int64_t pad_top, pad_bottom, pad_left, pad_right;         // 0 to 2 each
  int64_t out_height() const { return height + pad_top + pad_bottom - 2; }
  int64_t out_width() const { return width + pad_left + pad_right - 2; }
};

// The processor has the instructions.
bool has_winograd_bf16();
// Estimated time of direct convolution over Winograd's, on `threads` threads; weight: for the
// gradient of the weight.
double winograd_bf16_gain(const WinogradBf16Shape& shape, bool weight);

// y = x * w, or for `backward` dx from dy. w: bf16 [O/16][I/16][3][3][16][16], the last index the
// output channels (forward) or the input channels (backward).
class WinogradBf16 {
 public:
  WinogradBf16(const WinogradBf16Shape& shape, bool backward, int threads);
  size_t workspace_bytes() const;
  void run(const uint16_t* x, const uint16_t* w, uint16_t* y, void* workspace) const;

 private:
  friend class WinogradBf16Worker;
  int64_t batch_, in_blocks_, out_blocks_;
  int64_t in_height_, in_width_, out_height_, out_width_, pad_top_, pad_left_;
  bool backward_;
  int threads_;
  int64_t tiles_, chunk_, panels_, splits_;
  bool fused_;  // each thread takes chunks of tiles through all steps; else all share a chunk and
                // take panels of outputs
};

// dw = the gradient of the weight, bf16 [O/16][I/16][3][3][16 of I][16 of O].
class WinogradBf16Weights {
 public:
  WinogradBf16Weights(const WinogradBf16Shape& shape, int threads);
  size_t workspace_bytes() const;
  void run(const uint16_t* x, const uint16_t* dy, uint16_t* dw, void* workspace) const;

 private:
  friend class WinogradBf16WeightsWorker;
  WinogradBf16Shape shape_;
  int threads_;
  int64_t in_blocks_, out_blocks_, tiles_, panels_, chunk_, slices_;
  bool sliced_;  // chunks are dealt to partial sums; else all threads share a chunk and take blocks
                 // of the sums
};

}  // namespace cairn::cpu
