// From a run's metrics.jsonl to what a page shows.
#pragma once
#include <nlohmann/json.hpp>

#include "cairn/train/report/page.h"

namespace cairn::train::report {

using Lines = std::vector<nlohmann::ordered_json>;

// (step, value) of every line that has `key` as a number.
Series curve_of(const Lines& lines, const std::string& key, const std::string& name);

// The last "seconds" of a run as people say it; "" when none was noted.
std::string seconds_of(const Lines& lines);

// Whether a chart has anything to show: two points of a curve.
bool has_curve(const LineChart& chart);
// The charts that have, side by side.
std::vector<Figure> charts(const std::vector<std::pair<LineChart, std::string>>& chart_and_caption);

// Two curves of metrics.jsonl: `key`, a mean over the steps between lines, and SPLIT_`key` of the
// evaluations.
std::vector<Figure> loss_charts(const Lines& lines, const std::string& unit,
                                const std::string& split);

std::string with_thousands(int64_t number);  // "421 642"

}  // namespace cairn::train::report
