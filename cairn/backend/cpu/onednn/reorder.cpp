// Between layouts: the op "reorder", and copies where one side is blocked. Padding of the target
// becomes zero.
#include "cairn/backend/cpu/conv/conv_kernel.h"
#include "cairn/backend/cpu/families.h"
#include "cairn/backend/cpu/int8/family.h"
#include "cairn/backend/cpu/onednn/primitive.h"
#include "cairn/backend/cpu/owned_call.h"
#include "cairn/base/parallel.h"

namespace cairn::cpu {
namespace {

bool supports(const OpCall& call) { return is_op(call, "reorder") || is_op(call, "copy"); }

// Elements that take some 10 us to move: what waking a thread costs (thread_pool.cpp).
constexpr int64_t kWorthAThread = 32 << 10;

class ReorderPlan : public Plan {
 public:
  explicit ReorderPlan(const OpCall& call)
      : threads_(threads_for(numel(call.shape()), kWorthAThread)),
        offset_(call.in(0).layout.blocked()
                    ? 0
                    : call.in(0).layout.offset * static_cast<int64_t>(size_of(call.dtype()))) {
    onednn::ThreadScope scope(threads_);
    reorder_ = onednn::make_reorder(onednn::describe(call.in(0)), onednn::describe(call.out()));
    workspace_bytes = reorder_.scratch_bytes();
  }
  void launch(const Launch& args) const override {
    onednn::ThreadScope scope(threads_);
    reorder_.bind(DNNL_ARG_FROM, static_cast<const char*>(args.inputs[0]) + offset_);
    reorder_.bind(DNNL_ARG_TO, args.outputs[0]);
    reorder_.bind(DNNL_ARG_SCRATCHPAD, args.workspace);
    reorder_.run();
  }

 private:
  int threads_;
  int64_t offset_;
  mutable onednn::Primitive reorder_;
};

// The library reads a plain tensor through its strides unless these repeat or turn elements.
bool readable(const TensorDesc& d) {
  if (d.layout.blocked()) return true;
  for (int i = 0; i < d.shape.ssize(); ++i)
    if (d.shape[i] > 1 && d.layout.strides[i] <= 0) return false;
  return true;
}

std::unique_ptr<Plan> prepare(const OpCall& call) {
  if (!supports(call) || !onednn::has_type(call.dtype()) || numel(call.shape()) == 0)
    return nullptr;
  const bool from_blocked = call.in(0).layout.blocked(), to_blocked = call.out().layout.blocked();
  if (!from_blocked && !to_blocked) return nullptr;  // a strided copy: the elementwise family
  if (call.out().layout.packed() && !call.in(0).contiguous() && !from_blocked) return nullptr;
  if (!readable(call.in(0))) return nullptr;
  if (packed_for_int8(call.out().layout)) return make_int8_pack(call);
  if (call.out().layout.packed()) return make_conv_pack(call);
  try {
    return std::make_unique<ReorderPlan>(call);
  } catch (const dnnl::error&) {  // the library lacks this pair
    return nullptr;
  }
}

}  // namespace

Family reorder_family() {
  return {
      "reorder", [](const OpCall& call) { return is_op(call, "reorder"); }, prepare,
      [](const OpCall& call, int) { return !call.out().layout.packed() && readable(call.in(0)); }};
}

}  // namespace cairn::cpu
