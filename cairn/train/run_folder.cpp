#include "cairn/train/run_folder.h"

#include <filesystem>

#include "cairn/base/invalid_option.h"
#include "cairn/io/file.h"

namespace cairn::train {
namespace fs = std::filesystem;

bool RunFolder::holds_run(const std::string& path) { return fs::exists(path + "/config.json"); }

void RunFolder::refuse_held(const std::string& path) {
  check(!holds_run(path),
        "{}: this folder already holds a run; go on with it (resume), or choose another (out)",
        path);
}

std::string RunFolder::fresh_name(const std::string& task) {
  for (int number = 1;; ++number) {
    const std::string name = fmt::format("runs/{}-{}", task, number);
    if (!fs::exists(name)) return name;
  }
}

RunFolder RunFolder::create(const std::string& path, const Json& config) {
  refuse_held(path);
  if (fs::exists(path) && !fs::is_directory(path))
    throw InvalidOption("out", fmt::format("'{}' is a file, not a folder; choose another", path));
  std::error_code error;
  fs::create_directories(path, error);
  check(!error, "out: cannot make the folder '{}': {}; choose another", path, error.message());
  RunFolder run;
  run.path_ = path;
  run.config_ = config;
  run.save_config();
  return run;
}

RunFolder RunFolder::open(const std::string& path, const std::string& task) {
  if (!fs::exists(path))
    fail("{}: no such folder; give the one that 'cairn train --out' wrote", path);
  if (!holds_run(path))
    fail("{}: holds no run (no config.json); give the folder that 'cairn train --out' wrote", path);
  RunFolder run;
  run.path_ = path;
  const std::string file = run.file("config.json");
  try {
    run.config_ = Json::parse(io::read_text_file(file));
  } catch (const nlohmann::json::exception& e) { fail("{}: not valid JSON: {}", file, e.what()); }
  const auto name = run.config_.is_object() ? run.config_.find("task") : run.config_.end();
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
  io::write_file_atomically(file("config.json"), std::string_view(config_.dump(2) + "\n"));
}

void RunFolder::remove_leftovers() const {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(path_, ignored))
    if (entry.path().filename().string().find(".tmp-") != std::string::npos)
      fs::remove(entry.path(), ignored);
}

}  // namespace cairn::train
