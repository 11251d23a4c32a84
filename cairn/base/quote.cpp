#include "cairn/base/quote.h"

#include <algorithm>

namespace cairn {
namespace {

bool is_plain(char c) {
  const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  return letter || std::string("_./:@%+,=-").find(c) != std::string::npos;
}

}  // namespace

std::string shell_quoted(const std::string& word) {
  const std::string safe = (word.starts_with('-') ? "./" : "") + word;
  if (!safe.empty() && std::all_of(safe.begin(), safe.end(), is_plain)) return safe;
  std::string quoted = "'";
  for (char c : safe) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

}  // namespace cairn
