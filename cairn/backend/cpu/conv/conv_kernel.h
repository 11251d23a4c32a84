// What a convolution's kernel is: over operands in the layouts that it wants, in one of three
// directions.
#pragma once
#include <functional>
#include <memory>
#include <string_view>

#include "cairn/ops/op.h"

namespace cairn::cpu {

enum class ConvDirection { forward, input, weight };

// The three tensors of the forward convolution and where each is in the call: input 0 or 1, or
// output (-1).
struct ConvRoles {
  ConvDirection direction;
  TensorDesc *x, *w, *y;
  int x_at, w_at, y_at;
  // conv_fused only: y = relu(convolution + bias + residual), the last two where asked for.
  TensorDesc *bias = nullptr, *residual = nullptr;
  bool relu = false;
};

struct ConvExtras {                // conv_fused's further inputs
  const float* bias = nullptr;     // [O]
  const void* residual = nullptr;  // lies like y
};

class ConvKernel {
 public:
  virtual ~ConvKernel() = default;
  // One of x, w, y is written.
  virtual void run(const void* x, const void* w, const void* y, const ConvExtras& extras,
                   void* scratch) = 0;
  const char* name = "direct";  // as CAIRN_CONV names it
  Layout x, w, y;               // how its operands lie; w: packed, too
  size_t scratch_bytes = 0;
};

// Winograd's kernel where it fits and pays, else nullptr. A fixed weight it wants packed, and a
// packed one it takes.
std::unique_ptr<ConvKernel> winograd_kernel(const OpCall& call, const ConvRoles& roles);
std::unique_ptr<Plan> make_winograd_pack(const OpCall& call);
// The same in bf16, for weights that change.
std::unique_ptr<ConvKernel> winograd_bf16_kernel(const OpCall& call, const ConvRoles& roles);
// Products over padded lines in bf16 by AMX, for weights that change.
std::unique_ptr<ConvKernel> lines_bf16_kernel(const OpCall& call, const ConvRoles& roles);
// Products over gathered pixels in bf16, for weights that change.
std::unique_ptr<ConvKernel> gathered_bf16_kernel(const OpCall& call, const ConvRoles& roles);
// A matrix product over gathered pixels, forward, for a weight that is fixed or packed; nullptr: it
// does not fit.
std::unique_ptr<ConvKernel> implicit_gemm_kernel(const OpCall& call, const ConvRoles& roles);
std::unique_ptr<Plan> make_implicit_gemm_pack(const OpCall& call);
// Few input channels: forward, and the gradient of the weight; nullptr: it does not fit.
std::unique_ptr<ConvKernel> few_channels_forward_kernel(const OpCall& call, const ConvRoles& roles);
std::unique_ptr<Plan> make_few_channels_pack(const OpCall& call);
std::unique_ptr<ConvKernel> few_channels_kernel(const OpCall& call, const ConvRoles& roles);
// Few channels of the result: the gradient of such an input, and forward; nullptr: it does not fit.
std::unique_ptr<ConvKernel> few_results_kernel(const OpCall& call, const ConvRoles& roles);

// A kernel as large as the image: a product of plain matrices; nullptr: it does not fit.
std::unique_ptr<ConvKernel> whole_image_kernel(const OpCall& call, const ConvRoles& roles);
// Many weights, few pixels of the result: a product of the weight as it lies; nullptr: others.
std::unique_ptr<ConvKernel> few_pixels_kernel(const OpCall& call, const ConvRoles& roles);
// For all that no other does.
std::unique_ptr<ConvKernel> direct_kernel(const OpCall& call, const ConvRoles& roles);

// The copy of a plain weight into the packed layout of `call`'s output.
std::unique_ptr<Plan> make_conv_pack(const OpCall& call);

// Which kernel a packed weight is for: the first number of its form. Winograd's is its tile, 2
// or 4.
constexpr int64_t kImplicitGemmForm = 1, kFewChannelsForm = 3;
inline int64_t packed_form(const Layout& packed) { return packed.strides[1]; }
// The name of the kernel that runs the call, whose operands may still lie in any way.
std::string_view conv_kernel_name(const OpCall& call);
// CAIRN_CONV: auto, direct (the library's where there is one), gemm, lines, f2 or f4.
std::string_view conv_choice();

// CAIRN_TUNE=1: while a TunedConv lives, conv_choice() says its word to this thread.
class TunedConv {
 public:
  explicit TunedConv(std::string_view word);  // one of conv_choice()'s, which lives on
  ~TunedConv();
  TunedConv(const TunedConv&) = delete;
  TunedConv& operator=(const TunedConv&) = delete;
};
std::string_view tuned_conv_choice();  // that word; empty: none lives
// The word whose kernel is quickest, as remembered or measured now; `make`: the kernel of the word
// that conv_choice() says.
using MakeConvKernel = std::function<std::unique_ptr<ConvKernel>()>;
std::string_view choose_conv_by_time(const OpCall& call, const ConvRoles& roles,
                                     const MakeConvKernel& make);

// The kernel will be given, or may ask for, a weight that was packed beforehand.
inline bool takes_packed(const OpCall& call, const ConvRoles& r) {
  return r.direction != ConvDirection::weight && (r.w->layout.packed() || call.is_fixed(r.w_at));
}
// Channels a block: of the operands, or where they leave the choice.
int block_of(const ConvRoles& roles);
int preferred_block();
// The bias in whole blocks of channels, the last padded with zeros.
class WholeBias {
 public:
  WholeBias(const ConvRoles& roles, int block,
            size_t& scratch_bytes);  // takes room there if it needs to
  const float* operator()(const float* bias, void* scratch) const;

 private:
  int64_t channels_ = 0, padded_ = 0;  // 0: as it is
  size_t offset_ = 0;
};

}  // namespace cairn::cpu
