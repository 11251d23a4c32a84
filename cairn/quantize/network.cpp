#include <algorithm>
#include <optional>

#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/quantize/layers.h"
#include "cairn/quantize/quantize.h"
#include "cairn/quantize/replay.h"

namespace cairn::quantize {
namespace {

struct Weights {
  Tensor values, scale, bias;
};
using Activations = std::map<std::string, QParams>;

// A tensor in 8 bits, channels last: [N, spatial..., C].
struct Eight {
  Tensor q;
  QParams params;
};

// Writes the layers of a plan as 8-bit ops and the rest as it was, each value when it is asked for.
class Writer {
 public:
  Writer(const Plan8& plan, const std::map<std::string, Weights>& weights,
         const Activations& activations, const Tensor& input)
      : p_(plan),
        weights_(weights),
        activations_(activations),
        floats_(plan.graph.values.size()),
        eights_(floats_.size()) {
    for (const GraphInput& in : p_.graph.inputs)
      floats_[in.value] = in.kind == InputKind::argument ? input : Tensor(in.tensor);
  }
  Tensor result() { return floats(p_.graph.outputs[0]); }

 private:
  const Shape& shape(ValueId v) const { return p_.graph.desc(v).shape; }

  Tensor floats(ValueId v) {
    if (floats_[v].defined()) return floats_[v];
    const ValueId root = p_.root[v];
    const int at = p_.layer_of[root];
    if (at >= 0 && p_.layers[at].floats) {
      const Tensor y = weighed(p_.layers[at]);
      const bool image = p_.layers[at].kind == Layer::conv;
      floats_[root] = image ? permute(y, {0, 3, 1, 2}) : reshape(y, shape(root));
    } else if (at >= 0) {
      const Eight& e = eight(root);
      floats_[root] = dequantize_linear(e.q, e.params);
    }
    if (floats_[root].defined())
      return floats_[v] = v == root ? floats_[root] : reshape(floats_[root], shape(v));
    const Node& node = p_.graph.nodes[p_.graph.values[v].producer];
    Tensors in, out;
    for (ValueId i : node.inputs) in.push_back(floats(i));
    replay(node, in, out);
    for (size_t o = 0; o < out.size(); ++o) floats_[node.outputs[o]] = out[o];
    return floats_[v];
  }

  const Eight& eight(ValueId v) {
    const ValueId root = p_.root[v];
    std::optional<Eight>& known = eights_[root];
    if (known) return *known;
    const int at = p_.layer_of[root];
    if (at < 0 || p_.layers[at].floats)
      known = Eight{quantize_linear(floats(root), params(root)), params(root)};
    else known = written(p_.layers[at]);
    return *known;
  }
  Tensor eight_as(ValueId v, const QParams& wanted) {
    const Eight& e = eight(v);
    return e.params == wanted ? e.q : requantize_linear(e.q, e.params, wanted);
  }
  const QParams& params(ValueId v) const {
    const auto found = activations_.find(p_.names[p_.params_of[v]]);
    check(found != activations_.end(),
          "the quantized tensors are of another network: no scale for '{}'",
          p_.names[p_.params_of[v]]);
    return found->second;
  }

  Eight written(const Layer& l) {
    switch (l.kind) {
      case Layer::conv:
      case Layer::linear: {
        const Tensor y = weighed(l);
        return {l.kind == Layer::conv ? y : reshape(y, flat(l.out)), params(l.out)};
      }
      case Layer::max_pool: {
        const Eight& x = eight(l.x);
        return {shaped(l, qlinear_max_pool(x.q, window(l))), x.params};
      }
      case Layer::mean: {
        const Eight& x = eight(l.x);
        return {shaped(l, qlinear_average_pool(x.q, window(l), x.params, params(l.out))),
                params(l.out)};
      }
      case Layer::add: {
        const Eight a = eight(l.x), b = eight(l.other);
        return {qlinear_add(a.q, b.q, a.params, b.params, params(l.out), l.relu), params(l.out)};
      }
      case Layer::cat: {
        Tensors parts;
        for (ValueId v : l.parts) parts.push_back(eight_as(v, params(l.out)));
        return {cat(parts, -1), params(l.out)};
      }
    }
    fail("quantize: unknown layer");
  }
  // [N, C] or [N, C, ...] of one pixel as the 8-bit tensor lies.
  Shape flat(ValueId v) const {
    Shape s = {shape(v)[0]};
    for (size_t d = 2; d < shape(v).size(); ++d) s.push_back(shape(v)[d]);
    s.push_back(shape(v)[1]);
    return s;
  }
  Tensor shaped(const Layer& l, const Tensor& y) const {
    return y.shape() == flat(l.out) ? y : reshape(y, flat(l.out));
  }

