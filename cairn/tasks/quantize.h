// The verb "quantize": makes of a run another that computes in 8 bits, and measures both.
#pragma once
#include <span>

#include "cairn/data/dataset.h"
#include "cairn/tasks/task.h"

namespace cairn::tasks {

struct QuantizeOptions : train::OptionSet {
  train::Option<std::string> out{this, "out", "", "Folder of the 8-bit run"};
  train::Option<std::string> data{this, "data", train::Open{"that of the training"},
                                  "What to calibrate and measure on"};
  train::Option<int64_t> calibrate{this, "calibrate", 512, train::whole(1, 1'000'000),
                                   "How many training examples show the ranges of activations"};
  train::Option<double> percentile{this, "percentile", 100, train::between(90, 100),
                                   "Share of an activation's values that its range holds, in "
                                   "percent; what lies outside is cut"};
  train::Option<bool> json{this, "json", false, "Print one JSON object, the last line"};
};

// What a task gives: its network, batches to calibrate with, and its measure of an opened model,
// on `data` ("": that of the training).
struct Quantizable {
  nn::AnyModule network;
  std::function<Tensors(const std::string& data, int64_t examples)> batches;
  std::function<Json(Model& model, const std::string& data)> measure;
  std::string (*in_words)(const Json& measured);
};
// Writes the run `out` and returns {task, run, calibration_examples, layers_int8, kept_f32,
// examples, bytes_f32, bytes_int8} and every number NAME of the measure as NAME_f32 and NAME_int8.
// Prints it.
Json quantize_run(Model& model, const Quantizable& parts, const QuantizeOptions& options);

// The verb of a model with module(), inputs(data, examples) and evaluate(data, split).
template <class M, std::string (*in_words)(const Json&)>
int quantize_as(M& model, const QuantizeOptions& o) {
  const auto batches = [&](const std::string& data, int64_t n) { return model.inputs(data, n); };
  const auto measure = [](Model& opened, const std::string& data) {
    return static_cast<M&>(opened).evaluate(data, data::Split::test);
  };
  quantize_run(model, {model.module(), batches, measure, in_words}, o);
  return 0;
}
template <class M, std::string (*in_words)(const Json&)>
constexpr Verb quantize_verb(const char* examples) {
  return verb<M, QuantizeOptions, quantize_as<M, in_words>>(
      "quantize", "Make a run that computes in 8 bits", examples);
}

}  // namespace cairn::tasks
