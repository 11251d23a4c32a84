#include "cairn/metrics/classification.h"

#include <fmt/format.h>

#include <algorithm>

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
    const bool is_guessed =
        std::any_of(counts_.begin(), counts_.end(), [&](const auto& row) { return row[c] != 0; });
    const ClassScores scores = scores_of(c);
    if (scores.examples == 0 && !is_guessed) continue;
    sum += scores.f1;
    ++classes;
  }
  return classes ? sum / static_cast<double>(classes) : 0;
}

ClassScores Confusion::scores_of(size_t label) const {
  int64_t are = 0, guessed = 0;
  for (size_t other = 0; other < counts_.size(); ++other)
    are += counts_.at(label)[other], guessed += counts_[other][label];
  const auto right = static_cast<double>(counts_[label][label]);
  const auto part = [&](int64_t of) { return of ? right / static_cast<double>(of) : 0; };
  return {part(guessed), part(are), 2 * part(are + guessed), are};
}

std::string confusion_table(const std::vector<std::vector<int64_t>>& counts,
                            const std::vector<std::string>& classes) {
  constexpr size_t kMostShown = 20, kLeast = 5;
  if (classes.size() > kMostShown) return "";
  size_t widest = 8;
  for (const std::string& name : classes) widest = std::max(widest, name.size());
  std::string text = fmt::format("{:>{}} |", "true", widest);
  for (const std::string& name : classes) text += fmt::format(" {:>{}}", name, kLeast);
  for (size_t r = 0; r < classes.size(); ++r) {
    text += fmt::format("\n{:>{}} |", classes[r], widest);
    for (size_t c = 0; c < classes.size(); ++c)
      text += fmt::format(" {:>{}}", counts.at(r).at(c), std::max(kLeast, classes[c].size()));
  }
  return text + "\n";
}

}  // namespace cairn::metrics
