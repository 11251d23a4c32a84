#include "cairn/train/saved_model.h"

#include <utility>

#include "cairn/io/weight_files.h"
#include "cairn/ops/functions.h"

namespace cairn::train {

SavedModel open_saved_model(const std::string& path, const std::string& task) {
  if (!path.ends_with(".safetensors")) {
    const auto run = RunFolder::open(path, task);
    return {path, run.weights(), run.config()};
  }
  const io::SafetensorsFile file(path);
  const auto it = file.metadata().find(kConfigMetadata);
  if (it == file.metadata().end())
    fail("{}: these weights do not say which network they are of; give the run folder instead",
         path);
  SavedModel model{path, path, Json::parse(it->second, nullptr, false)};
  if (!model.config.is_object())
    fail("{}: the configuration in its metadata is not valid JSON", path);
  if (!task.empty() && model.task() != task)
    fail("{}: holds weights of task '{}', not '{}'", path, model.task(), task);
  return model;
}

std::string SavedModel::config_file() const {
  return path == weights ? path : path + "/config.json";
}

namespace {

void check_finite_weights(const NamedTensors& tensors, const std::string& path) {
  for (const auto& [name, tensor] : tensors)
    if (is_float(tensor.dtype()) && all(isfinite(tensor)).item() == 0)
      fail(
          "'{}': the weights are not finite: '{}' holds NaN or infinity; use an earlier checkpoint",
          path, name);
}

}  // namespace

NamedTensors read_weights(const std::string& path) {
  const io::WeightFiles files(path);
  NamedTensors tensors;
  for (const io::NamedTensor* t : files.tensors())
    tensors.emplace_back(t->name, from_host(t->data.data(), t->shape, t->dtype));
  check_finite_weights(tensors, path);
  return tensors;
}

void load_weights(const SavedModel& saved, const nn::Module& network) {
  const NamedTensors weights = saved.give    ? saved.give(network.state_dict())
                               : saved.given ? std::exchange(*saved.given, {})
                                             : read_weights(saved.weights);
  if (saved.given || saved.give) check_finite_weights(weights, saved.weights);
  try {
    network.load_state_dict(weights);
  } catch (const Error& e) { fail("'{}': {}", saved.weights, e.what()); }
}

}  // namespace cairn::train