  PoolOptions window(const Layer& l) const {
    const Node& node = p_.graph.nodes[l.node];
    const Shape& x = shape(p_.root[l.x]);
    if (!node.attrs.has("kernel")) return {.kernel = {x[2], x[3]}};
    return {.kernel = node.attrs.ints("kernel"),
            .stride = node.attrs.ints("stride"),
            .padding = node.attrs.ints("pads"),
            .count_padding = node.attrs.integer_or("count_padding", 1) != 0};
  }

  // A convolution or linear layer: u8, or f32 where the layer says so.
  Tensor weighed(const Layer& l) {
    const auto found = weights_.find(l.name);
    check(found != weights_.end(),
          "the quantized tensors are of another network: no weights for '{}'", l.name);
    const Weights& w = found->second;
    const Eight& in = eight(l.x);
    QConvOptions o{.x = in.params, .relu = l.relu, .floats = l.floats};
    if (!l.floats) o.y = params(l.out);
    Tensor x = in.q, residual;
    if (l.kind == Layer::linear) {
      x = reshape(x, {x.size(0), -1, 1, x.size(-1)});
    } else {
      const Attrs& a = p_.graph.nodes[l.node].attrs;
      o.conv = {.stride = a.ints("stride"),
                .padding = a.ints("pads"),
                .dilation = a.ints("dilation"),
                .groups = a.integer("groups")};
    }
    if (l.other >= 0) residual = eight(l.other).q, o.residual = eight(l.other).params;
    return qlinear_conv(x, w.values, w.scale, w.bias, residual, o);
  }

  const Plan8& p_;
  const std::map<std::string, Weights>& weights_;
  const Activations& activations_;
  std::vector<Tensor> floats_;
  std::vector<std::optional<Eight>> eights_;
};

// The memory of a State goes; who reads it sees zeros.
void release(const Tensor& s) {
  TensorImpl& impl = *s.impl();
  const Tensor zero = zeros({1}, impl.desc.dtype);
  impl.buffer = zero.impl()->buffer;
  impl.desc.layout = Layout{LayoutKind::strided, 0, Ints(impl.desc.shape.size(), 0), 0};
  ++impl.version;
}

}  // namespace

struct QuantizedNetwork::State {
  nn::AnyModule network;
  Activations activations;
  std::map<std::string, Weights> weights;
  std::map<std::vector<int64_t>, Plan8> plans;  // by the input's shape

  const Plan8& plan(const TensorDesc& input) {
    const std::vector<int64_t> shape(input.shape.begin(), input.shape.end());
    const auto known = plans.find(shape);
    if (known != plans.end()) return known->second;
    return plans
        .emplace(shape, plan_8bit(inference_graph(*network, TensorDesc(input.dtype, input.shape))))
        .first->second;
  }
};

QuantizedNetwork::QuantizedNetwork(const nn::AnyModule& network, const Quantized& quantized)
    : state_(new State{network, quantized.activations, {}, {}}) {
  constexpr std::string_view kNetwork = "network.";
  NamedTensors kept;
  for (const auto& [name, t] : quantized.tensors) {
    const size_t dot = name.rfind('.');
    check(dot != std::string::npos, "the quantized tensors hold '{}', which is none", name);
    const std::string layer = name.substr(0, dot), part = name.substr(dot + 1);
    if (name.starts_with(kNetwork)) kept.emplace_back(name.substr(kNetwork.size()), t);
    else if (part == "weight_int8") state_->weights[layer].values = state(t);
    else if (part == "weight_scale") state_->weights[layer].scale = state(t);
    else if (part == "bias") state_->weights[layer].bias = state(t);
    else fail("the quantized tensors hold '{}', which is none", name);
  }
  for (const auto& [layer, w] : state_->weights)
    check(w.values.defined() && w.scale.defined() && w.bias.defined(),
          "the quantized tensors of '{}' are not whole", layer);
  (*network).load_state_dict(kept, false);
  for (const auto& [name, t] : (*network).state_dict()) {
    const bool stays =
        std::ranges::find(kept, name, [](const auto& k) { return k.first; }) != kept.end();
    if (!stays && t.numel() > 1) release(t);
  }
  eval();
}

Tensor QuantizedNetwork::forward(Tensor x) {
  const NoGrad no_grad;
  return Writer(state_->plan(x.desc()), state_->weights, state_->activations, x).result();
}

}  // namespace cairn::quantize
