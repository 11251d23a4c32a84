#include "cairn/train/report/curves.h"

#include <algorithm>

#include "cairn/train/progress.h"

namespace cairn::train::report {

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

bool has_curve(const LineChart& chart) {
  return std::any_of(chart.series.begin(), chart.series.end(),
                     [](const Series& s) { return s.x.size() >= 2; });
}

std::vector<Figure> charts(const std::vector<std::pair<LineChart, std::string>>& all) {
  std::vector<Figure> figures;
  for (const auto& [chart, caption] : all)
    if (has_curve(chart)) figures.push_back(figure(chart, caption));
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

std::string with_thousands(int64_t number) {
  std::string digits = std::to_string(number);
  const int64_t first = number < 0 ? 1 : 0;
  for (auto i = static_cast<int64_t>(digits.size()) - 3; i > first; i -= 3)
    digits.insert(static_cast<size_t>(i), 1, ' ');
  return digits;
}

}  // namespace cairn::train::report
