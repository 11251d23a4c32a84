// How many processors this process may use, and what they are called.
#include "cairn/base/processors.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <string>
#include <thread>

#include "cairn/base/cgroup.h"
#include "cairn/base/parallel.h"

namespace cairn {
namespace {

int by_affinity() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1u, std::thread::hardware_concurrency());
}

}  // namespace

int available_processors() {
  const double quota = cgroup_limits().processors;
  return std::max(1, static_cast<int>(std::ceil(std::min<double>(by_affinity(), quota))));
}

std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name")) {
      const size_t name = line.find_first_not_of(" \t", line.find(':') + 1);
      return name == line.npos ? "unknown" : line.substr(name);
    }
  return "unknown";
}

}  // namespace cairn
