#include "cairn/base/caches.h"

#include <algorithm>
#include <fstream>
#include <string>
#include <thread>

namespace cairn {
namespace {

// One entry of Linux's /sys: level, type and size ("512K") of a cache of the first processor.
// sysconf() is not used: it adds up the caches of the whole socket.
void read_entry(int index, Caches& found) {
  const std::string folder =
      "/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(index) + "/";
  int level = 0;
  int64_t size = 0;
  std::string type;
  char unit = 0;
  std::ifstream(folder + "level") >> level;
  std::ifstream(folder + "type") >> type;
  std::ifstream(folder + "size") >> size >> unit;
  size *= unit == 'M' ? 1 << 20 : unit == 'K' ? 1 << 10 : 1;
  if (size <= 0 || type == "Instruction") return;
  if (level == 1) found.l1 = size;
  if (level == 2) found.l2 = size;
  if (level == 3) found.l3 = size;
}

// A virtual machine with two cores of sixty sees the whole cache, which its neighbours fill.
constexpr int64_t kMostOfAProcessor = 16 << 20;

}  // namespace

const Caches& caches() {
  static const Caches found = [] {
    Caches sizes;
    for (int index = 0; index < 5; ++index) read_entry(index, sizes);
    const int64_t processors = std::max(1u, std::thread::hardware_concurrency());
    sizes.l3 = std::min(sizes.l3, processors * kMostOfAProcessor);
    return sizes;
  }();
  return found;
}

}  // namespace cairn
