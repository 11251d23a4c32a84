#include <fmt/core.h>

#include <cerrno>
#include <cmath>
#include <cstdlib>

#include "cairn/cli/commands.h"

namespace cairn::cli {

CLI::Validator whole_number(int64_t low, int64_t high) {
  const auto verdict = [low, high](std::string& text) -> std::string {
    char* end = nullptr;
    errno = 0;
    const long long value = std::strtoll(text.c_str(), &end, 10);
    if (text.empty() || *end) return fmt::format("'{}' is no whole number", text);
    if (errno == ERANGE || value < low || value > high)
      return fmt::format("{} is out of range; give a whole number from {} to {}", text, low, high);
    return "";
  };
  return CLI::Validator(verdict, "");
}

CLI::Validator positive_number() {
  const auto verdict = [](std::string& text) -> std::string {
    char* end = nullptr;
    const double value = std::strtod(text.c_str(), &end);
    if (text.empty() || *end) return fmt::format("'{}' is no number", text);
    if (!std::isfinite(value) || value <= 0)
      return fmt::format("{} is out of range; give a finite number above 0", text);
    return "";
  };
  return CLI::Validator(verdict, "");
}

}  // namespace cairn::cli
