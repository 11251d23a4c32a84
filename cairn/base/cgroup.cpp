#include "cairn/base/cgroup.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <vector>

namespace cairn {
namespace {

constexpr double kNoLimit = std::numeric_limits<double>::infinity();

// The numbers of a file's first line; "max" is no limit. Empty where it cannot be read.
std::vector<double> numbers_in(const std::string& path) {
  std::ifstream file(path);
  std::vector<double> numbers;
  for (std::string word; file >> word;) {
    if (word == "max") {
      numbers.push_back(kNoLimit);
      continue;
    }
    std::istringstream text(word);
    double number = 0;
    if (!(text >> number)) break;
    numbers.push_back(number);
  }
  return numbers;
}
double number_in(const std::string& path) {
  const auto numbers = numbers_in(path);
  return numbers.empty() || numbers[0] < 0 ? kNoLimit : numbers[0];  // -1: no quota
}

double share(double quota, double period) { return period > 0 ? quota / period : kNoLimit; }

void take_limits(const std::string& group, CgroupLimits& limits) {
  auto lower = [](double& limit, double value) { limit = std::min(limit, value); };
  const auto max = numbers_in(group + "/cpu.max");
  if (max.size() == 2) lower(limits.processors, share(max[0], max[1]));
  lower(limits.processors,
        share(number_in(group + "/cpu.cfs_quota_us"), number_in(group + "/cpu.cfs_period_us")));
  lower(limits.memory_bytes, number_in(group + "/memory.max"));
  lower(limits.memory_bytes, number_in(group + "/memory.limit_in_bytes"));
}

bool lists(const std::string& names, const std::string& name) {
  std::istringstream list(names);
  for (std::string item; std::getline(list, item, ',');)
    if (item == name) return true;
  return false;
}

// The process's group in the hierarchy of `controller` ("" is v2's), as /proc/self/cgroup tells:
// lines of number:controllers:path.
std::string group_of(const std::string& root, const std::string& controller) {
  std::ifstream file(root + "/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (controller.empty() ? controllers.empty() : lists(controllers, controller))
      return line.substr(second + 1);
  }
  return "/";
}

struct Mount {
  std::string top, place;  // the group that is mounted, and where
};

// Where the hierarchy is mounted: of the fields of a line of mountinfo, the 4th and 5th; behind " -
// " the kind of file system, its source, and its options.
std::vector<Mount> mounts_of(const std::string& root, const std::string& controller) {
  std::vector<Mount> mounts;
  std::ifstream file(root + "/proc/self/mountinfo");
  for (std::string line; std::getline(file, line);) {
    const size_t dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    std::istringstream left(line), right(line.substr(dash + 3));
    std::string field, kind, source, options;
    Mount mount;
    left >> field >> field >> field >> mount.top >> mount.place;
    right >> kind >> source >> options;
    if (controller.empty() ? kind == "cgroup2" : kind == "cgroup" && lists(options, controller))
      mounts.push_back(mount);
  }
  return mounts;
}

// Inside a container the group may be named from the host's view: then the mount itself is it.
std::string below(const std::string& group, const std::string& top) {
  if (top == "/") return group == "/" ? "" : group;
  if (group.compare(0, top.size(), top) != 0) return "";
  return group.substr(top.size());
}

}  // namespace

CgroupLimits cgroup_limits(const std::string& root) {
  CgroupLimits limits;
  for (const char* controller : {"", "cpu", "memory"}) {
    const std::string group = group_of(root, controller);
    for (const Mount& mount : mounts_of(root, controller)) {
      std::string path = below(group, mount.top);
      take_limits(root + mount.place + path, limits);
      for (size_t slash; (slash = path.rfind('/')) != std::string::npos;) {
        path.resize(slash);
        take_limits(root + mount.place + path, limits);
      }
    }
  }
  return limits;
}

}  // namespace cairn
