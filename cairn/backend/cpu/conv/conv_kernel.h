// What a convolution's kernel is: over operands in the layouts that it wants, in one of three
// directions.
#pragma once
#include <memory>

#include "cairn/backend/cpu/onednn/primitive.h"
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
  onednn::MemoryDesc x, w, y;
  Layout packed_w;  // where it is packed, the weight lies so and w is empty
  size_t scratch_bytes = 0;
};

// The library's kernel, for operands that are blocked in the layouts that they have where it can;
// nullptr: none.
std::unique_ptr<ConvKernel> direct_kernel(const OpCall& call, const ConvRoles& roles);
// Winograd's kernel where it fits and pays, else nullptr. A fixed weight it wants packed, and a
// packed one it takes.
std::unique_ptr<ConvKernel> winograd_kernel(const OpCall& call, const ConvRoles& roles);
// The copy of a plain weight into the packed layout of `call`'s output.
std::unique_ptr<Plan> make_winograd_pack(const OpCall& call);

}  // namespace cairn::cpu
