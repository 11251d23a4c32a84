#include "cairn/metrics/classification.h"

namespace cairn::metrics {

int64_t Confusion::examples() const {
  int64_t all = 0;
  for (const auto& row : counts_)
    for (int64_t count : row) all += count;
  return all;
}

double Confusion::accuracy() const {
  int64_t right = 0;
  for (size_t i = 0; i < counts_.size(); ++i) right += counts_[i][i];
  const int64_t all = examples();
  return all ? static_cast<double>(right) / static_cast<double>(all) : 0;
}

double Confusion::f1() const {
  double sum = 0;
  int64_t classes = 0;
  for (size_t c = 0; c < counts_.size(); ++c) {
    int64_t are = 0, guessed = 0;
    for (size_t other = 0; other < counts_.size(); ++other)
      are += counts_[c][other], guessed += counts_[other][c];
    if (are + guessed == 0) continue;
    sum += 2 * static_cast<double>(counts_[c][c]) / static_cast<double>(are + guessed);
    ++classes;
  }
  return classes ? sum / static_cast<double>(classes) : 0;
}

}  // namespace cairn::metrics
