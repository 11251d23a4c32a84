#include "cairn/backend/cpu/tuning.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string_view>

#include "cairn/base/error.h"
#include "cairn/base/hash.h"
#include "cairn/base/version.h"

namespace cairn::cpu {
namespace {

namespace fs = std::filesystem;

// The file, line by line: what it is, whose, "KEY CHOICE" each, how many those were.
constexpr const char* kFormat = "cairn kernels 1";
constexpr const char* kEnd = "choices";

// What makes kernels quick or slow, as the system names it.
std::string processor() {
  std::ifstream info("/proc/cpuinfo");
  std::string said;
  for (std::string line; std::getline(info, line) && !line.empty();)
    for (const char* field : {"vendor_id", "cpu family", "model\t", "model name", "stepping"})
      if (line.starts_with(field)) said += line.substr(std::min(line.size(), line.find(':') + 1));
  return said.empty() ? " unknown" : said;
}

std::string cache_file(const std::string& processor) {
  const auto folder = [](const char* variable) {
    const char* set = std::getenv(variable);
    return fs::path(set && *set == '/' ? set : "");
  };
  fs::path cache = folder("XDG_CACHE_HOME");
  if (cache.empty() && !folder("HOME").empty()) cache = folder("HOME") / ".cache";
  if (cache.empty()) return "";
  uint64_t hash = 0;
  for (const char c : processor) hash = hash_mix(hash, static_cast<unsigned char>(c));
  return (cache / "cairn" / fmt::format("kernels-{}-{:016x}.txt", kVersion, hash)).string();
}

double seconds_of(const std::function<void(size_t)>& run, size_t i) {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  run(i);
  return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace

bool tuning() {
  const char* set = std::getenv("CAIRN_TUNE");
  const std::string_view value = set ? set : "";
  check(value.empty() || value == "0" || value == "1",
        "CAIRN_TUNE is '{}'; it can be 1 (kernels are chosen by measurement) or 0", value);
  return value == "1";
}

TunedChoices::TunedChoices(std::string file, std::string processor)
    : file_(std::move(file)), processor_(std::move(processor)) {
  try {
    choices_ = read();
  } catch (const Error& e) { fmt::print(stderr, "cairn: {}\n", e.what()); }
}

TunedChoices::Choices TunedChoices::read() const {
  Choices found;
  std::ifstream in(file_);
  if (file_.empty() || !in) return found;
  std::string line;
  const auto next = [&] { return static_cast<bool>(std::getline(in, line)); };
  const auto damaged = [&](const char* why) {
    fail("'{}' is ignored ({}): kernels are measured anew", file_, why);
  };
  if (!next() || line != kFormat) damaged("it does not begin as such a file");
  if (!next()) damaged("it is cut off");
  if (line != fmt::format("{}{}", kVersion, processor_)) return found;
  for (;;) {
    if (!next()) damaged("it is cut off");
    const size_t space = line.find(' ');
    if (space == std::string::npos || space == 0 || space + 1 == line.size())
      damaged("a line is no key and choice");
    const std::string key = line.substr(0, space), value = line.substr(space + 1);
    if (key != kEnd) found[key] = value;
    else if (value == std::to_string(found.size()) && !next()) return found;
    else damaged("it holds other lines than it says");
  }
}

// A temporary file in the same folder, renamed: a reader sees the old choices or the new ones.
bool TunedChoices::write() const {
  std::error_code failed;
  fs::create_directories(fs::path(file_).parent_path(), failed);
  const std::string temporary = fmt::format("{}.{}", file_, getpid());
  std::ofstream out(temporary);
  out << kFormat << '\n' << kVersion << processor_ << '\n';
  for (const auto& [key, choice] : choices_) out << key << ' ' << choice << '\n';
  out << kEnd << ' ' << choices_.size() << '\n';
  out.close();
  if (out) fs::rename(temporary, file_, failed);
  if (out && !failed) return true;
  fs::remove(temporary, failed);
  return false;
}

std::string TunedChoices::find(const std::string& key) const {
  const std::lock_guard lock(mutex_);
  const auto at = choices_.find(key);
  return at == choices_.end() ? "" : at->second;
}

void TunedChoices::remember(const std::string& key, const std::string& choice) {
  const std::lock_guard lock(mutex_);
  choices_[key] = choice;
  if (file_.empty()) return;
  try {
    choices_.merge(read());
  } catch (const Error&) {}  // it was told of, or is another process's to tell
  if (write() || complained_) return;
  complained_ = true;
  fmt::print(stderr, "cairn: '{}' cannot be written: what CAIRN_TUNE chose is not kept\n", file_);
}

TunedChoices& tuned_choices() {
  static TunedChoices choices(cache_file(processor()), processor());
  return choices;
}

size_t quickest(TunedChoices& choices, const std::string& key,
                const std::vector<std::string>& names, const std::function<void(size_t)>& run) {
  const auto known = std::find(names.begin(), names.end(), choices.find(key));
  if (known != names.end()) return static_cast<size_t>(known - names.begin());
  constexpr int kRounds = 6;
  constexpr double kByChance = 1.03;
  std::vector<double> best(names.size(), INFINITY);
  for (int round = 0; round < kRounds && names.size() > 1; ++round)
    for (size_t i = 0; i < names.size(); ++i) {
      const double seconds = seconds_of(run, i);
      if (round > 0) best[i] = std::min(best[i], seconds);  // the first touches the memory
    }
  size_t chosen = 0;
  for (size_t i = 1; i < names.size(); ++i)
    if (best[i] * kByChance < best[0] && best[i] < best[chosen]) chosen = i;
  choices.remember(key, names[chosen]);
  return chosen;
}

}  // namespace cairn::cpu
