#include "cairn/compile/profile.h"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <map>

#include "cairn/base/error.h"

namespace cairn {
namespace {

constexpr size_t kMostEvents = 1 << 20;

struct Profile {
  bool on = false;
  std::chrono::steady_clock::time_point start;
  std::vector<ProfileEvent> events;
};
Profile& profile() {
  static Profile instance;
  return instance;
}

std::string escaped(const std::string& text) {
  std::string out;
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

struct Sum {
  double seconds = 0;
  size_t bytes = 0, calls = 0;
};

// "region[add mul] f32[2, 3]" is of the kind "region".
std::string kind_of(const std::string& op) { return op.substr(0, op.find_first_of(" [")); }

// One line: the share of each kind of op.
std::string by_kind(double total) {
  std::map<std::string, double> kinds;
  for (const ProfileEvent& e : profile().events) kinds[kind_of(e.op)] += e.seconds;
  std::vector<std::pair<std::string, double>> order(kinds.begin(), kinds.end());
  std::sort(order.begin(), order.end(),
            [](const auto& a, const auto& b) { return a.second > b.second; });
  std::string text;
  for (const auto& [kind, seconds] : order)
    if (seconds > total / 200)
      text += fmt::format("{}{} {:.1f}%", text.empty() ? "" : ", ", kind, 100 * seconds / total);
  return text + "\n";
}

}  // namespace

void start_profile() {
  profile().on = true;
  profile().start = std::chrono::steady_clock::now();
  profile().events.clear();
}
bool profiling() { return profile().on; }
double profile_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - profile().start).count();
}
void add_profile_event(ProfileEvent event) {
  if (profile().events.size() < kMostEvents) profile().events.push_back(std::move(event));
}

std::string profile_report(size_t rows) {
  std::map<std::string, Sum> sums;
  double total = 0;
  for (const ProfileEvent& e : profile().events) {
    Sum& s = sums[fmt::format("{}  {}  {}", e.op, e.path, e.line)];
    s.seconds += e.seconds, s.bytes += e.bytes, ++s.calls;
    total += e.seconds;
  }
  std::vector<std::pair<std::string, Sum>> order(sums.begin(), sums.end());
  std::sort(order.begin(), order.end(),
            [](const auto& a, const auto& b) { return a.second.seconds > b.second.seconds; });
  std::string text =
      by_kind(total) + fmt::format("{:>7} {:>8} {:>10} {:>8}  op, module, line ({:.3f} s in all)\n",
                                   "share", "calls", "ms each", "GB/s", total);
  for (size_t i = 0; i < std::min(rows, order.size()); ++i) {
    const auto& [name, s] = order[i];
    text += fmt::format("{:6.1f}% {:8} {:10.3f} {:8.1f}  {}\n", 100 * s.seconds / total, s.calls,
                        1e3 * s.seconds / static_cast<double>(s.calls),
                        static_cast<double>(s.bytes) / s.seconds / 1e9, name);
  }
  return text;
}

void write_chrome_trace(const std::string& path) {
  std::ofstream file(path);
  file << "[\n";
  bool first = true;
  for (const ProfileEvent& e : profile().events) {
    file << (first ? "" : ",\n")
         << fmt::format(
                "{{\"name\":\"{}\",\"ph\":\"X\",\"ts\":{:.1f},\"dur\":{:.1f},\"pid\":1,\"tid\":1,"
                "\"args\":{{\"module\":\"{}\",\"line\":\"{}\",\"bytes\":{}}}}}",
                escaped(e.op), e.start * 1e6, e.seconds * 1e6, escaped(e.path), escaped(e.line),
                e.bytes);
    first = false;
  }
  file << "\n]\n";
  file.close();
  if (!file) fail("{}: cannot write the trace; check the folder and the free space", path);
}

}  // namespace cairn
