#include "cairn/base/close_name.h"

#include <algorithm>

#include "cairn/base/error.h"

namespace cairn {

std::string close_name(const std::string& name, const std::vector<std::string>& known) {
  const size_t dashes = std::min(name.find_first_not_of('-'), name.size());
  const int letters = static_cast<int>(name.size() - dashes);
  int most = letters <= 3 ? 1 : std::max(2, letters / 3);
  std::string best;
  for (const std::string& candidate : known) {
    const bool begins = letters >= 3 && candidate.starts_with(name);
    const int distance = begins ? 0 : edit_distance(name, candidate);
    if (distance > most || (distance == most && !best.empty())) continue;
    most = distance, best = candidate;
  }
  return best;
}

}  // namespace cairn
