#include "cairn/quantize/quantize.h"

#include <algorithm>

#include "cairn/compile/passes.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/ops/quantize.h"
#include "cairn/quantize/layers.h"
#include "cairn/quantize/observe.h"
#include "cairn/quantize/replay.h"

namespace cairn::quantize {
namespace {

// Runs the graph in f32 and shows `see` each value that gets a scale.
template <class See>
void run_observed(const Plan8& plan, Constants& constants, const Tensor& input, const See& see) {
  const Graph& g = plan.graph;
  const std::vector<bool> fixed = fixed_values(g);
  std::vector<Tensor> values(g.values.size());
  std::vector<int> uses = g.use_counts();
  auto observe = [&](ValueId v) {
    if (plan.eight[v] && plan.params_of[v] == v) see(v, values[v]);
  };
  for (const GraphInput& in : g.inputs)
    if (in.kind == InputKind::argument) values[in.value] = input, observe(in.value);
  for (const Node& node : g.nodes) {
    if (fixed[node.outputs[0]]) continue;
    Tensors in, out;
    for (ValueId v : node.inputs) in.push_back(values[v].defined() ? values[v] : constants.of(v));
    replay(node, in, out);
    for (ValueId v : node.inputs)
      if (--uses[v] == 0) values[v] = {};
    for (size_t o = 0; o < out.size(); ++o)
      if (uses[node.outputs[o]] > 0) values[node.outputs[o]] = out[o], observe(node.outputs[o]);
  }
}

class Calibration {
 public:
  explicit Calibration(const Plan8& plan)
      : plan_(plan), constants_(plan.graph), observers_(plan.graph.values.size()) {}

  void run(std::span<const Tensor> batches, double percentile) {
    for (const Tensor& batch : batches)
      run_observed(plan_, constants_, batch, [&](ValueId v, const Tensor& t) {
        check(observers_[v].see_ends(t.to_vector<float>()),
              "quantize: {} holds NaN or infinity on the calibration data; a network that "
              "overflows cannot be quantized",
              plan_.names[v] == "input" ? "the network's input"
                                        : fmt::format("the result of '{}'", plan_.names[v]));
      });
    if (percentile >= 100) return;
    for (const Tensor& batch : batches)
      run_observed(plan_, constants_, batch, [&](ValueId v, const Tensor& t) {
        observers_[v].see_counts(t.to_vector<float>());
      });
  }

  std::map<std::string, QParams> params(double percentile) const {
    std::map<std::string, QParams> all;
    for (size_t v = 0; v < observers_.size(); ++v)
      if (plan_.eight[v] && plan_.params_of[v] == static_cast<ValueId>(v))
        all[plan_.names[v]] = observers_[v].params(percentile);
    return all;
  }
  Constants& constants() { return constants_; }

 private:
  const Plan8& plan_;
  Constants constants_;
  std::vector<Observer> observers_;
};

// f32 [O, C / groups, kh, kw], or a linear layer's [C * spatial, O], as [O, kh, kw, C / groups].
Tensor channels_last(const Plan8& plan, const Layer& layer, const Tensor& weight) {
  if (layer.kind == Layer::conv) return contiguous(permute(weight, {0, 2, 3, 1}));
  const Shape& x = plan.graph.desc(plan.root[layer.x]).shape;
  const int64_t outputs = weight.size(1), channels = x[1], pixels = weight.size(0) / channels;
  const Tensor rows = reshape(transpose(weight, 0, 1), {outputs, channels, pixels});
  return reshape(transpose(rows, 1, 2), {outputs, pixels, 1, channels});
}

void quantize_layer(const Plan8& plan, const Layer& layer, Constants& constants, NamedTensors& to) {
  const Tensor weight = channels_last(plan, layer, constants.of(layer.weight));
  const int64_t outputs = weight.size(0);
  check(all(isfinite(weight)).item() != 0, "quantize: the weight of '{}' holds NaN or infinity",
        layer.name);
  const Int8Weight rows = quantize_int8(reshape(weight, {outputs, -1}));
  const Tensor bias =
      layer.bias >= 0 ? reshape(constants.of(layer.bias), {outputs}) : zeros({outputs});
  to.emplace_back(layer.name + ".weight_int8", reshape(rows.values, weight.shape()));
  to.emplace_back(layer.name + ".weight_scale", rows.scale);
  to.emplace_back(layer.name + ".bias", contiguous(bias));
}

// The States that nodes outside of 8-bit layers read.
std::vector<const TensorImpl*> read_in_f32(const Plan8& plan) {
  const Graph& g = plan.graph;
  std::vector<char> wanted(g.values.size(), 0);
  for (ValueId v : g.outputs) wanted[v] = 1;
  for (size_t i = g.nodes.size(); i-- > 0;) {
    const Node& node = g.nodes[i];
    for (ValueId v : node.outputs) {
      if (!wanted[v]) continue;
      if (const int at = plan.layer_of[v]; at >= 0) {
        const Layer& l = plan.layers[at];
        for (ValueId in : {l.x, l.other})
          if (in >= 0) wanted[in] = 1;
        for (ValueId in : l.parts) wanted[in] = 1;
      } else {
        for (ValueId in : node.inputs) wanted[in] = 1;
      }
    }
  }
  std::vector<const TensorImpl*> states;
  for (const GraphInput& in : g.inputs)
    if (in.kind != InputKind::argument && wanted[in.value]) states.push_back(in.tensor.get());
  return states;
}

}  // namespace

Quantized quantize(const nn::AnyModule& network, std::span<const Tensor> batches,
                   const Options& options) {
  check(!batches.empty() && batches[0].numel() > 0, "quantize: there is no data to calibrate on");
  for (const Tensor& b : batches)
    check(b.shape() == batches[0].shape(),
          "quantize: batches of {} and {}; all must have one shape", to_string(batches[0].shape()),
          to_string(b.shape()));
  check(options.percentile > 50 && options.percentile <= 100,
        "quantize: percentile {} must be above 50 and at most 100", options.percentile);
  const NoGrad no_grad;
  const Plan8 plan = plan_8bit(inference_graph(*network, batches[0].desc()));
  Quantized result;
  result.kept = plan.kept;
  Calibration calibration(plan);
  calibration.run(batches, options.percentile);
  result.activations = calibration.params(options.percentile);
  for (const Layer& layer : plan.layers)
    if (!layer.name.empty()) {
      quantize_layer(plan, layer, calibration.constants(), result.tensors);
      result.layers.push_back(layer.name);
    }
  check(!result.layers.empty(),
        "quantize: the network has no two-dimensional convolution and no linear layer in f32");
  const auto kept = read_in_f32(plan);
  for (const auto& [name, t] : (*network).state_dict())
    if (std::find(kept.begin(), kept.end(), t.impl()) != kept.end())
      result.tensors.emplace_back("network." + name, t);
  return result;
}

}  // namespace cairn::quantize
