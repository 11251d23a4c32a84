// LSTM, GRU and RNN layers, f32 (under autocast with products in bf16): the whole-sequence kernels
// of rnn/ as rows of the op table.
#include <algorithm>

#include "cairn/backend/cpu/families.h"
#include "cairn/backend/cpu/owned_call.h"
#include "cairn/backend/cpu/rnn/family.h"
#include "cairn/backend/cpu/rnn/rnn.h"

namespace cairn::cpu {
namespace {

struct Kind {
  const char* name;
  RnnCell cell;
  bool backward;
};
constexpr Kind kKinds[] = {
    {"lstm", RnnCell::kLstm, false},     {"lstm_backward", RnnCell::kLstm, true},
    {"gru", RnnCell::kGru, false},       {"gru_backward", RnnCell::kGru, true},
    {"rnn_tanh", RnnCell::kTanh, false}, {"rnn_tanh_backward", RnnCell::kTanh, true},
    {"rnn_relu", RnnCell::kRelu, false}, {"rnn_relu_backward", RnnCell::kRelu, true},
};
const Kind* kind_of(const OpCall& call) {
  for (const Kind& kind : kKinds)
    if (is_op(call, kind.name)) return &kind;
  return nullptr;
}

// The op's inputs by place, as ops/rnn.cpp lays them out.
struct Places {
  int states, directions, per_direction, lengths = 0, saved;
  Places(const OpCall& call, RnnCell cell) {
    const Attrs& a = *call.attrs;
    states = cell == RnnCell::kLstm ? 2 : 1;
    directions = static_cast<int>(a.integer("directions"));
    per_direction = a.integer("bias") ? 4 : 2;
    saved = weight(directions);
    if (a.integer("lengths")) lengths = saved++;
  }
  int weight(int direction) const { return 1 + states + direction * per_direction; }
};

RnnConfig config_of(const OpCall& call, const Kind& kind) {
  const bool batch_first = call.attrs->integer("batch_first");
  const Shape& x = call.shape(0);
  RnnConfig c;
  c.cell = kind.cell;
  c.steps = x[batch_first ? 1 : 0], c.batch = x[batch_first ? 0 : 1], c.input = x[2];
  c.hidden = call.shape(1)[2];
  c.directions = static_cast<int>(call.attrs->integer("directions"));
  c.training = kind.backward || call.attrs->integer("training");
  c.bf16 = call.attrs->integer_or("bf16", 0) && rnn_multiplies_bf16();
  c.prepacked = call.in(Places(call, kind.cell).weight(0)).layout.packed();
  return c;
}

bool supports(const OpCall& call) {
  const Kind* kind = kind_of(call);
  if (!kind || call.dtype() != DType::f32) return false;
  const RnnConfig c = config_of(call, *kind);
  return std::min({c.steps, c.batch, c.input, c.hidden}) > 0;
}

size_t reserve(const OpCall& call) {
  const Kind* kind = kind_of(call);
  return kind && !kind->backward ? plan_rnn(config_of(call, *kind)).reserve_bytes : 0;
}

class RnnKernel : public Plan {
 public:
  RnnKernel(const OpCall& call, const Kind& kind)
      : call_(call), kind_(kind), at_(call, kind.cell), plan_(plan_rnn(config_of(call, kind))) {
    workspace_bytes = kind.backward ? plan_.backward_bytes : plan_.forward_bytes;
    const TensorDesc& kept = kind.backward ? call.in(at_.saved + 1) : call.out(1 + at_.states);
    if (plan_.reserve_bytes != kept.bytes())
      call.error(
          "forward and backward ran with another number of threads, or forward without gradients");
  }
  void launch(const Launch& args) const override {
    kind_.backward ? backward(args) : forward(args);
  }

 private:
  const float* in(const Launch& args, int i) const {
    return static_cast<const float*>(args.inputs[i]) + call_->in(i).layout.offset;
  }
  float* out(const Launch& args, int i) const { return static_cast<float*>(args.outputs[i]); }
  RnnStrides strides_of(const TensorDesc& d) const {
    const Ints& s = d.layout.strides;
    return call_->attrs->integer("batch_first") ? RnnStrides{s[1], s[0]} : RnnStrides{s[0], s[1]};
  }
  const int32_t* lengths(const Launch& args) const {
    return at_.lengths ? static_cast<const int32_t*>(args.inputs[at_.lengths]) : nullptr;
  }
  RnnWeights weights(const Launch& args, int direction) const {
    const int w = at_.weight(direction);
    const bool bias = at_.per_direction == 4;
    return {in(args, w), in(args, w + 1), bias ? in(args, w + 2) : nullptr,
            bias ? in(args, w + 3) : nullptr};
  }

