#include "cairn/compile/profile.h"

#include "cairn/base/error.h"
#include "cairn/cli/commands.h"

namespace cairn::cli {

ProfileScope::ProfileScope(std::string trace_file) : trace_file_(std::move(trace_file)) {
  if (!trace_file_.empty()) start_profile();
}

ProfileScope::~ProfileScope() {
  if (trace_file_.empty()) return;
  fmt::print(stderr, "{}", profile_report());
  try {
    write_chrome_trace(trace_file_);
    fmt::print(stderr, "trace in {}\n", trace_file_);
  } catch (const Error& e) { fmt::print(stderr, "cairn: {}\n", e.what()); }
}

}  // namespace cairn::cli
