// Whether a function still traces to what its executable does.
#pragma once
#include <string>
#include <vector>

#include "cairn/graph/graph.h"

namespace cairn {

// Everything that a trace froze, thing by thing: the ops with their numbers, which tensors are read
// and written, and the values of those that were made while tracing. Of each a number is kept, its
// text only with CAIRN_RETRACE=1.
class Frozen {
 public:
  Frozen() = default;
  Frozen(const Graph& traced, bool keep_text);
  bool operator==(const Frozen& other) const { return numbers_ == other.numbers_; }
  // Throws Error with the first thing in which the trace of now differs. `since`: the calls that
  // nobody looked at.
  void check_same(const Graph& now, const std::string& since) const;

 private:
  std::vector<uint32_t> numbers_;
  std::vector<std::string> texts_;
};

// When a replay is traced again to see whether it still does what the function does: always with
// CAIRN_RETRACE=1, never with 0, else at the calls 2, 3, 4, 8, 16, 32 ... of an executable, which
// costs next to nothing and finds what is not right before it has gone on for long.
class Retracing {
 public:
  static constexpr uint64_t kFirst = 4;
  enum Mode : uint8_t { never, sometimes, always };
  static Mode mode_from_environment();

  // Counts a call.
  bool due(Mode mode) { return (++calls_ >= next_ && mode != never) || mode == always; }
  void passed() { next_ = calls_ < kFirst ? calls_ + 1 : 2 * calls_, good_ = calls_; }
  std::string since() const;  // which calls were not looked at

 private:
  uint64_t calls_ = 1, good_ = 1, next_ = 2;
};

}  // namespace cairn
