// What a network says of examples of known classes: the part of a report that every task shares
// whose examples can be shown as pictures.
#pragma once
#include <functional>

#include "cairn/metrics/calibration.h"
#include "cairn/metrics/classification.h"
#include "cairn/train/report/page.h"

namespace cairn::train::report {

struct Guess {
  int64_t index;  // of the example
  int label, guess;
  float probability;
  bool is_right() const { return guess == label; }
};
struct Classified {
  std::vector<std::string> classes;
  std::vector<Guess> guesses;                       // of every example, in order
  std::function<io::Image(int64_t index)> picture;  // of an example
  const char* plural = "test pictures";

  metrics::Confusion confusion() const;
  metrics::Calibration calibration() const;
};

// The mistakes, the surest first.
std::vector<Guess> mistakes_of(const std::vector<Guess>& all);

// Some examples and what is said of each, right or wrong.
void write_guesses(Page& page, const Classified& classified);
// The surest mistakes one by one, then all of them by what was taken for what.
void write_mistakes(Page& page, const Classified& classified);

}  // namespace cairn::train::report
