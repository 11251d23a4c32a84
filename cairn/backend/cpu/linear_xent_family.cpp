// Linear layer and cross-entropy in one, f32: the kernels of xent/ as a row of the op table.
#include <cmath>

#include "cairn/backend/cpu/families.h"
#include "cairn/backend/cpu/owned_call.h"
#include "cairn/backend/cpu/xent/xent.h"

namespace cairn::cpu {
namespace {

bool supports(const OpCall& call) {
  return is_op(call, "linear_cross_entropy") && call.dtype() == DType::f32 &&
         numel(call.shape(0)) > 0 && call.shape(1)[0] > 0;
}

class LinearXentKernel : public Plan {
 public:
  explicit LinearXentKernel(const OpCall& call)
      : bias_(call.attrs->integer("bias")), training_(call.attrs->integer("training")) {
    const Shape &x = call.shape(0), &w = call.shape(1);
    plan_ = plan_linear_xent(x[0], x[1], w[0],
                             static_cast<float>(call.attrs->number("label_smoothing")),
                             call.attrs->integer("ignore_index"));
    losses_ = whole_lines(plan_.workspace);
    workspace_bytes = losses_ + static_cast<size_t>(x[0]) * sizeof(float);
  }
  void launch(const Launch& args) const override {
    const auto* targets = static_cast<const int64_t*>(args.inputs[bias_ ? 3 : 2]);
    const LinearXentInputs in{static_cast<const float*>(args.inputs[0]),
                              static_cast<const float*>(args.inputs[1]),
                              bias_ ? static_cast<const float*>(args.inputs[2]) : nullptr, targets};
    auto* losses = reinterpret_cast<float*>(at(args, losses_));
    const int64_t count = count_targets(plan_, targets);
    const int64_t bad = training_ ? both(args, in, count, losses)
                                  : linear_xent_forward(plan_, in, losses, nullptr, args.workspace);
    if (bad >= 0) {
      if (args.fault && args.fault->kind == Fault::none)
        *args.fault = {Fault::bad_index, bad, targets[bad]};
      return;
    }
    double total = 0;
    for (int64_t row = 0; row < plan_.rows; ++row) total += losses[row];
    *static_cast<float*>(args.outputs[0]) = static_cast<float>(total / static_cast<double>(count));
  }

 private:
  int64_t both(const Launch& args, const LinearXentInputs& in, int64_t count, float* losses) const {
    const LinearXentGradients out{static_cast<float*>(args.outputs[1]),
                                  static_cast<float*>(args.outputs[2]),
                                  bias_ ? static_cast<float*>(args.outputs[3]) : nullptr};
    const float each = count > 0 ? 1 / static_cast<float>(count) : NAN;
    return linear_xent_forward_backward(plan_, in, each, losses, nullptr, out, args.workspace);
  }

  LinearXentPlan plan_;
  bool bias_, training_;
  size_t losses_;
};

std::unique_ptr<Plan> prepare(const OpCall& call) {
  if (!supports(call)) return nullptr;
  return std::make_unique<LinearXentKernel>(call);
}

}  // namespace

Family linear_xent_family() { return {"linear cross-entropy", supports, prepare}; }

}  // namespace cairn::cpu
