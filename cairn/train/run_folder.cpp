#include "cairn/train/run_folder.h"

#include <filesystem>

#include "cairn/io/file.h"

namespace cairn::train {
namespace fs = std::filesystem;
namespace {

[[noreturn]] void fail_holds_run(const std::string& path) {
  fail("{}: this folder already holds a run; go on with --resume, or choose another --out", path);
}

}  // namespace

bool RunFolder::holds_run(const std::string& path) { return fs::exists(path + "/config.json"); }

std::string RunFolder::fresh_name(const std::string& task) {
  for (int number = 1;; ++number) {
    const std::string name = fmt::format("runs/{}-{}", task, number);
    if (!fs::exists(name)) return name;
  }
}

RunFolder RunFolder::create(const std::string& path, const Json& config) {
  if (holds_run(path)) fail_holds_run(path);
  if (fs::exists(path) && !fs::is_directory(path))
    fail("{}: is a file, not a folder; choose another --out", path);
  std::error_code error;
  fs::create_directories(path, error);
  if (error) fail("{}: cannot make the folder: {}; choose another --out", path, error.message());
  RunFolder run;
  run.path_ = path;
  run.config_ = config;
  io::write_file_atomically(run.file("config.json"), std::string_view(config.dump(2) + "\n"));
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
  } catch (const nlohmann::json::exception& e) {
    fail("{}: not valid JSON: {}", file, e.what());
  }
  const std::string found = run.config_.value("task", "");
  if (!task.empty() && found != task)
    fail("{}: is a run of task '{}', not '{}'", path, found, task);
  return run;
}

void RunFolder::wants_training(const char* verb) const {
  if (config_.contains("quantization"))
    fail("{}: is a run in 8 bits and has no training to {}; give the run that it was made of", path_, verb);
}

Json RunFolder::choose(const std::string& task, std::string& out, bool resume) {
  if (resume) {
    if (out.empty()) throw UsageError("--resume: say which run with --out DIR");
    const RunFolder run = open(out, task);
    run.wants_training("resume");
    return run.config();
  }
  if (out.empty()) out = fresh_name(task);
  else if (holds_run(out)) fail_holds_run(out);
  return nullptr;
}

RunFolder RunFolder::begin(const std::string& task, const std::string& out, bool resume,
                           const Json& config) {
  RunFolder run = resume ? open(out, task) : create(out, config);
  run.remove_leftovers();
  return run;
}

void RunFolder::remove_leftovers() const {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(path_, ignored))
    if (entry.path().filename().string().find(".tmp-") != std::string::npos)
      fs::remove(entry.path(), ignored);
}

}  // namespace cairn::train
