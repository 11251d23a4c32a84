// Fused regions, step by step: each step runs the plain kernel of its op and is rounded to its
// dtype, so that a fused graph gives the bits of the same graph unfused.
#include "cairn/backend/reference/reference.h"

#include <memory>

#include "cairn/graph/graph.h"
#include "cairn/ops/op.h"

namespace cairn::reference {
namespace {

constexpr size_t kAlign = 64;

// One launch of the region: results of steps lie in the workspace, in plain layout.
class RegionPlan : public Plan {
 public:
  RegionPlan(const OpCall& call, Prepare prepare) {
    const RegionSpec& spec = *call.region;
    results_.reserve(spec.steps.size());
    for (const RegionStep& step : spec.steps) add_step(call, step, prepare);
    for (size_t o = 0; o < call.outputs.size(); ++o) {
      const Attrs none;
      OpCall copy{
          &op_named("copy"), &none, {&results_[spec.outputs[o]].desc}, {call.outputs[o]}, nullptr};
      stores_.push_back({prepare(copy), spec.outputs[o]});
    }
  }

  // Outputs are stored last: one that lies where an input does overwrites it only after every step
  // has read it.
  void launch(const Launch& args) const override {
    auto result = [&](int32_t step) {
      return static_cast<void*>(static_cast<char*>(args.workspace) + results_[step].offset);
    };
    for (size_t s = 0; s < steps_.size(); ++s) {
      SmallVector<const void*, 4> in;
      for (int32_t a : steps_[s].args) in.push_back(a < 0 ? args.inputs[-1 - a] : result(a));
      void* out = result(static_cast<int32_t>(s));
      steps_[s].plan->launch({in.data(), &out, nullptr, args.fault});
    }
    for (size_t o = 0; o < stores_.size(); ++o) {
      const void* in = result(stores_[o].step);
      stores_[o].plan->launch({&in, &args.outputs[o], nullptr, args.fault});
    }
  }

 private:
  struct Result {
    TensorDesc desc;
    size_t offset;
  };
  struct Step {
    std::unique_ptr<Plan> plan;
    SmallVector<int32_t, 4> args;
  };
  struct Store {
    std::unique_ptr<Plan> plan;
    int32_t step;
  };

  void add_step(const OpCall& region, const RegionStep& step, Prepare prepare) {
    results_.push_back({TensorDesc(step.dtype, step.shape), workspace_bytes});
    TensorDesc& desc = results_.back().desc;
    workspace_bytes += (desc.bytes() + kAlign) / kAlign * kAlign;
    Attrs attrs = step.attrs;
    OpCall call{step.op, &attrs, {}, {&desc}, nullptr};
    for (int32_t a : step.args)
      call.inputs.push_back(a < 0 ? region.inputs[-1 - a] : &results_[a].desc);
    steps_.push_back({prepare(call), step.args});
  }

  std::vector<Result> results_;
  std::vector<Step> steps_;
  std::vector<Store> stores_;
};

}  // namespace

std::unique_ptr<Plan> prepare_region(const OpCall& call, Prepare prepare) {
  return std::make_unique<RegionPlan>(call, prepare);
}

}  // namespace cairn::reference
