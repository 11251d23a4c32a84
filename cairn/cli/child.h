// This program once more, as a process of its own: what it does can fail, hang or run out of memory
// without taking the caller with it.
#pragma once
#include <string>
#include <vector>

namespace cairn::cli {

struct ChildResult {
  int status = 0;         // 0: done; else its exit status, or 128 and the signal
  bool in_time = true;    // it ended before `seconds` were over
  double seconds = 0;     // it took
  double peak_mb = 0;     // of memory
  std::string out, said;  // standard output; the last line of standard error
};

// Runs `cairn ARGUMENTS`; after `seconds` (0: never) it is asked to stop (SIGTERM: a training saves
// and ends), and when this process is (train::SignalScope). Throws Error where no process can be
// made.
ChildResult run_cairn(const std::vector<std::string>& arguments, double seconds = 0);

}  // namespace cairn::cli
