// Attention, f32: forward and backward kernels of attention/ as rows of the op table.
#include "cairn/backend/cpu/attention/attention.h"
#include "cairn/backend/cpu/families.h"
#include "cairn/backend/cpu/owned_call.h"

namespace cairn::cpu {
namespace {

bool is_backward(const OpCall& call) { return is_op(call, "attention_backward"); }
bool is_forward(const OpCall& call) {
  return is_op(call, "attention") || is_op(call, "attention_dropout");
}

bool supports(const OpCall& call) {
  if (!is_forward(call) && !is_backward(call)) return false;
  return call.dtype() == DType::f32 && call.shape(0)[3] > 0;
}

TokenStrides heads_first(const TensorDesc& d) {  // [B, H, T, D]
  const Ints& s = d.layout.strides;
  return {s[0], s[1], s[2]};
}
TokenStrides tokens_first(const TensorDesc& d) {  // [B, T, H, D]
  const Ints& s = d.layout.strides;
  return {s[0], s[2], s[1]};
}
// A mask broadcasts over dimensions of size 1.
TokenStrides mask_strides(const TensorDesc& d) {
  auto stride = [&](int axis) { return d.shape[axis] == 1 ? 0 : d.layout.strides[axis]; };
  return {stride(0), stride(1), stride(2)};
}

class AttentionKernel : public Plan {
 public:
  explicit AttentionKernel(const OpCall& call) : call_(call), plan_(plan_for(call)) {
    const Attrs& a = *call.attrs;
    int next = 3;
    if (a.integer("mask")) mask_ = next++;
    if (a.integer("lengths")) lengths_ = next++;
    if (a.number("dropout") > 0) generator_ = next++;
    saved_ = next;
    workspace_bytes = is_backward(call) ? plan_.backward_workspace : plan_.forward_workspace;
  }
  void launch(const Launch& args) const override {
    const AttentionInputs in = inputs(args);
    if (!is_backward(*call_)) {
      float* lse = static_cast<float*>(args.outputs[1]);
      return attention_forward(plan_, in, static_cast<float*>(args.outputs[0]),
                               tokens_first(call_->out(0)), lse, args.workspace);
    }
    AttentionGradients g;
    g.out = input(args, saved_), g.out_strides = tokens_first(call_->in(saved_));
    g.lse = input(args, saved_ + 1);
    g.dout = input(args, saved_ + 2), g.dout_strides = tokens_first(call_->in(saved_ + 2));
    g.dq = static_cast<float*>(args.outputs[0]), g.dq_strides = tokens_first(call_->out(0));
    g.dk = static_cast<float*>(args.outputs[1]), g.dk_strides = tokens_first(call_->out(1));
    g.dv = static_cast<float*>(args.outputs[2]), g.dv_strides = tokens_first(call_->out(2));
    attention_backward(plan_, in, g, args.workspace);
  }

 private:
  static AttentionPlan plan_for(const OpCall& call) {
    const Shape &q = call.shape(0), &k = call.shape(1);
    const Attrs& a = *call.attrs;
    AttentionOptions options{
        .scale = static_cast<float>(a.number("scale")),
        .causal = a.integer("causal") != 0,
        .causal_from_length = a.integer("causal_from_length") && a.integer("lengths"),
        .dropout = static_cast<float>(a.number("dropout")),
        .bf16 = a.integer_or("bf16", 0) != 0};
    return plan_attention({q[0], q[1], k[1], q[2], k[2], q[3]}, options);
  }
  const int32_t* checked_lengths(const int32_t* lengths) const {
    const int64_t keys = call_->shape(1)[2];
    for (int64_t b = 0; b < call_->shape(0)[0]; ++b)
      check(lengths[b] >= 0 && lengths[b] <= keys,
            "length {} of sequence {} is outside 0..{}, the keys given", lengths[b], b, keys);
    return lengths;
  }
  const float* input(const Launch& args, int i) const {
    return static_cast<const float*>(args.inputs[i]) + call_->in(i).layout.offset;
  }
  AttentionInputs inputs(const Launch& args) const {
    AttentionInputs in;
    in.q = input(args, 0), in.k = input(args, 1), in.v = input(args, 2);
    in.q_strides = heads_first(call_->in(0));
    in.k_strides = heads_first(call_->in(1));
    in.v_strides = heads_first(call_->in(2));
    if (mask_) in.mask = input(args, mask_), in.mask_strides = mask_strides(call_->in(mask_));
    if (lengths_) in.lengths = checked_lengths(static_cast<const int32_t*>(args.inputs[lengths_]));
    if (generator_) {
      const auto* words = static_cast<const int64_t*>(args.inputs[generator_]);
      in.seed = static_cast<uint64_t>(words[0]);
      in.offset = static_cast<uint64_t>(words[1] + call_->attrs->integer("number"));
    }
    return in;
  }

  OwnedCall call_;
  AttentionPlan plan_;
  int mask_ = 0, lengths_ = 0, generator_ = 0, saved_ = 0;  // places among the inputs; 0: absent
};

std::unique_ptr<Plan> prepare(const OpCall& call) {
  if (!supports(call)) return nullptr;
  return std::make_unique<AttentionKernel>(call);
}

// Anything whose last axis lies without gaps, but for lengths, the generator and lse.
bool strides(const OpCall& call, int input) {
  const TensorDesc& d = call.in(input);
  return d.shape.ssize() == 4 && !d.layout.blocked() &&
         (d.shape[3] == 1 || d.layout.strides[3] == 1);
}

}  // namespace

Family attention_family() { return {"attention", supports, prepare, strides}; }

}  // namespace cairn::cpu
