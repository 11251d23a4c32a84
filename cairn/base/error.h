// Errors: one exception type whose message says what was wrong, where, and the way out.
#pragma once
#include <fmt/core.h>

#include <stdexcept>
#include <string>

namespace cairn {

// What went wrong in a way the caller can act on: bad shapes, bad files, bad values.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// A wrong use of the command line (exit status 2).
class UsageError : public Error {
 public:
  using Error::Error;
};

// Throws Error with a formatted message: fail("add: shapes {} and {} do not broadcast", a, b).
template <class... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(fmt::format(format, std::forward<Args>(args)...));
}

// fail() unless `ok`. The message is formatted only on failure.
template <class... Args>
void check(bool ok, fmt::format_string<Args...> format, Args&&... args) {
  if (!ok) [[unlikely]]
    fail(format, std::forward<Args>(args)...);
}

// The entry of `known` nearest to `name` by edit distance, or "" when none is near.
template <class Names>
std::string nearest_name(const std::string& name, const Names& known);

int edit_distance(const std::string& a, const std::string& b);

template <class Names>
std::string nearest_name(const std::string& name, const Names& known) {
  std::string best;
  int best_distance = static_cast<int>(name.size()) / 2 + 2;
  for (const auto& candidate : known) {
    const int distance = edit_distance(name, std::string(candidate));
    if (distance < best_distance) best_distance = distance, best = std::string(candidate);
  }
  return best;
}

}  // namespace cairn
