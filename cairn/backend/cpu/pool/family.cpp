// max_pool, avg_pool and what their gradients are made of, plain and channel-blocked.
#include "cairn/backend/cpu/families.h"
#include "cairn/backend/cpu/owned_call.h"
#include "cairn/backend/cpu/pool/kernels.h"
#include "cairn/backend/cpu/widen.h"
#include "cairn/base/parallel.h"
#include "cairn/base/round.h"

namespace cairn::cpu {
namespace {

enum class Kind { max, scatter, pick, avg, spread, none };
Kind kind_of(const OpCall& call) {
  if (is_op(call, "max_pool")) return Kind::max;
  if (is_op(call, "max_pool_scatter")) return Kind::scatter;
  if (is_op(call, "max_pool_pick")) return Kind::pick;
  if (is_op(call, "avg_pool")) return Kind::avg;
  if (is_op(call, "avg_pool_spread")) return Kind::spread;
  return Kind::none;
}

PoolShape shape_of(const OpCall& call, Kind kind) {
  const bool to_input = kind == Kind::scatter || kind == Kind::spread;
  const TensorDesc& large = to_input ? call.out() : call.in(0);
  const TensorDesc& small = to_input ? call.in(0) : call.out();
  PoolShape s;
  s.lanes = large.layout.blocked() ? large.layout.block : 1;
  s.blocks = ceil_div(large.shape[1], s.lanes);
  s.last_lanes = large.shape[1] - (s.blocks - 1) * s.lanes;
  s.planes = large.shape[0] * s.blocks;
  const Ints &kernel = call.attrs->ints("kernel"), &stride = call.attrs->ints("stride"),
             &pads = call.attrs->ints("pads");
  const int spatial = kernel.ssize();
  for (int d = 0; d < spatial; ++d) {
    const int to = 3 - spatial + d;
    s.in[to] = large.shape[d + 2], s.out[to] = small.shape[d + 2];
    s.kernel[to] = kernel[d], s.stride[to] = stride[d], s.pad[to] = pads[d];
    if (call.attrs->has("dilation")) s.dilation[to] = call.attrs->ints("dilation")[d];
  }
  s.cut = call.attrs->integer_or("ceil", 0) != 0;
  s.divisor = call.attrs->integer_or("divisor", 0);
  s.count_padding = call.attrs->integer_or("count_padding", 0);
  return s;
}

class PoolPlan : public Plan {
 public:
  PoolPlan(const OpCall& call, Kind kind)
      : kind_(kind),
        shape_(shape_of(call, kind)),
        tells_(call.attrs->integer_or("places", 1) != 0) {}
  void launch(const Launch& args) const override {
    constexpr int64_t kWorthAThread = 16 << 10;
    const int64_t work = (shape_.in_places() + shape_.out_places()) * shape_.lanes;
    parallel_for(shape_.planes, std::max<int64_t>(1, kWorthAThread / work),
                 [&](int64_t first, int64_t last) { run(args, first, last); });
  }

 private:
  void run(const Launch& args, int64_t first, int64_t last) const {
    const auto* x = static_cast<const float*>(args.inputs[0]);
    auto* y = static_cast<float*>(args.outputs[0]);
    switch (kind_) {
      case Kind::max:
        return max_pool(shape_, x, y, tells_ ? static_cast<int32_t*>(args.outputs[1]) : nullptr,
                        first, last);
      case Kind::scatter:
        return max_pool_scatter(shape_, x, static_cast<const int32_t*>(args.inputs[1]), y, first,
                                last);
      case Kind::pick:
        return max_pool_pick(shape_, x, static_cast<const int32_t*>(args.inputs[1]), y, first,
                             last);
      case Kind::avg: return avg_pool(shape_, x, y, first, last);
      case Kind::spread: return avg_pool_spread(shape_, x, y, first, last);
      case Kind::none: return;
    }
  }
  Kind kind_;
  PoolShape shape_;
  bool tells_;  // where the largest are: without a gradient nobody asks
};

bool supports(const OpCall& call) {
  return kind_of(call) != Kind::none && is_f32_or_narrow(call.dtype());
}

std::unique_ptr<Plan> prepare(const OpCall& call) {
  if (!supports(call)) return nullptr;
  if (numel(call.shape()) == 0 || numel(call.out().shape) == 0) return nullptr;
  const Layout& first = call.in(0).layout;
  for (auto* descs : {&call.inputs, &call.outputs})
    for (const TensorDesc* d : *descs) {
      const bool same = d->layout.kind == first.kind && d->layout.block == first.block;
      if (!same || !(d->contiguous() || d->layout.kind == LayoutKind::channel_block))
        return nullptr;
    }
  if (call.dtype() != DType::f32) return widened(call, prepare);
  return std::make_unique<PoolPlan>(call, kind_of(call));
}

bool layouts(OpCall& call) {
  Layout layout;
  for (const TensorDesc* d : call.inputs)
    if (d->layout.kind == LayoutKind::channel_block) layout = d->layout;
  if (!layout.blocked()) return false;
  for (auto* descs : {&call.inputs, &call.outputs})
    for (TensorDesc* d : *descs) d->layout = layout;
  return true;
}

}  // namespace

Family pool_family() { return {"pool", supports, prepare, nullptr, layouts}; }

}  // namespace cairn::cpu
