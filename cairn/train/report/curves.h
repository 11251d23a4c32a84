// From a run's metrics.jsonl to what a page shows.
#pragma once
#include <nlohmann/json.hpp>

#include "cairn/train/report/page.h"

namespace cairn::train::report {

using Lines = std::vector<nlohmann::ordered_json>;

// The metrics of a run folder.
Lines lines_of(const std::string& run);

// (step, value) of every line that has `key` as a number.
Series curve_of(const Lines& lines, const std::string& key, const std::string& name);

// The last "seconds" of a run as people say it; "" when none was noted.
std::string seconds_of(const Lines& lines);
// The same with what computed, to end a headline: ", 16 s on one core", ", 16 s on 2 threads".
std::string took(const Lines& lines, const nlohmann::ordered_json& config);
// The last part of a path: what a folder of data is called.
std::string short_name(const std::string& path);

// Charts side by side, of the curves that have two points at least; without any, no chart.
std::vector<Figure> charts(const std::vector<std::pair<LineChart, std::string>>& chart_and_caption);

// Two curves of metrics.jsonl: `key`, a mean over the steps between lines, and SPLIT_`key` of the
// evaluations.
std::vector<Figure> loss_charts(const Lines& lines, const std::string& unit,
                                const std::string& split);

// At most `shown` different numbers below `count`, ascending, the first and the last among them;
// closer to each other at the beginning with a higher `power`.
std::vector<size_t> spread_over(size_t count, size_t shown, double power);

std::string with_thousands(int64_t number);                    // "421 642"
std::string counted(int64_t number, const std::string& what);  // "1 step", "5 000 steps"

}  // namespace cairn::train::report
