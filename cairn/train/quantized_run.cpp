#include "cairn/train/quantized_run.h"

#include "cairn/io/json.h"
#include "cairn/ops/functions.h"
#include "cairn/train/checkpoint.h"

namespace cairn::train {
namespace {

constexpr const char* kQuantization = "quantization";

Json to_json(const std::map<std::string, QParams>& activations) {
  Json all = Json::object();
  for (const auto& [name, p] : activations) all[name] = {p.scale, p.zero};
  return all;
}

std::map<std::string, QParams> activations_of(const SavedModel& saved) {
  std::map<std::string, QParams> all;
  try {
    for (const auto& [name, pair] : saved.config.at(kQuantization).at("activations").items()) {
      const QParams p{pair.at(0).get<double>(), pair.at(1).get<int64_t>()};
      check(p.scale > 0 && std::isfinite(p.scale) && p.zero >= 0 && p.zero <= 255,
            "'{}': the scale of '{}' is damaged", saved.weights, name);
      all[name] = p;
    }
  } catch (const nlohmann::json::exception&) {
    fail("'{}': the configuration's \"{}\" is damaged", saved.weights, kQuantization);
  }
  return all;
}

}  // namespace

bool is_quantized(const Json& config) { return config.contains(kQuantization); }

RunFolder save_quantized(const std::string& out, const Json& config,
                         const quantize::Quantized& quantized, const Json& how) {
  Json full = config;
  full[kQuantization] = how;
  full[kQuantization]["layers"] = quantized.layers;
  full[kQuantization]["kept_f32"] = quantized.kept;
  full[kQuantization]["activations"] = to_json(quantized.activations);
  RunFolder run = RunFolder::create(out, full);
  save_tensors(run.weights(), quantized.tensors, {{kConfigMetadata, io::dump_json(full)}});
  run.keep();
  return run;
}

nn::AnyModule with_weights(const SavedModel& saved, const nn::AnyModule& network) {
  if (!is_quantized(saved.config)) {
    load_weights(saved, *network);
    return network;
  }
  quantize::Quantized q{.activations = activations_of(saved),
                        .tensors = load_tensors(saved.weights).tensors};
  for (const auto& [name, t] : q.tensors)
    if (is_float(t.dtype()) && all(isfinite(t)).item() == 0)
      fail("'{}': the weights are not finite: '{}' holds NaN or infinity; quantize the run again",
           saved.weights, name);
  try {
    return quantize::QuantizedNetwork(network, q);
  } catch (const Error& e) { fail("'{}': {}", saved.weights, e.what()); }
}

}  // namespace cairn::train
