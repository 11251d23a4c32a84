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

  // Where a training goes, before it reads or writes anything: `out` ("": a fresh name), which must
  // hold a run of the task when `resume`, and must not otherwise. Returns the configuration to take
  // over; null for a new run.
  static Json choose(const std::string& task, std::string& out, bool resume);
  // The chosen folder: the run to resume, or a new one of this configuration.
  static RunFolder begin(const std::string& task, const std::string& out, bool resume,
                         const Json& config);

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
