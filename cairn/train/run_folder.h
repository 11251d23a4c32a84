// A run folder: config.json, metrics.jsonl, TensorBoard events, checkpoint and weights of one
// training.
#pragma once
#include <nlohmann/json.hpp>
#include <string>

namespace cairn::train {

using Json = nlohmann::ordered_json;

class RunFolder {
 public:
  // A new run: makes the folder and writes the configuration. Throws Error when it holds a run
  // already (say
  // --resume or choose another) or cannot be written.
  static RunFolder create(const std::string& path, const Json& config);
  // An existing run; `task` must be the one that it was made for ("": any).
  static RunFolder open(const std::string& path, const std::string& task);
  static bool holds_run(const std::string& path);
  // "runs/<task>-<number>": the first that is free.
  static std::string fresh_name(const std::string& task);

  // Throws Error when the folder holds a run already.
  static void refuse_held(const std::string& path);

  // What config.json is to say; written by save_config(), and inside the weights.
  void set_config(const Json& config) { config_ = config; }
  void save_config() const;

  // Throws Error for a run that "cairn quantize" made.
  void wants_training(const char* verb) const;

  // Temporary files of a process that was killed while it wrote.
  void remove_leftovers() const;

  const std::string& path() const { return path_; }
  const Json& config() const { return config_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  std::string checkpoint() const { return file("checkpoint.safetensors"); }
  std::string weights() const { return file("model.safetensors"); }
  std::string metrics() const { return file("metrics.jsonl"); }

 private:
  std::string path_;
  Json config_;
};

}  // namespace cairn::train
