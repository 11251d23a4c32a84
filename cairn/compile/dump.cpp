#include "cairn/compile/dump.h"

#include "cairn/compile/executable.h"

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

namespace cairn {
namespace {

std::set<std::string>& disabled() {
  static std::set<std::string> names = [] {
    std::set<std::string> out;
    const char* text = std::getenv("CAIRN_PASSES");
    std::string word;
    for (const char* p = text ? text : "";; ++p) {
      if (*p && *p != ',') {
        word += *p;
        continue;
      }
      if (word.size() > 1 && word[0] == '-') out.insert(word.substr(1));
      word.clear();
      if (!*p) break;
    }
    return out;
  }();
  return names;
}

}  // namespace

Dump::Dump(const Graph& traced) {
  static std::atomic<int> next{0};
  const char* root = std::getenv("CAIRN_DUMP");
  if (!root || !*root) return;
  folder_ = fmt::format("{}/step{}", root, next.fetch_add(1));
  std::error_code error;
  std::filesystem::create_directories(folder_, error);
  check(!error, "CAIRN_DUMP: cannot make folder '{}': {}", folder_, error.message());
  after("trace", traced);
}

void Dump::after(const char* pass, const Graph& graph) {
  if (folder_.empty()) return;
  const std::string stem = fmt::format("{}/{}-{}", folder_, number_++, pass);
  std::ofstream(stem + ".txt") << to_text(graph);
  std::ofstream(stem + ".dot") << to_dot(graph);
}

bool note_stats(const ExecutableStats& s) {
  static const bool on = std::getenv("CAIRN_STATS") && *std::getenv("CAIRN_STATS") == '1';
  if (!on) return false;
  fmt::print(stderr,
             "cairn: compiled in {:.3f} s: {} kernels ({} regions, {} reorders), {} views, arena "
             "{:.1f} MB ({:.1f} MB without reuse)\n",
             s.compile_seconds, s.kernels, s.regions, s.reorders, s.views,
             static_cast<double>(s.arena_bytes) / 1e6,
             static_cast<double>(s.bytes_without_reuse) / 1e6);
  return true;
}

bool pass_enabled(const char* pass) { return !disabled().count(pass); }
void set_pass(const char* pass, bool enabled) {
  if (enabled) disabled().erase(pass);
  else disabled().insert(pass);
}

bool verify_passes() {
  static const bool on = [] {
    const char* text = std::getenv("CAIRN_VERIFY");
#ifdef NDEBUG
    return text && *text == '1';
#else
    return !text || *text != '0';
#endif
  }();
  return on;
}

}  // namespace cairn
