// A run folder: config.json, metrics.jsonl, TensorBoard events, checkpoint and weights of one
// training.
#pragma once
#include <memory>
#include <string>

#include "cairn/base/json.h"
#include "cairn/train/run_lock.h"

namespace cairn::train {

using cairn::Json;

class RunFolder {
 public:
  // A new run: makes the folder, takes its lock and writes the configuration. A run whose training
  // ended before its first checkpoint is begun anew. Unless keep() is called, what was made goes
  // with the last copy. Throws Error when it holds a run already (say --resume or choose another),
  // another process writes into it, or it cannot be written.
  static RunFolder create(const std::string& path, const Json& config);
  // The same in "runs/<task>-<number>": the first that is free; no two processes get the same.
  static RunFolder create_numbered(const std::string& task, const Json& config);
  // A rank's other than 0, which writes no run: a folder that is gone with the last copy. Its path
  // is not that of the run.
  static RunFolder scratch(const Json& config);
  // An existing run; `task` must be the one that it was made for ("": any).
  static RunFolder open(const std::string& path, const std::string& task);
  static bool holds_run(const std::string& path);

  // Throws Error when the folder holds a run already, or a process trains into it.
  static void refuse_held(const std::string& path);

  // Takes the lock of an existing run, to go on with it. Throws Error naming who holds it.
  void lock() { lock_ = RunLock::take(path_); }
  void keep() const;

  // Removes what a training wrote that never came to a checkpoint: its log, events and samples.
  void start_over() const;
  // "metrics.jsonl" alone says nothing: is there a checkpoint (or the one before), or weights?
  bool has_checkpoint() const;
  bool has_weights() const;

  // What config.json is to say; written by save_config(), and inside the weights.
  void set_config(const Json& config) { config_ = config; }
  void save_config() const;

  // Throws Error for a run that "cairn quantize" made.
  void wants_training(const char* verb) const;

  const std::string& path() const { return path_; }
  const Json& config() const { return config_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  std::string checkpoint() const { return file("checkpoint.safetensors"); }
  std::string weights() const { return file("model.safetensors"); }
  std::string metrics() const { return file("metrics.jsonl"); }

 private:
  class Attempt;  // a new run until it is kept
  class Scratch;
  static RunFolder begin(const std::string& path, const Json& config,
                         std::shared_ptr<Attempt> attempt);
  void refuse_trained() const;  // throws Error where there are weights or a checkpoint

  std::string path_;
  Json config_;
  std::shared_ptr<RunLock> lock_;
  std::shared_ptr<Attempt> attempt_;
  std::shared_ptr<Scratch> scratch_;
};

}  // namespace cairn::train
