// Attention to the steps of texts that branch, f32: attention/steps.h as a row of the op table.
#include "cairn/backend/cpu/attention/steps.h"
#include "cairn/backend/cpu/families.h"
#include "cairn/backend/cpu/owned_call.h"
#include "cairn/base/parallel.h"
#include "cairn/base/round.h"

namespace cairn::cpu {
namespace {

bool supports(const OpCall& call) {
  return is_op(call, "attention_to_steps") && call.dtype() == DType::f32;
}

class StepAttention : public Plan {
 public:
  explicit StepAttention(const OpCall& call)
      : call_(call),
        shape_{call.shape(0)[0], call.shape(0)[1], call.shape(1)[1], call.shape(0)[3]} {
    workspace_bytes = steps_bytes() + attention::step_workspace(shape_, threads_);
  }
  void launch(const Launch& args) const override {
    auto* steps = static_cast<attention::Step*>(args.workspace);
    const int count = static_cast<int>(shape_.steps);
    for (int j = 0; j < count; ++j) {
      const int k = 2 + j, v = k + count;
      steps[j] = {input(args, k), input(args, v), strides_of(k), strides_of(v)};
    }
    const attention::StepInputs in{input(args, 0), strides_of(0),
                                   static_cast<const int64_t*>(args.inputs[1]), steps};
    if (const int64_t bad = bad_row(in.rows); bad >= 0) {
      if (args.fault && args.fault->kind == Fault::none)
        *args.fault = {Fault::bad_index, bad, in.rows[bad]};
      return;
    }
    attention::attend_to_steps(shape_, in, threads_, static_cast<float*>(args.outputs[0]),
                               static_cast<char*>(args.workspace) + steps_bytes());
  }

 private:
  size_t steps_bytes() const {
    return round_up_bytes(static_cast<size_t>(shape_.steps) * sizeof(attention::Step), 64);
  }
  const float* input(const Launch& args, int i) const {
    return static_cast<const float*>(args.inputs[i]) + call_->in(i).layout.offset;
  }
  TokenStrides strides_of(int i) const {
    const Ints& s = call_->in(i).layout.strides;
    return {s[0], s[1], s[2]};
  }
  // Where the first row stands that its step does not have; -1: nowhere.
  int64_t bad_row(const int64_t* rows) const {
    for (int64_t i = 0; i < shape_.texts * shape_.steps; ++i)
      if (rows[i] < 0 || rows[i] >= call_->shape(2 + static_cast<int>(i % shape_.steps))[0])
        return i;
    return -1;
  }

  OwnedCall call_;
  attention::StepShape shape_;
  int threads_ = num_threads();
};

std::unique_ptr<Plan> prepare(const OpCall& call) {
  if (!supports(call)) return nullptr;
  return std::make_unique<StepAttention>(call);
}

// Anything whose last axis lies without gaps, but for the rows.
bool strides(const OpCall& call, int input) {
  const TensorDesc& d = call.in(input);
  return input != 1 && !d.layout.blocked() && (d.shape[3] == 1 || d.layout.strides[3] == 1);
}

}  // namespace

Family step_attention_family() { return {"attention to steps", supports, prepare, strides}; }

}  // namespace cairn::cpu
