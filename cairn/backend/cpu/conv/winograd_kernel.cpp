// Winograd's convolution as a kernel of the family: where it fits, where it pays, and weights
// transformed once.
#include <algorithm>
#include <optional>
#include <string_view>

#include "cairn/backend/cpu/conv/conv_kernel.h"
#include "cairn/backend/cpu/onednn/library.h"
#include "cairn/backend/cpu/owned_call.h"
#include "cairn/backend/cpu/winograd/winograd.h"
#include "cairn/base/error.h"
#include "cairn/base/parallel.h"
#include "cairn/dist/world.h"

namespace cairn::cpu {
namespace {

// 3x3 (and 3x3x3) of stride 1; 4x4 of stride 2 over even sizes, and 3x3 where zeros can be added to
// the weight once.
bool winograd_fits(const OpCall& call, const ConvRoles& r) {
  const Ints &stride = call.attrs->ints("stride"), &dilation = call.attrs->ints("dilation");
  const Ints& pads = call.attrs->ints("pads");
  const int spatial = stride.ssize();
  if (spatial < 2 || call.attrs->integer("groups") != 1 || r.x->dtype != DType::f32) return false;
  const bool halves = stride[0] == 2 && spatial == 2;
  const int64_t kernel = halves && !(takes_packed(call, r) && r.w->shape[2] == 3) ? 4 : 3;
  for (int d = 0; d < spatial; ++d) {
    if (stride[d] != (halves ? 2 : 1) || dilation[d] != 1 || r.w->shape[d + 2] != kernel)
      return false;
    if (pads[2 * d] > 2 || pads[2 * d + 1] > 2) return false;
    if (halves && (r.x->shape[d + 2] % 2 || (pads[2 * d] + pads[2 * d + 1]) % 2)) return false;
  }
  return true;
}

WinogradShape winograd_shape(const OpCall& call, const ConvRoles& r) {
  const Ints& pads = call.attrs->ints("pads");
  const int rank = r.x->shape.ssize(), last = pads.ssize() - 4;
  WinogradShape s;
  s.block = block_of(r);
  s.batch = r.x->shape[0], s.in_channels = r.x->shape[1], s.out_channels = r.y->shape[1];
  s.height = r.x->shape[rank - 2], s.width = r.x->shape[rank - 1];
  s.pad_top = pads[last], s.pad_bottom = pads[last + 1], s.pad_left = pads[last + 2],
  s.pad_right = pads[last + 3];
  if (rank == 5) s.depth = r.x->shape[2], s.taps = 3, s.pad_front = pads[0], s.pad_back = pads[1];
  s.stride = static_cast<int>(call.attrs->ints("stride").back());
  return s;
}

// A weight transformed once lies packed, in this form. It is the same for images of any size.
struct PackedForm {
  WinogradTile tile;
  int block, stride;
  bool backward;

  PackedForm(WinogradTile tile, int block, int stride, bool backward)
      : tile(tile), block(block), stride(stride), backward(backward) {}
  explicit PackedForm(const Layout& layout)
      : tile(layout.strides[1] == 2 ? WinogradTile::f2 : WinogradTile::f4),
        block(static_cast<int>(layout.strides[2])),
        stride(static_cast<int>(layout.strides[3])),
        backward(layout.strides[4] != 0) {}

