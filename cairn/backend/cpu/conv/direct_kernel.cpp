// Convolution of any kernel, step, dilation and groups, in all three directions, for weights that
// change: packed in each run (which costs a percent or two of the product). The gradient of the
// input is a convolution of the output's gradient, for each phase of the step one, by the taps that
// meet it.
//
// Groups whose channels fill no block are taken together until they do, with weights of zero
// between them.
#include <algorithm>
#include <cstring>
#include <numeric>
#include <optional>
#include <vector>

#include "cairn/backend/cpu/conv/conv_kernel.h"
#include "cairn/backend/cpu/conv/depthwise.h"
#include "cairn/backend/cpu/conv/implicit_gemm.h"
#include "cairn/backend/cpu/conv/weight_gradient.h"
#include "cairn/backend/cpu/owned_call.h"
#include "cairn/base/parallel.h"

namespace cairn::cpu {
namespace {

class DirectKernel : public ConvKernel {
 public:
  DirectKernel(const OpCall& call, const ConvRoles& r) : direction_(r.direction), relu_(r.relu) {
    name = "gemm";
    const int block = ImplicitGemm::block();
    x = y = Layout::channel_blocked(block), w = Layout::contiguous(r.w->shape);
    const ConvGeometry g = geometry_of(call, r);
    x_bytes_ = TensorDesc(DType::f32, r.x->shape, x).bytes();
    const int64_t groups = call.attrs->integer("groups");
    if (groups > 1 && g.in_channels == 1 && g.out_channels == groups && Depthwise::fits(g)) {
      depthwise_.emplace(g, groups, direction_, num_threads());
      scratch_bytes = depthwise_->workspace_bytes();
    } else {
      take_groups(g, groups, block);
    }
    bias_.emplace(r, block, scratch_bytes);
  }

  void run(const void* x_data, const void* w_data, const void* y_data, const ConvExtras& extras,
           void* scratch) override {
    const auto *px = static_cast<const float*>(x_data), *pw = static_cast<const float*>(w_data),
               *py = static_cast<const float*>(y_data);
    const ConvEpilogue epilogue{(*bias_)(extras.bias, scratch),
                                static_cast<const float*>(extras.residual), relu_};
    if (depthwise_) return depthwise_->run(px, pw, py, epilogue, scratch);
    if (direction_ == ConvDirection::weight) {
      auto* dw = const_cast<float*>(pw);
      for (const GradientPart& p : gradients_)
        p.gradient.run(px + p.in_at, py + p.out_at, p.view, dw + p.weight_at, scratch);
      return;
    }
    const bool forward = direction_ == ConvDirection::forward;
    const float* from = forward ? px : py;
    auto* to = const_cast<float*>(forward ? py : px);
    auto* packed = static_cast<float*>(scratch);
    void* workspace = static_cast<char*>(scratch) + packed_bytes_;
    clear(to);
    for (const Part& p : parts_) {
      p.gemm.pack_weights(pw + p.weight_at, p.view, packed);
      ConvEpilogue own = epilogue;
      if (own.bias) own.bias += p.bias_at;
      if (own.residual) own.residual += p.out_at;
      p.gemm.run(from + p.in_at, packed, to + p.out_at, own, workspace);
    }
  }

 private:
  struct Part {  // a product over pixels: some groups, a phase of them
    ImplicitGemm gemm;
    WeightView view;
    int64_t in_at, out_at, weight_at, bias_at;  // of the first channels: elements
  };
  struct GradientPart {
    WeightGradient gradient;
    WeightView view;
    int64_t in_at, out_at, weight_at;
  };

  // Where a phase has no taps, all pixels begin as zero.
  void clear(float* to) const {
    constexpr size_t kPiece = 256 << 10;
    const auto pieces = static_cast<int64_t>((zero_bytes_ + kPiece - 1) / kPiece);
    parallel_for(pieces, 1, [&](int64_t begin, int64_t end) {
      const size_t from = static_cast<size_t>(begin) * kPiece,
                   until = std::min(static_cast<size_t>(end) * kPiece, zero_bytes_);
      std::memset(reinterpret_cast<char*>(to) + from, 0, until - from);
    });
  }
  // g: channels of the input of one group, of the output in all.
  void take_groups(const ConvGeometry& g, int64_t groups, int64_t block) {
    const int64_t ins = g.in_channels, outs = g.out_channels / groups, taps = g.taps();
    const auto to_fill = [&](int64_t channels) { return block / std::gcd(block, channels); };
    const int64_t together = std::min(groups, std::lcm(to_fill(ins), to_fill(outs)));
    for (int64_t first = 0; first < groups; first += together) {
      const int64_t count = std::min(together, groups - first);
      ConvGeometry some = g;
      some.in_channels = count * ins, some.out_channels = count * outs;
      some.all_in_channels = groups * ins, some.all_out_channels = groups * outs;
      const int64_t x_at = first * ins * g.plane(), y_at = first * outs * g.pixels(),
                    w_at = first * outs * ins * taps;
      WeightView view{outs, ins, ins * taps, taps, outs * ins * taps, {g.kernel}};
      if (direction_ == ConvDirection::weight) {
        gradients_.push_back({WeightGradient(some, num_threads()), view, x_at, y_at, w_at});
        scratch_bytes = std::max(scratch_bytes, gradients_.back().gradient.workspace_bytes());
      } else if (direction_ == ConvDirection::forward) {
        parts_.push_back({ImplicitGemm(some, num_threads()), view, x_at, y_at, w_at, first * outs});
      } else {
        std::swap(view.outs, view.ins), std::swap(view.out, view.in);
        take_phases(some, view, y_at, x_at, w_at);
      }
    }
    size_t workspace = scratch_bytes;
    for (const Part& p : parts_) {
      packed_bytes_ = std::max(packed_bytes_, whole_lines(p.gemm.weight_bytes()));
      workspace = std::max(workspace, p.gemm.workspace_bytes());
    }
    scratch_bytes = packed_bytes_ + workspace;
  }
  void take_phases(const ConvGeometry& g, WeightView view, int64_t in_at, int64_t out_at,
                   int64_t weight_at) {
    ConvGeometry::Sizes at;
    for (at[0] = 0; at[0] < g.stride[0]; ++at[0])
      for (at[1] = 0; at[1] < g.stride[1]; ++at[1])
        for (at[2] = 0; at[2] < g.stride[2]; ++at[2]) {
          ConvGeometry phase;
          if (!input_phase(g, at, phase, view.taps)) continue;
          if (phase.taps() == 0) zero_bytes_ = x_bytes_;
          else
            parts_.push_back(
                {ImplicitGemm(phase, num_threads()), view, in_at, out_at, weight_at, 0});
        }
  }

  ConvDirection direction_;
  bool relu_;
  size_t packed_bytes_ = 0, x_bytes_ = 0, zero_bytes_ = 0;
  std::vector<Part> parts_;
  std::vector<GradientPart> gradients_;
  std::optional<Depthwise> depthwise_;
  std::optional<WholeBias> bias_;
};

}  // namespace

std::unique_ptr<ConvKernel> direct_kernel(const OpCall& call, const ConvRoles& r) {
  if (r.x->dtype != DType::f32 || r.w->layout.packed() || r.x->shape.ssize() > 5 ||
      ImplicitGemm::block() == 0)
    return nullptr;
  return std::make_unique<DirectKernel>(call, r);
}

}  // namespace cairn::cpu
