// Fused regions of compiled steps: the node's list of ops, composed into one tile program.
#include "cairn/backend/cpu/families.h"
#include "cairn/backend/cpu/region/composer.h"
#include "cairn/base/parallel.h"
#include "cairn/graph/graph.h"

namespace cairn::cpu {
namespace {

class RegionPlanOfNode : public Plan {
 public:
  explicit RegionPlanOfNode(ComposedRegion region) : region_(std::move(region)) {
    workspace_bytes = region_.workspace_bytes();
  }
  void launch(const Launch& args) const override {
    region_.run(args.inputs, args.outputs, args.workspace);
  }

 private:
  ComposedRegion region_;
};

bool supports(const OpCall& call) { return call.region != nullptr; }

std::unique_ptr<Plan> prepare(const OpCall& call) {
  if (!call.region) return nullptr;
  const RegionSpec& spec = *call.region;
  Ints row_axes;
  for (int d = spec.domain.ssize() - spec.row_rank; d < spec.domain.ssize(); ++d)
    row_axes.push_back(d);
  RegionComposer composer(spec.domain, spec.layout.kind, spec.layout.block, row_axes);
  std::vector<int> inputs, values;
  for (const TensorDesc* d : call.inputs) inputs.push_back(composer.input(*d));
  for (const RegionStep& step : spec.steps) {
    if (step.args.empty()) {
      values.push_back(composer.constant(static_cast<float>(step.attrs.number("value"))));
      continue;
    }
    SmallVector<int, 4> args;
    for (int32_t a : step.args) args.push_back(a < 0 ? inputs[-1 - a] : values[a]);
    values.push_back(
        composer.apply(*step.op, step.attrs, std::span<const int>(args.data(), args.size())));
    if (values.back() < 0)
      call.error("step {} ({}) does not fit a tile program", values.size() - 1, step.op->name);
  }
  for (size_t o = 0; o < call.outputs.size(); ++o) {
    const int in_place_of = o < spec.in_place_of.size() ? spec.in_place_of[o] : -1;
    if (!composer.output(values[spec.outputs[o]], call.out(static_cast<int>(o)), in_place_of))
      call.error("output {} does not fit a tile program", o);
  }
  return std::make_unique<RegionPlanOfNode>(composer.finish(num_threads()));
}

}  // namespace

Family region_family() {
  return {"region", supports, prepare, [](const OpCall&, int) { return true; }};
}

}  // namespace cairn::cpu
