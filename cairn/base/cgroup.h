// What the control group of this process allows (containers, batch systems, systemd).
#pragma once
#include <limits>
#include <string>

namespace cairn {

struct CgroupLimits {
  double processors = std::numeric_limits<double>::infinity();  // quota / period
  double memory_bytes = std::numeric_limits<double>::infinity();
};

// The tightest limits of the process's group and the groups above it, of cgroup v1
// (cpu.cfs_quota_us, memory.limit_in_bytes) and v2 (cpu.max, memory.max) as they are mounted. What
// cannot be read limits nothing. `root` goes before each path: a test's folder.
CgroupLimits cgroup_limits(const std::string& root = "");

}  // namespace cairn