  // A plan of some convolution with weights of this shape.
  template <class Plan>
  std::unique_ptr<Plan> plan(const Shape& w) const {
    WinogradShape s{.in_channels = w[1], .out_channels = w[0], .height = 8, .width = 8};
    s.block = block, s.stride = stride;
    if (w.size() == 5) s.depth = s.taps = 3;
    return std::make_unique<Plan>(s, WinogradOptions{.tile = tile, .transformed = true});
  }
  Layout layout(const Shape& w) const {
    const size_t bytes = backward ? plan<WinogradBackwardData>(w)->weight_bytes()
                                  : plan<WinogradForward>(w)->weight_bytes();
    return Layout::packed_in(bytes, {tile == WinogradTile::f2 ? 2 : 4, block, stride, backward});
  }
};

// Which tile to use; none: direct convolution.
std::optional<WinogradTile> winograd_tile(const OpCall& call, const ConvRoles& r) {
  if (r.w->layout.packed()) {
    const int64_t form = packed_form(r.w->layout);
    if (form == kImplicitGemmForm || form == kFewChannelsForm) return {};
    return PackedForm(r.w->layout).tile;
  }
  if (!winograd_fits(call, r)) return {};
  const std::string_view choice = conv_choice();
  if (choice == "direct" || choice == "gemm") return {};
  if (choice == "f2") return WinogradTile::f2;
  if (choice == "f4") return WinogradTile::f4;
  if (r.x->shape[1] < 16 || r.y->shape[1] < 16) return {};
  WinogradShape shape = winograd_shape(call, r);
  shape.batch *= dist::ranks();  // as one process of all ranks' batch: each tile rounds otherwise
  // A 3x3 kernel of stride 2 is multiplied as a 4x4 one, which is not what direct convolution does.
  const double share = shape.stride == 2 && r.w->shape[2] == 3 ? 9.0 / 16 : 1;
  auto gain = [&](WinogradTile tile) {
    return share * winograd_gain(shape, {.tile = tile, .transformed = takes_packed(call, r)});
  };
  const double f2 = gain(WinogradTile::f2), f4 = gain(WinogradTile::f4);
  const double worth_it = onednn::present() ? 1.1 : 1;  // which is quicker than our own direct sums
  if (std::max(f2, f4) < worth_it) return {};
  return f4 >= f2 ? WinogradTile::f4 : WinogradTile::f2;
}

class WinogradKernel : public ConvKernel {
 public:
  WinogradKernel(const OpCall& call, const ConvRoles& r, WinogradTile tile)
      : direction_(r.direction), relu_(r.relu), packed_(takes_packed(call, r)) {
    const WinogradShape s = winograd_shape(call, r);
    name = tile == WinogradTile::f2 && s.stride == 1 ? "f2" : "f4";  // stride 2 has one tile
    const bool blocked = r.w->layout.kind == LayoutKind::weight_io && r.w->layout.block == s.block;
    const WinogradOptions options{tile, blocked ? FilterLayout::blocked : FilterLayout::plain,
                                  num_threads(), packed_};
    x = y = Layout::channel_blocked(s.block);
    const bool backward = direction_ == ConvDirection::input;
    if (packed_) w = PackedForm(tile, s.block, s.stride, backward).layout(r.w->shape);
    else w = blocked ? r.w->layout : Layout::contiguous(r.w->shape);
    switch (direction_) {
      case ConvDirection::forward:
        scratch_bytes =
            (forward_ = std::make_unique<WinogradForward>(s, options))->workspace_bytes();
        break;
      case ConvDirection::input:
        scratch_bytes =
            (data_ = std::make_unique<WinogradBackwardData>(s, options))->workspace_bytes();
        break;
      case ConvDirection::weight:
        scratch_bytes =
            (weights_ = std::make_unique<WinogradBackwardWeights>(s, options))->workspace_bytes();
        break;
    }
    bias_.emplace(r, s.block, scratch_bytes);
  }
  void run(const void* x_data, const void* w_data, const void* y_data, const ConvExtras& extras,
           void* scratch) override {
    const ConvEpilogue epilogue{(*bias_)(extras.bias, scratch),
                                static_cast<const float*>(extras.residual), relu_};
    const auto* px = static_cast<const float*>(x_data);
    const auto* pw = static_cast<const float*>(w_data);
    const float *plain = packed_ ? nullptr : pw, *packed = packed_ ? pw : nullptr;
    const auto* py = static_cast<const float*>(y_data);
    switch (direction_) {
      case ConvDirection::forward:
        return forward_->run(px, plain, packed, const_cast<float*>(py), epilogue, scratch);
      case ConvDirection::input:
        return data_->run(py, plain, packed, const_cast<float*>(px), scratch);
      case ConvDirection::weight: return weights_->run(px, py, const_cast<float*>(pw), scratch);
    }
  }

 private:
  ConvDirection direction_;
  bool relu_, packed_;
  std::optional<WholeBias> bias_;
  std::unique_ptr<WinogradForward> forward_;
  std::unique_ptr<WinogradBackwardData> data_;
  std::unique_ptr<WinogradBackwardWeights> weights_;
};

class WinogradPack : public Plan {
 public:
  explicit WinogradPack(const OpCall& call) {
    const PackedForm form(call.out().layout);
    if (form.backward) data_ = form.plan<WinogradBackwardData>(call.shape());
    else forward_ = form.plan<WinogradForward>(call.shape());
    if (form.stride == 1 || call.shape().back() == 4) return;
    padded_filters_ = call.shape()[0] * call.shape()[1];
    workspace_bytes = static_cast<size_t>(padded_filters_) * 16 * sizeof(float);
  }
  void launch(const Launch& args) const override {
    const auto* w = static_cast<const float*>(args.inputs[0]);
    auto* u = static_cast<float*>(args.outputs[0]);
    if (padded_filters_) w = padded(w, static_cast<float*>(args.workspace));
    if (data_) data_->transform_weights(w, u);
    else forward_->transform_weights(w, u);
  }

 private:
  // 3x3 filters as 4x4 ones: zeros below and on the right.
  const float* padded(const float* w, float* to) const {
    std::fill_n(to, padded_filters_ * 16, 0.0f);
    for (int64_t f = 0; f < padded_filters_; ++f)
      for (int row = 0; row < 3; ++row) std::copy_n(w + f * 9 + row * 3, 3, to + f * 16 + row * 4);
    return to;
  }

  std::unique_ptr<WinogradForward> forward_;
  std::unique_ptr<WinogradBackwardData> data_;
  int64_t padded_filters_ = 0;
};

}  // namespace

std::unique_ptr<ConvKernel> winograd_kernel(const OpCall& call, const ConvRoles& roles) {
  const auto tile = winograd_tile(call, roles);
  return tile ? std::make_unique<WinogradKernel>(call, roles, *tile) : nullptr;
}

std::unique_ptr<Plan> make_winograd_pack(const OpCall& call) {
  return std::make_unique<WinogradPack>(call);
}

}  // namespace cairn::cpu
