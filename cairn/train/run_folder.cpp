#include "cairn/train/run_folder.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <vector>

#include "cairn/base/invalid_option.h"
#include "cairn/base/quote.h"
#include "cairn/io/file.h"
#include "cairn/io/json.h"

namespace cairn::train {
namespace fs = std::filesystem;
namespace {

bool exists(const std::string& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

bool is_log(const std::string& name) {
  return name == "metrics.jsonl" || name.starts_with("events.out.tfevents.");
}

void remove_log_of(const std::string& folder) {
  std::error_code ignored;
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(folder, ignored))
    if (is_log(entry.path().filename().string())) found.push_back(entry.path());
  for (const auto& entry : fs::directory_iterator(folder + "/samples", ignored))
    if (entry.path().filename().string().starts_with("step-")) found.push_back(entry.path());
  for (const fs::path& path : found) fs::remove(path, ignored);
  fs::remove(folder + "/samples", ignored);  // when nothing else is in it
}

}  // namespace

// What was made for a new run: all of it is gone again when nothing comes of it.
class RunFolder::Attempt {
 public:
  Attempt() = default;
  Attempt(const Attempt&) = delete;
  ~Attempt() {
    if (kept_) return;
    if (!run_.empty()) {
      remove_log_of(run_);
      std::error_code ignored;
      for (const char* file : {"/config.json", "/model.safetensors"})
        fs::remove(run_ + file, ignored);
    }
    lock_.reset();
    std::error_code ignored;
    for (const std::string& folder : folders_) fs::remove(folder, ignored);  // when it is empty
  }
  void keep() { kept_ = true; }
  void lock(const std::string& path) { lock_ = RunLock::take(path); }
  void writes_into(const std::string& path) { run_ = path; }

  // The folder and those above it that are missing. False: `last` is there already.
  bool make(const std::string& last) {
    std::vector<std::string> missing;
    fs::path at = last;
    if (!at.has_filename()) at = at.parent_path();
    const std::string leaf = at.string();
    for (; !at.empty() && !exists(at.string()); at = at.parent_path())
      missing.push_back(at.string());
    bool made = false;
    std::error_code ignored;
    for (auto it = missing.rbegin(); it != missing.rend(); ++it) {
      if (::mkdir(it->c_str(), 0777) == 0) {
        folders_.insert(folders_.begin(), *it);
        made = *it == leaf;
      } else if (const int why = errno; why != EEXIST || !fs::is_directory(*it, ignored)) {
        fail("out: cannot make the folder '{}': {}; choose another", last, std::strerror(why));
      }
    }
    return made;
  }

 private:
  std::shared_ptr<RunLock> lock_;
  std::string run_;
  std::vector<std::string> folders_;  // made by us, the deepest first
  bool kept_ = false;
};

bool RunFolder::holds_run(const std::string& path) { return exists(path + "/config.json"); }

bool RunFolder::has_checkpoint() const {
  return exists(checkpoint()) || exists(checkpoint() + ".previous");
}
bool RunFolder::has_weights() const { return exists(weights()); }

void RunFolder::refuse_held(const std::string& path) {
  if (!holds_run(path)) return;
  const std::string who = RunLock::holder_of(path);
  check(who.empty(), "{}: {} is training into this folder; choose another (out)", path, who);
  RunFolder run;
  run.path_ = path;
  run.refuse_trained();
}

void RunFolder::refuse_trained() const {
  if (!has_checkpoint() && !has_weights()) return;
  std::string held;  // a damaged configuration is no reason to write over the weights
  try {
    held = io::read_text_file(file("config.json"));
  } catch (const Error&) {}
  const Json config = Json::parse(held, nullptr, false);
  check(!config.is_object() || !config.contains("quantization"),
        "{}: this folder already holds a run in 8 bits; choose another (out)", path_);
  fail(
      "{}: this folder already holds a run; go on with it (cairn train --resume {}), "
      "or choose another (out)",
      path_, shell_quoted(path_));
}

RunFolder RunFolder::create(const std::string& path, const Json& config) {
  std::error_code ignored;
  if (exists(path) && !fs::is_directory(path, ignored))
    throw InvalidOption("out", fmt::format("'{}' is a file, not a folder; choose another", path));
  const auto attempt = std::make_shared<Attempt>();
  attempt->make(path);
  return begin(path, config, attempt);
}

RunFolder RunFolder::create_numbered(const std::string& task, const Json& config) {
  const auto attempt = std::make_shared<Attempt>();
  for (int number = 1;; ++number) {
    const std::string path = fmt::format("runs/{}-{}", task, number);
    if (attempt->make(path)) return begin(path, config, attempt);
  }
}

RunFolder RunFolder::begin(const std::string& path, const Json& config,
                           std::shared_ptr<Attempt> attempt) {
  RunFolder run;
  run.path_ = path;
  run.config_ = config;
  run.attempt_ = std::move(attempt);
  run.attempt_->lock(path);
  io::remove_dead_temporaries(path);
  if (holds_run(path)) {
    run.refuse_trained();
    run.start_over();
  }
  run.attempt_->writes_into(path);
  run.save_config();
  return run;
}

class RunFolder::Scratch {
 public:
  Scratch() {
    const char* place = std::getenv("TMPDIR");
    path_ = std::string(place && *place ? place : "/tmp") + "/cairn-rank-XXXXXX";
    check(mkdtemp(path_.data()) != nullptr, "cannot make the folder '{}': {}", path_,
          std::strerror(errno));
  }
  Scratch(const Scratch&) = delete;
  ~Scratch() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

RunFolder RunFolder::scratch(const Json& config) {
  RunFolder run;
  run.scratch_ = std::make_shared<Scratch>();
  run.path_ = run.scratch_->path();
  run.config_ = config;
  return run;
}

void RunFolder::keep() const {
  if (attempt_) attempt_->keep();
}

void RunFolder::start_over() const { remove_log_of(path_); }

RunFolder RunFolder::open(const std::string& path, const std::string& task) {
  if (!exists(path)) fail("{}: no such folder; give the one that 'cairn train --out' wrote", path);
  if (!holds_run(path))
    fail("{}: holds no run (no config.json); give the folder that 'cairn train --out' wrote", path);
  RunFolder run;
  run.path_ = path;
  const std::string file = run.file("config.json");
  run.config_ = io::parse_json(io::read_text_file(file), "'" + file + "'");
  const auto name = run.config_.is_object() ? run.config_.find("task") : run.config_.end();
  check(
      !run.config_.is_object() || !run.config_.contains("model_type"),
      "'{}' is a folder of Hugging Face's, and no training that was run here: it can be evaluated, "
      "used and exported; a training begins with it by the option init",
      path);
  check(name != run.config_.end() && name->is_string(),
        "'{}' does not say which task the run is of: it is damaged", file);
  const std::string found = *name;
  if (!task.empty() && found != task)
    fail("{}: is a run of task '{}', not '{}'", path, found, task);
  return run;
}

void RunFolder::wants_training(const char* verb) const {
  check(!config_.contains("quantization"),
        "{}: is a run in 8 bits and has no training to {}; give the run that it was made of", path_,
        verb);
}

void RunFolder::save_config() const {
  io::write_file_atomically(file("config.json"),
                            std::string_view(io::dump_json(config_, 2) + "\n"));
}

}  // namespace cairn::train
