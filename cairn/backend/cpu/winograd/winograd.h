// Winograd convolution: fewer multiplications than the direct sum, at the price of transforms.
// Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2015.
//   3x3, stride 1       tiles of 4x4 outputs (4 times fewer) or of 2x2 (2.25 times fewer)
//   3x3x3, stride 1     the same, plane by plane, summed over depth
//   4x4, stride 2       as four phases of 2x2 kernels, tiles of 4x4 (2.56 times fewer); its
//   backward
//                       data is the transposed convolution
// Largest error over largest value: about 1e-5 for f4, 1e-6 (as good as direct) for f2 and
// stride 2.
//
// Activations: f32, channel-blocked [N][C/b][D][H][W][b], b = 8 or 16, padded channel lanes zero
// (and written as zero). Nothing here allocates after construction: callers pass a workspace,
// 64-byte aligned, whose contents need not be kept or set. A plan is immutable: several threads may
// run one plan at a time, each with a workspace of its own.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>

namespace cairn::cpu {

enum class WinogradTile { f2, f4 };  // F(2x2, 3x3), F(4x4, 3x3); stride 2 has F(4x4, 2x2) only

// plain: [O][I][taps][3][3], PyTorch's. blocked: [O/b][I/b][taps][3][3][b of I][b of O], padded
// lanes zero. [4][4] for stride 2. A transposed convolution's [I][O] is this with O its input.
enum class FilterLayout { plain, blocked };

struct WinogradShape {
  int64_t batch = 1, in_channels = 1, out_channels = 1;
  int64_t height = 1, width = 1;                                     // of the input
  int64_t pad_top = 1, pad_bottom = 1, pad_left = 1, pad_right = 1;  // 0 to 2 each
  int block = 8;                                                     // channels a block: 8 or 16
  int64_t depth = 1, taps = 1, pad_front = 0, pad_back = 0;          // taps = 3: a 3x3x3 kernel

  int stride = 1;  // 2: a 4x4 kernel; even sizes, even sums of padding

  int64_t out_height() const { return out_size(height + pad_top + pad_bottom); }
  int64_t out_width() const { return out_size(width + pad_left + pad_right); }
  int64_t out_depth() const { return depth + pad_front + pad_back - (taps - 1); }

 private:
  int64_t out_size(int64_t padded) const { return stride == 2 ? padded / 2 - 1 : padded - 2; }
};

struct WinogradOptions {
  WinogradTile tile = WinogradTile::f4;
  FilterLayout layout = FilterLayout::plain;
  int threads = 0;           // at most; 0: num_threads() of now
  bool transformed = false;  // every run is given u: no room for it in the workspace
};

// y = relu(convolution + bias + residual), each part optional.
struct ConvEpilogue {
  const float* bias = nullptr;      // [O padded to whole blocks], padded lanes zero
  const float* residual = nullptr;  // like y
  bool relu = false;
};

// Estimated time of direct convolution over that of Winograd; where it is below 1, direct is the
// better choice. Rough; forward and backward are taken as alike.
double winograd_gain(const WinogradShape& shape, const WinogradOptions& options = {});

struct ForwardPlan;          // plan.h
struct BackwardWeightsPlan;  // plan.h

// y = x * w. Exactly one of w (transformed within the run: training) and u (transformed once:
// inference) is given. The result does not depend on the number of threads.
class WinogradForward {
 public:
  WinogradForward(const WinogradShape& shape, const WinogradOptions& options = {});
  ~WinogradForward();
  size_t workspace_bytes() const;  // for runs with w, unless `transformed`; enough for runs with u
  size_t weight_bytes() const;     // of u
  void transform_weights(const float* w, float* u) const;
  void run(const float* x, const float* w, const float* u, float* y, const ConvEpilogue& epilogue,
           void* workspace) const;

 private:
  std::unique_ptr<const ForwardPlan> plan_;
};

// dx = the gradient of the input; shape is that of the forward convolution.
class WinogradBackwardData {
 public:
  WinogradBackwardData(const WinogradShape& shape, const WinogradOptions& options = {});
  ~WinogradBackwardData();
  size_t workspace_bytes() const;
  size_t weight_bytes() const;
  void transform_weights(const float* w, float* u) const;
  void run(const float* dy, const float* w, const float* u, float* dx, void* workspace) const;

 private:
  std::unique_ptr<const ForwardPlan> plan_;
};

// dw = the gradient of the weights, in the layout of the options. Sums are taken in an order that
// the shape and the caches' sizes fix, not the number of threads.
class WinogradBackwardWeights {
 public:
  WinogradBackwardWeights(const WinogradShape& shape, const WinogradOptions& options = {});
  ~WinogradBackwardWeights();
  size_t workspace_bytes() const;
  void run(const float* x, const float* dy, float* dw, void* workspace) const;

 private:
  std::unique_ptr<const BackwardWeightsPlan> plan_;
};

}  // namespace cairn::cpu
