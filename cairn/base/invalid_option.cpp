#include "cairn/base/invalid_option.h"

#include "cairn/base/close_name.h"

namespace cairn {

std::string no_such_name(const std::string& given, const std::vector<std::string>& known) {
  std::string all;
  for (size_t i = 0; i < known.size(); ++i)
    all += (i == 0 ? "" : i + 1 == known.size() ? " and " : ", ") + known[i];
  const std::string near = close_name(given, known);
  return fmt::format("there is no '{}'{}; there are {}", given,
                     near.empty() ? "" : fmt::format(" (did you mean {}?)", near), all);
}

}  // namespace cairn
