// A trained run in 8 bits.
#pragma once
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

namespace cairn::tasks::image_classification {

struct QuantizeOptions {
  std::string run, out;
  std::string data;         // "": what the run was trained on
  int64_t examples = 512;   // training images to calibrate on
  double percentile = 100;  // of an activation's values that its range holds
};
// Writes the run `out` and measures both on the test split: {run, layers_int8, kept_f32,
// accuracy_f32, accuracy_int8, bytes_f32, bytes_int8, ...}.
nlohmann::ordered_json quantize(const QuantizeOptions& options);

}  // namespace cairn::tasks::image_classification
