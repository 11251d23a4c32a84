// One page about a run, whatever its task.
#pragma once
#include <string>

namespace cairn::tasks {

// Writes the page to `out` ("": report.html in the run folder) and returns its path. Throws Error
// for a folder without a run, or of a task that has no report.
std::string write_report(const std::string& run, const std::string& out = "");

}  // namespace cairn::tasks
