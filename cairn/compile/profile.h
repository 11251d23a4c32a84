// Where time and bytes go: `--profile FILE` on the command line. Every executable made while
// profiling is on times each of its nodes; the report sums by op and by module, the trace opens in
// Chrome's tracing page.
#pragma once
#include <string>
#include <vector>

namespace cairn {

struct ProfileEvent {  // one launch of one node
  std::string op, path, line;
  double start = 0, seconds = 0;  // start since profiling began
  size_t bytes = 0;               // of inputs and outputs
};

void start_profile();
bool profiling();
double profile_now();
void add_profile_event(ProfileEvent event);
// A table: share of time, calls, milliseconds and GB/s for each op and place, largest first.
std::string profile_report(size_t rows = 40);
void write_chrome_trace(const std::string& path);  // throws Error when the file cannot be written

}  // namespace cairn
