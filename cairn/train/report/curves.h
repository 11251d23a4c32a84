// From a run's metrics.jsonl to what a page shows.
#pragma once
#include <nlohmann/json.hpp>

#include "cairn/train/report/chart.h"

namespace cairn::train::report {

using Lines = std::vector<nlohmann::ordered_json>;

// (step, value) of every line that has `key` as a number.
Series curve_of(const Lines& lines, const std::string& key, const std::string& name);

// The last "seconds" of a run as people say it; "" when none was noted.
std::string seconds_of(const Lines& lines);

std::string with_thousands(int64_t number);  // "421 642"

}  // namespace cairn::train::report
