// Elementwise ops and reductions on floats: each is a region of one instruction.
#include <optional>

#include "cairn/backend/cpu/families.h"
#include "cairn/backend/cpu/owned_call.h"
#include "cairn/backend/cpu/region/composer.h"
#include "cairn/backend/cpu/widen.h"
#include "cairn/base/parallel.h"

namespace cairn::cpu {
namespace {

class RegionOpPlan : public Plan {
 public:
  explicit RegionOpPlan(ComposedRegion region) : region_(std::move(region)) {
    workspace_bytes = region_.workspace_bytes();
  }
  void launch(const Launch& args) const override {
    region_.run(args.inputs, args.outputs, args.workspace);
  }

 private:
  ComposedRegion region_;
};

// f32 registers hold these exactly.
bool exact(DType t) {
  return is_f32_or_narrow(t) || t == DType::boolean || t == DType::u8 || t == DType::i8;
}
bool float_or_truth(DType t) { return is_f32_or_narrow(t) || t == DType::boolean; }

bool supports_cast(const OpCall& call) {
  const DType from = call.dtype(), to = static_cast<DType>(call.attrs->integer("dtype"));
  if (is_integer(from) && is_integer(to)) return false;  // low bits are kept: whole.cpp
  if (exact(from) && exact(to)) return true;
  const bool from_integer = from == DType::i32 || from == DType::i64,
             to_integer = to == DType::i32 || to == DType::i64;
  return (from_integer && is_f32_or_narrow(to)) || (exact(from) && to_integer);
}

bool supports(const OpCall& call) {
  if (is_op(call, "cast")) return supports_cast(call);
  if (is_op(call, "copy")) return float_or_truth(call.dtype());
  const bool reduction = call.op->is(kReduction);
  if (!reduction && !call.op->is(kElementwise)) return false;
  for (const TensorDesc* d : call.inputs)
    if (!float_or_truth(d->dtype)) return false;
  return reduction || tile_call_of(*call.op, *call.attrs).fn != nullptr;
}

// The layout that the loops follow: that of a blocked operand as large as the space, else plain.
const TensorDesc& leading(const OpCall& call) {
  const bool reduction = call.op->is(kReduction);
  const TensorDesc& space = reduction ? call.in(0) : call.out();
  if (reduction || space.layout.blocked()) return space;
  for (const TensorDesc* d : call.inputs)
    if (d->layout.blocked() && d->shape == space.shape) return *d;
  return space;
}

std::unique_ptr<Plan> prepare(const OpCall& call) {
  if (!supports(call)) return nullptr;
  RegionComposer composer(leading(call));
  SmallVector<int, 8> arguments;
  for (const TensorDesc* d : call.inputs) arguments.push_back(composer.input(*d));
  const int value = composer.apply(*call.op, *call.attrs,
                                   std::span<const int>(arguments.data(), arguments.size()));
  if (!composer.output(value, call.out())) return nullptr;
  return std::make_unique<RegionOpPlan>(composer.finish(num_threads()));
}

// A blocked operand makes the others of its shape blocked.
bool layouts(OpCall& call) {
  const Layout* found = nullptr;
  Shape shape;
  for (const TensorDesc* d : call.inputs)
    if (d->layout.blocked() && !found) found = &d->layout, shape = d->shape;
  if (!found) return false;
  const Layout layout = *found;
  for (TensorDesc* d : call.inputs)
    if (d->shape == shape) d->layout = layout;
  if (!call.op->is(kReduction) && call.outputs[0]->shape == shape) call.outputs[0]->layout = layout;
  return true;
}

}  // namespace

Family elementwise_family() {
  return {"elementwise", supports, prepare, [](const OpCall&, int) { return true; }, layouts};
}

}  // namespace cairn::cpu
