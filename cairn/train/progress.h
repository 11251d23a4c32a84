// A progress bar on standard error: rate and time left on a terminal, a plain line now and then
// elsewhere.
#pragma once
#include <chrono>
#include <cstdint>
#include <string>

namespace cairn::train {

class Progress {
 public:
  Progress(std::string label, int64_t total, int64_t start = 0, bool quiet = false);
  ~Progress();
  // `done` of total steps; `text` follows (loss, accuracy). Values
  // that do not fit the window, or 80 columns, are left out.
  void update(int64_t done, const std::string& text);
  // A line of its own (the end of an epoch).
  void line(const std::string& text);

 private:
  using Clock = std::chrono::steady_clock;
  void draw(int64_t done, const std::string& text);
  void clear();

  std::string label_;
  int64_t total_, start_;
  bool quiet_, terminal_, color_;
  bool drawn_ = false;
  Clock::time_point began_, last_;
};

// Standard error is a terminal that a line can be drawn over on (TERM is not dumb).
bool draws_on_terminal();

std::string readable_seconds(double seconds);  // "3 min 20 s"

}  // namespace cairn::train
