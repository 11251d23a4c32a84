#include "cairn/tasks/quantize.h"

#include <filesystem>

#include "cairn/io/json.h"
#include "cairn/train/quantized_run.h"

namespace cairn::tasks {
namespace {

void check_together(const Model& model, const QuantizeOptions& o) {
  o.validate();
  if (o.out->empty()) throw InvalidOption("out", "say which folder the 8-bit run goes to");
  if (train::is_quantized(model.saved().config))
    fail("{}: is quantized already; give the run that it was made of", model.path());
  train::RunFolder::refuse_held(o.out);
}

void print(const Json& r, const Quantizable& parts, const Json& f32, const Json& int8) {
  for (const auto& kept : r["kept_f32"])
    fmt::print(stderr, "stays f32: {}\n", kept.get<std::string>());
  const auto megabytes = [&](const char* key) { return r[key].get<double>() / 1e6; };
  fmt::print("{} layers in 8 bits, calibrated on {} examples\n", r["layers_int8"].dump(),
             r["calibration_examples"].dump());
  fmt::print("of {} test examples: f32 {}; int8 {}\n", r["examples"].dump(), parts.in_words(f32),
             parts.in_words(int8));
  fmt::print("{}: {:.2f} MB, f32 has {:.2f} MB\n", r["run"].get<std::string>(),
             megabytes("bytes_int8"), megabytes("bytes_f32"));
}

}  // namespace

Json quantize_run(Model& model, const Quantizable& parts, const QuantizeOptions& o) {
  check_together(model, o);
  const Tensors batches = parts.batches(o.data, o.calibrate);
  const int64_t examples = static_cast<int64_t>(batches.size()) * batches[0].size(0);
  const auto quantized = quantize::quantize(parts.network, batches, {.percentile = o.percentile});
  const train::SavedModel& saved = model.saved();
  const auto run = train::save_quantized(
      o.out, saved.config, quantized,
      {{"from", model.path()},
       {"calibrated_on", o.data.is_open() ? saved.config.value("data", "") : *o.data},
       {"examples", examples},
       {"percentile", *o.percentile}});
  const Json f32 = parts.measure(model, o.data), int8 = parts.measure(*open_model(o.out), o.data);
  Json result = {{"task", model.task()},
                 {"run", run.path()},
                 {"calibration_examples", examples},
                 {"layers_int8", quantized.layers.size()},
                 {"kept_f32", quantized.kept},
                 {"examples", f32["examples"]}};
  for (const auto& [name, value] : f32.items())
    if (value.is_number_float()) result[name + "_f32"] = value, result[name + "_int8"] = int8[name];
  result["bytes_f32"] = static_cast<int64_t>(std::filesystem::file_size(saved.weights));
  result["bytes_int8"] = static_cast<int64_t>(std::filesystem::file_size(run.weights()));
  if (o.json) fmt::print("{}\n", io::dump_json(result));
  else print(result, parts, f32, int8);
  return result;
}

}  // namespace cairn::tasks
