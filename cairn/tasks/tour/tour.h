// A small model of each family, trained one after another on what the program brings along, and one
// page that shows what each learned.
#pragma once
#include <string>
#include <vector>

#include "cairn/base/json.h"

namespace cairn::tasks::tour {

std::vector<std::string> stop_names();  // of all tasks, in the order of their table

struct TourOptions {
  std::string out = "runs/tour";
  std::vector<std::string> stops;  // some of them; empty: all
  bool resume = false;             // goes on with a tour that was stopped
  uint64_t seed = 0;
  double part = 1;  // of each training's usual length; for a quick look and for tests
};
// Writes out/report.html and one run folder a stop beside it. Returns {report, seconds of training,
// and the result of each stop's training by its name}. Throws InvalidOption for an unknown stop or
// when `out` holds a tour already and resume is off, train::Stopped on a signal.
Json run(const TourOptions& options);

}  // namespace cairn::tasks::tour
