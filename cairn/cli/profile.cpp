#include "cairn/compile/profile.h"

#include "cairn/base/error.h"
#include "cairn/cli/commands.h"
#include "cairn/io/file.h"

namespace cairn::cli {

ProfileScope::ProfileScope(std::string trace_file) : trace_file_(std::move(trace_file)) {
  if (trace_file_.empty()) return;
  io::check_writable(trace_file_);
  start_profile();
}

void ProfileScope::write() {
  const std::string file = std::exchange(trace_file_, "");
  if (file.empty()) return;
  fmt::print(stderr, "{}", profile_report());
  write_chrome_trace(file);
  fmt::print(stderr, "trace in {}\n", file);
}

ProfileScope::~ProfileScope() {
  try {
    write();
  } catch (const Error& e) { fmt::print(stderr, "cairn: {}\n", e.what()); }
}

}  // namespace cairn::cli
