#include "cairn/backend/cpu/widen.h"

#include <vector>

#include "cairn/backend/cpu/owned_call.h"
#include "cairn/backend/cpu/region/region.h"
#include "cairn/base/parallel.h"

namespace cairn::cpu {
namespace {

// Copies a tensor's elements, converting them; both contiguous, or the same blocked layout.
RegionPlan conversion(const TensorDesc& from, const TensorDesc& to) {
  const Physical p = physical_of(from), q = physical_of(to);
  RegionBuilder r(p.dims);
  r.store(r.load({from.dtype, p.strides, from.layout.offset}), {to.dtype, q.strides});
  return RegionPlan(std::move(r.program()), num_threads());
}

struct Converted {
  size_t operand;  // input or output of the call
  size_t offset;   // in the workspace
  RegionPlan copy;
};

class WidenedPlan : public Plan {
 public:
  WidenedPlan(const OpCall& call, std::unique_ptr<Plan> (*prepare)(const OpCall&)) : wide_(call) {
    size_t copy_bytes = 0;
    auto place = [&](TensorDesc& desc, size_t i, bool input) {
      if (!is_narrow(desc.dtype)) return;
      const TensorDesc narrow = desc;
      desc.dtype = DType::f32;
      if (!desc.layout.blocked()) desc.layout = Layout::contiguous(desc.shape);
      RegionPlan copy = input ? conversion(narrow, desc) : conversion(desc, narrow);
      copy_bytes = std::max(copy_bytes, copy.workspace_bytes());
      (input ? inputs_ : outputs_).push_back({i, workspace_bytes, std::move(copy)});
      workspace_bytes += whole_lines(desc.bytes());
    };
    for (size_t i = 0; i < wide_->inputs.size(); ++i) place(*wide_->inputs[i], i, true);
    for (size_t i = 0; i < wide_->outputs.size(); ++i) place(*wide_->outputs[i], i, false);
    plan_ = prepare(*wide_);
    scratch_ = workspace_bytes;
    workspace_bytes += std::max(copy_bytes, plan_ ? plan_->workspace_bytes : 0);
  }
  bool works() const { return plan_ != nullptr; }

  void launch(const Launch& args) const override {
    SmallVector<const void*, 8> in(args.inputs, args.inputs + wide_->inputs.size());
    SmallVector<void*, 8> out(args.outputs, args.outputs + wide_->outputs.size());
    for (const Converted& c : inputs_) {
      void* target = at(args, c.offset);
      c.copy.run(&in[c.operand], &target, at(args, scratch_));
      in[c.operand] = target;
    }
    for (const Converted& c : outputs_) out[c.operand] = at(args, c.offset);
    plan_->launch({in.data(), out.data(), at(args, scratch_), args.fault});
    for (const Converted& c : outputs_)
      c.copy.run(&out[c.operand], &args.outputs[c.operand], at(args, scratch_));
  }

 private:
  OwnedCall wide_;
  std::vector<Converted> inputs_, outputs_;
  std::unique_ptr<Plan> plan_;
  size_t scratch_ = 0;
};

}  // namespace

std::unique_ptr<Plan> widened(const OpCall& call, std::unique_ptr<Plan> (*prepare)(const OpCall&)) {
  auto plan = std::make_unique<WidenedPlan>(call, prepare);
  if (!plan->works()) return nullptr;
  return plan;
}

}  // namespace cairn::cpu
