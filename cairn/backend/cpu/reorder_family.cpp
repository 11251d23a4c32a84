// Between layouts: the op "reorder", and copies where one side is blocked.
#include "cairn/backend/cpu/conv/conv_kernel.h"
#include "cairn/backend/cpu/families.h"
#include "cairn/backend/cpu/gemm/ready.h"
#include "cairn/backend/cpu/int8/family.h"
#include "cairn/backend/cpu/owned_call.h"
#include "cairn/backend/cpu/reorder.h"
#include "cairn/backend/cpu/rnn/family.h"

namespace cairn::cpu {
namespace {

class ReorderPlan : public Plan {
 public:
  explicit ReorderPlan(const OpCall& call) : reorder_(call.in(0), call.out()) {}
  void launch(const Launch& args) const override { reorder_.run(args.inputs[0], args.outputs[0]); }

 private:
  Reorder reorder_;
};

std::unique_ptr<Plan> prepare(const OpCall& call) {
  if (!(is_op(call, "reorder") || is_op(call, "copy")) || numel(call.shape()) == 0) return nullptr;
  const bool from_blocked = call.in(0).layout.blocked(), to_blocked = call.out().layout.blocked();
  if (!from_blocked && !to_blocked) return nullptr;  // a strided copy: the elementwise family
  if (packed_for_product(call.out().layout)) return make_product_pack(call);
  if (call.out().layout.packed() && !call.in(0).contiguous() && !from_blocked) return nullptr;
  if (packed_for_int8(call.out().layout)) return make_int8_pack(call);
  if (packed_for_rnn(call.out().layout)) return make_rnn_pack(call);
  if (call.out().layout.packed()) return make_conv_pack(call);
  if (!Reorder::works(call.in(0), call.out())) return nullptr;
  return std::make_unique<ReorderPlan>(call);
}

}  // namespace

Family reorder_family() {
  return {"reorder", [](const OpCall& call) { return is_op(call, "reorder"); }, prepare,
          [](const OpCall& call, int) {
            return !call.out().layout.packed() || packed_for_product(call.out().layout);
          }};
}

}  // namespace cairn::cpu
