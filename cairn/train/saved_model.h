// Trained weights with the configuration that says what they are of.
#pragma once
#include <string>

#include "cairn/nn/module.h"
#include "cairn/train/run_folder.h"

namespace cairn::train {

struct SavedModel {
  std::string weights;  // path of the safetensors file
  Json config;
  std::string task() const { return config.value("task", ""); }
};
// `path`: a run folder, or the model.safetensors of one. Throws Error when it is neither, or of
// another task than `task` ("": any).
SavedModel open_saved_model(const std::string& path, const std::string& task = "");
// Into the network that the configuration describes. Throws Error that names the file when they do
// not fit or are not finite.
void load_weights(const SavedModel& saved, const nn::Module& network);

// Calls `read` with a configuration; what is missing in it or of the wrong type becomes an Error
// that names the file.
template <class F>
void read_config(const Json& config, const std::string& run, const F& read) {
  try {
    read(config);
  } catch (const nlohmann::json::exception& e) {
    fail("'{}/config.json' is damaged: {}", run, e.what());
  }
}

}  // namespace cairn::train
