// CTC loss, f32: the kernels of ctc/ as rows of the op table.
#include "cairn/backend/cpu/ctc/ctc.h"
#include "cairn/backend/cpu/families.h"
#include "cairn/backend/cpu/owned_call.h"

namespace cairn::cpu {
namespace {

bool is_backward(const OpCall& call) { return is_op(call, "ctc_loss_backward"); }

bool supports(const OpCall& call) {
  if (!is_op(call, "ctc_loss") && !is_backward(call)) return false;
  return call.dtype() == DType::f32 && numel(call.shape(0)) > 0;
}

CtcConfig config_of(const OpCall& call) {
  const Shape& x = call.shape(0);
  CtcConfig c;
  c.steps = x[0], c.batch = x[1], c.classes = x[2], c.target = call.shape(1)[1];
  c.blank = static_cast<int32_t>(call.attrs->integer("blank"));
  c.zero_infinity = call.attrs->integer("zero_infinity");
  return c;
}
size_t reserve(const OpCall& call) { return ctc_sizes(config_of(call)).reserve_bytes; }

class CtcKernel : public Plan {
 public:
  explicit CtcKernel(const OpCall& call) : call_(call), config_(config_of(call)) {
    workspace_bytes = ctc_sizes(config_).workspace_bytes;
  }
  void launch(const Launch& args) const override {
    const TensorDesc& x = call_->in(0);
    CtcInput in;
    in.log_probs = static_cast<const float*>(args.inputs[0]) + x.layout.offset;
    in.step_stride = x.layout.strides[0], in.item_stride = x.layout.strides[1];
    in.targets = static_cast<const int32_t*>(args.inputs[1]);
    in.input_lengths = static_cast<const int32_t*>(args.inputs[2]);
    in.target_lengths = static_cast<const int32_t*>(args.inputs[3]);
    if (!is_backward(*call_))
      return ctc_forward(config_, in, static_cast<float*>(args.outputs[0]), args.outputs[1],
                         args.workspace);
    const Ints& to = call_->out().layout.strides;
    ctc_backward(config_, in, args.inputs[4], static_cast<const float*>(args.inputs[5]),
                 static_cast<float*>(args.outputs[0]), to[0], to[1], args.workspace);
  }

 private:
  OwnedCall call_;
  CtcConfig config_;
};

std::unique_ptr<Plan> prepare(const OpCall& call) {
  if (!supports(call)) return nullptr;
  return std::make_unique<CtcKernel>(call);
}
bool strides(const OpCall& call, int input) {
  const TensorDesc& d = call.in(input);
  return input == 0 && !d.layout.blocked() && (d.shape[2] == 1 || d.layout.strides[2] == 1);
}

}  // namespace

Family ctc_family() { return {"ctc", supports, prepare, strides, nullptr, reserve}; }

}  // namespace cairn::cpu
