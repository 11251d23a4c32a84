#include "cairn/train/report/curves.h"

#include <algorithm>
#include <cmath>

#include "cairn/io/jsonl.h"
#include "cairn/train/progress.h"

namespace cairn::train::report {

Lines lines_of(const std::string& run) { return io::read_log(run + "/metrics.jsonl"); }

Series curve_of(const Lines& lines, const std::string& key, const std::string& name) {
  Series s{name, {}, {}};
  for (const auto& line : lines) {
    const auto step = line.find("step"), value = line.find(key);
    if (step == line.end() || value == line.end() || !step->is_number() || !value->is_number())
      continue;
    s.x.push_back(step->get<double>());
    s.y.push_back(value->get<double>());
  }
  return s;
}

std::string seconds_of(const Lines& lines) {
  const Series s = curve_of(lines, "seconds", "");
  return s.y.empty() ? "" : readable_seconds(s.y.back());
}

namespace {
std::string unbroken(const std::string& text) {  // at the end of a line
  std::string out;
  for (char c : text) out += c == ' ' ? "\u00a0" : std::string(1, c);
  return out;
}
}  // namespace

std::string took(const Lines& lines, const nlohmann::ordered_json& config) {
  const std::string seconds = seconds_of(lines);
  if (seconds.empty()) return "";
  const auto threads = config.find("threads");
  if (threads == config.end()) return ", " + seconds;
  return fmt::format(", {} on {}", unbroken(seconds),
                     *threads == 1 ? "one\u00a0core" : threads->dump() + "\u00a0threads");
}

std::string short_name(const std::string& path) {
  const size_t end = path.find_last_not_of('/') + 1;
  const size_t slash = path.find_last_of('/', end > 0 ? end - 1 : 0);
  return end == 0 ? path
                  : path.substr(slash == path.npos ? 0 : slash + 1,
                                end - (slash == path.npos ? 0 : slash + 1));
}

std::vector<Figure> charts(const std::vector<std::pair<LineChart, std::string>>& all) {
  std::vector<Figure> figures;
  for (const auto& [chart, caption] : all) {
    LineChart drawn = chart;
    std::erase_if(drawn.series, [](const Series& s) { return s.x.size() < 2; });
    if (!drawn.series.empty()) figures.push_back(figure(drawn, caption));
  }
  return figures;
}

std::vector<Figure> loss_charts(const Lines& lines, const std::string& unit,
                                const std::string& split) {
  const LineChart chart{
      "Loss", "step",
      unit,   {curve_of(lines, "loss", "training"), curve_of(lines, split + "_loss", split)},
      0,      ""};
  return charts({{chart, fmt::format("Training: the mean over the steps since the point before, "
                                     "with what training adds (dropout, smoothed targets); {}: at "
                                     "that step, without.",
                                     split)}});
}

std::vector<size_t> spread_over(size_t count, size_t shown, double power) {
  std::vector<size_t> chosen;
  for (size_t i = 0; i < std::min(shown, count); ++i) {
    const double part =
        shown == 1 ? 1 : std::pow(static_cast<double>(i) / static_cast<double>(shown - 1), power);
    // Room is left for those that follow, and none is chosen twice.
    const size_t least = chosen.empty() ? 0 : chosen.back() + 1;
    const size_t most = count - (std::min(shown, count) - i);
    const auto wanted = static_cast<size_t>(std::lround(part * static_cast<double>(count - 1)));
    chosen.push_back(std::clamp(wanted, least, most));
  }
  if (!chosen.empty()) chosen.back() = count - 1;
  return chosen;
}

std::string with_thousands(int64_t number) {
  std::string digits = std::to_string(number);
  const int64_t first = number < 0 ? 1 : 0;
  for (auto i = static_cast<int64_t>(digits.size()) - 3; i > first; i -= 3)
    digits.insert(static_cast<size_t>(i), 1, ' ');
  return digits;
}

std::string counted(int64_t number, const std::string& what) {
  return with_thousands(number) + " " + what + (number == 1 ? "" : "s");
}

}  // namespace cairn::train::report
