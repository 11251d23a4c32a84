#include "cairn/train/saved_model.h"

#include "cairn/ops/functions.h"
#include "cairn/train/checkpoint.h"

namespace cairn::train {

SavedModel open_saved_model(const std::string& path, const std::string& task) {
  if (!path.ends_with(".safetensors")) {
    const auto run = RunFolder::open(path, task);
    return {run.weights(), run.config()};
  }
  const io::SafetensorsFile file(path);
  const auto it = file.metadata().find("cairn.config");
  if (it == file.metadata().end())
    fail("{}: these weights do not say which network they are of; give the run folder instead",
         path);
  SavedModel model{path, Json::parse(it->second, nullptr, false)};
  if (!model.config.is_object())
    fail("{}: the configuration in its metadata is not valid JSON", path);
  if (!task.empty() && model.task() != task)
    fail("{}: holds weights of task '{}', not '{}'", path, model.task(), task);
  return model;
}

void load_weights(const SavedModel& saved, const nn::Module& network) {
  const Loaded loaded = load_tensors(saved.weights);
  for (const auto& [name, tensor] : loaded.tensors)
    if (is_float(tensor.dtype()) && all(isfinite(tensor)).item() == 0)
      fail(
          "'{}': the weights are not finite: '{}' holds NaN or infinity; use an earlier checkpoint",
          saved.weights, name);
  try {
    network.load_state_dict(loaded.tensors);
  } catch (const Error& e) {
    fail("'{}': {}", saved.weights, e.what());
  }
}

}  // namespace cairn::train