  void forward(const Launch& args) const {
    const bool lstm = kind_.cell == RnnCell::kLstm;
    RnnForward f{.x = in(args, 0),
                 .x_strides = strides_of(call_->in(0)),
                 .y = out(args, 0),
                 .y_strides = strides_of(call_->out(0))};
    f.h0 = in(args, 1), f.h_final = out(args, 1);
    if (lstm) f.c0 = in(args, 2), f.c_final = out(args, 2);
    f.lengths = lengths(args);
    for (int d = 0; d < at_.directions; ++d) f.weights[d] = weights(args, d);
    f.reserve = args.outputs[1 + at_.states];
    f.workspace = args.workspace;
    rnn_forward(plan_, f);
  }
  void backward(const Launch& args) const {
    const bool lstm = kind_.cell == RnnCell::kLstm;
    const int y = at_.saved, dy = y + 2;
    RnnBackward b{.x = in(args, 0),
                  .x_strides = strides_of(call_->in(0)),
                  .y = in(args, y),
                  .y_strides = strides_of(call_->in(y))};
    b.h0 = in(args, 1);
    if (lstm) b.c0 = in(args, 2);
    b.lengths = lengths(args);
    b.reserve = args.inputs[y + 1];
    b.dy = in(args, dy), b.dy_strides = strides_of(call_->in(dy));
    b.dh_final = in(args, dy + 1);
    if (lstm) b.dc_final = in(args, dy + 2);
    if (call_->attrs->integer("want_x"))
      b.dx = out(args, 0), b.dx_strides = strides_of(call_->out(0));
    b.dh0 = out(args, 1);
    if (lstm) b.dc0 = out(args, 2);
    for (int d = 0; d < at_.directions; ++d) {
      const int w = at_.weight(d);
      b.weights[d] = weights(args, d);
      b.gradients[d] = {out(args, w), out(args, w + 1)};
      if (at_.per_direction == 4)
        b.gradients[d].bias_ih = out(args, w + 2), b.gradients[d].bias_hh = out(args, w + 3);
    }
    b.workspace = args.workspace;
    rnn_backward(plan_, b);
  }

  OwnedCall call_;
  Kind kind_;
  Places at_;
  RnnPlan plan_;
};

std::unique_ptr<Plan> prepare(const OpCall& call) {
  if (!supports(call)) return nullptr;
  return std::make_unique<RnnKernel>(call, *kind_of(call));
}

// Sequences whose features lie without gaps; everything else plain.
bool strides(const OpCall& call, int input) {
  const Kind* kind = kind_of(call);
  const Places at(call, kind->cell);
  const bool sequence =
      input == 0 || (kind->backward && (input == at.saved || input == at.saved + 2));
  const TensorDesc& d = call.in(input);
  return sequence && !d.layout.blocked() && (d.shape[2] == 1 || d.layout.strides[2] == 1);
}

// Weights that stay as they are are packed once, not at every call (a fifth of the time of an LSTM
// of 512 units over 50 steps of one text).
bool layouts(OpCall& call) {
  const Kind* kind = kind_of(call);
  if (!kind || kind->backward || !supports(call)) return false;
  const RnnConfig c = config_of(call, *kind);
  if (c.training || c.bf16) return false;
  const Places at(call, kind->cell);
  for (int d = 0; d < at.directions; ++d)
    for (int w = at.weight(d); w < at.weight(d) + 2; ++w)
      if (w >= 32 || !call.is_fixed(w)) return false;
  for (TensorDesc* d : call.inputs)
    if (d->layout.blocked()) d->layout = Layout::contiguous(d->shape);
  for (int d = 0; d < at.directions; ++d)
    for (int w = at.weight(d); w < at.weight(d) + 2; ++w) {
      TensorDesc& weight = *call.inputs[static_cast<size_t>(w)];
      weight.layout = Layout::packed_in(rnn_packed_bytes(c.cell, c.hidden, weight.shape[1]),
                                        {kRnnForm, static_cast<int64_t>(c.cell)});
    }
  return true;
}

class PackPlan : public Plan {
 public:
  explicit PackPlan(const OpCall& call)
      : cell_(static_cast<RnnCell>(call.out().layout.strides[2])),
        hidden_(call.shape()[0] / rnn_gates(cell_)),
        columns_(call.shape()[1]) {}
  void launch(const Launch& args) const override {
    rnn_pack(cell_, hidden_, columns_, static_cast<const float*>(args.inputs[0]),
             static_cast<float*>(args.outputs[0]));
  }

 private:
  RnnCell cell_;
  int64_t hidden_, columns_;
};

}  // namespace

std::unique_ptr<Plan> make_rnn_pack(const OpCall& call) { return std::make_unique<PackPlan>(call); }

Family rnn_family() { return {"rnn", supports, prepare, strides, layouts, reserve}; }

}  // namespace cairn::cpu
