// Trained weights with the configuration that says what they are of.
#pragma once
#include <functional>
#include <memory>
#include <string>

#include "cairn/nn/module.h"
#include "cairn/train/checkpoint.h"
#include "cairn/train/run_folder.h"

namespace cairn::train {

// Under which a weights file, and an exported network, has its configuration in its metadata.
inline constexpr const char* kConfigMetadata = "cairn.config";

struct SavedModel {
  std::string path;     // as it was given: a run folder, or a weights file
  std::string weights;  // path of the safetensors file
  Json config;
  // The weights, where they come from another kind of file: load_weights() takes them out.
  std::shared_ptr<NamedTensors> given = {};
  // The same, where which ones there are shows when the network's own are known.
  std::function<NamedTensors(const NamedTensors& own)> give = {};
  std::string task() const { return config.value("task", ""); }
  std::string config_file() const;  // for messages: where the configuration stands
};
// `path`: a run folder, or the model.safetensors of one. Throws Error when it is neither, or of
// another task than `task` ("": any).
SavedModel open_saved_model(const std::string& path, const std::string& task = "");
// Into the network that the configuration describes. Throws Error that names the file when they do
// not fit or are not finite.
void load_weights(const SavedModel& saved, const nn::Module& network);

// The tensors of a weights file, which must be finite; throws Error that names the first that is
// not.
NamedTensors read_weights(const std::string& path);

}  // namespace cairn::train
