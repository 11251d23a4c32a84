// qlinear_conv as a plan, and its weights in the packed form of the processor's kernels.
#include "cairn/backend/cpu/int8/conv.h"
#include "cairn/backend/cpu/int8/family.h"
#include "cairn/backend/cpu/owned_call.h"
#include "cairn/base/parallel.h"

namespace cairn::cpu {
namespace {

using int8::Conv, int8::ConvParams, int8::ConvShape, int8::Kernels;

// A packed weight's form: {kInt8Form, form of the panels, channels of a panel, groups}.
Ints form_of(const Kernels& k, int64_t groups) {
  return {kInt8Form, static_cast<int64_t>(k.form), k.panel, groups};
}

ConvShape shape_of(const OpCall& c) {
  const Shape &x = c.shape(0), &w = c.shape(1), &y = c.out().shape;
  const Ints &stride = c.attrs->ints("stride"), &pads = c.attrs->ints("pads"),
             &dilation = c.attrs->ints("dilation");
  return {.images = x[0],
          .height = x[1],
          .width = x[2],
          .channels = x[3],
          .out_height = y[1],
          .out_width = y[2],
          .out_channels = y[3],
          .kernel = {w[1], w[2]},
          .stride = {stride[0], stride[1]},
          .pad = {pads[0], pads[2]},
          .dilation = {dilation[0], dilation[1]},
          .groups = c.attrs->integer("groups")};
}
ConvParams params_of(const OpCall& c) {
  const Attrs& a = *c.attrs;
  ConvParams p{.x_scale = a.number("x_scale"),
               .y_scale = a.number("y_scale"),
               .x_zero = a.integer("x_zero"),
               .y_zero = a.integer("y_zero"),
               .relu = a.integer("relu") != 0,
               .floats = a.integer("floats") != 0};
  if (c.inputs.size() == 5)
    p.residual_scale = a.number("residual_scale"), p.residual_zero = a.integer("residual_zero");
  return p;
}

class QConvPlan : public Plan {
 public:
  explicit QConvPlan(const OpCall& call)
      : conv_(shape_of(call), params_of(call), int8::kernels(), num_threads()),
        residual_(call.inputs.size() == 5),
        packed_(call.in(1).layout.packed()) {
    workspace_bytes = conv_.workspace_bytes() + (packed_ ? 0 : conv_.packed_bytes());
  }
  void launch(const Launch& args) const override {
    const void* weights = args.inputs[1];
    if (!packed_) {
      void* here = at(args, conv_.workspace_bytes());
      conv_.pack(static_cast<const int8_t*>(weights), here);
      weights = here;
    }
    conv_.run({.x = static_cast<const uint8_t*>(args.inputs[0]),
               .packed = weights,
               .weight_scale = static_cast<const float*>(args.inputs[2]),
               .bias = static_cast<const float*>(args.inputs[3]),
               .residual = residual_ ? static_cast<const uint8_t*>(args.inputs[4]) : nullptr,
               .y = args.outputs[0]},
              args.workspace);
  }

 private:
  Conv conv_;
  bool residual_, packed_;
};

// The shape of a weight [O, kh, kw, C / groups] alone.
ConvShape weight_shape(const Shape& w, int64_t groups) {
  return {.images = 1,
          .height = 1,
          .width = 1,
          .channels = w[3] * groups,
          .out_height = 1,
          .out_width = 1,
          .out_channels = w[0],
          .kernel = {w[1], w[2]},
          .stride = {1, 1},
          .pad = {0, 0},
          .dilation = {1, 1},
          .groups = groups};
}
Conv weight_alone(const Shape& w, int64_t groups) {
  return Conv(weight_shape(w, groups),
              ConvParams{.x_scale = 1, .y_scale = 1, .x_zero = 0, .y_zero = 0}, int8::kernels(), 1);
}

class PackPlan : public Plan {
 public:
  explicit PackPlan(const OpCall& call)
      : conv_(weight_alone(call.shape(), call.out().layout.strides[4])) {}
  void launch(const Launch& args) const override {
    conv_.pack(static_cast<const int8_t*>(args.inputs[0]), args.outputs[0]);
  }

 private:
  Conv conv_;
};

bool supports(const OpCall& call) { return is_op(call, "qlinear_conv"); }

std::unique_ptr<Plan> prepare(const OpCall& call) {
  if (!supports(call) || numel(call.out().shape) == 0 || numel(call.shape(1)) == 0) return nullptr;
  for (const TensorDesc* d : call.inputs)
    if (!d->contiguous() && !d->layout.packed()) return nullptr;
  const Layout& w = call.in(1).layout;
  if (w.packed()) {
    const Ints form = form_of(int8::kernels(), call.attrs->integer("groups"));
    check(std::equal(form.begin(), form.end(), w.strides.begin() + 1, w.strides.end()),
          "qlinear_conv: the weight was packed for another instruction set");
  }
  return std::make_unique<QConvPlan>(call);
}

// A weight that stays fixed is packed once.
bool layouts(OpCall& call) {
  if (!call.is_fixed(1) || numel(call.shape(1)) == 0 || numel(call.out().shape) == 0) return false;
  for (auto* list : {&call.inputs, &call.outputs})
    for (TensorDesc* d : *list) d->layout = Layout::contiguous(d->shape);
  const int64_t groups = call.attrs->integer("groups");
  call.inputs[1]->layout = Layout::packed_in(weight_alone(call.shape(1), groups).packed_bytes(),
                                             form_of(int8::kernels(), groups));
  return true;
}

}  // namespace

std::unique_ptr<Plan> make_int8_pack(const OpCall& call) {
  return std::make_unique<PackPlan>(call);
}

Family qlinear_conv_family() { return {"8-bit convolution", supports, prepare, nullptr, layouts}; }

}  // namespace cairn::cpu
