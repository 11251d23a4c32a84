// Which class was taken for which.
#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace cairn::metrics {

// Of one class; 0 where nothing was guessed as it (precision), or nothing is (recall).
struct ClassScores {
  double precision = 0, recall = 0, f1 = 0;
  int64_t examples = 0;  // that are of it
};

class Confusion {
 public:
  explicit Confusion(size_t classes) : counts_(classes, std::vector<int64_t>(classes, 0)) {}
  // [truth][guess], square.
  explicit Confusion(std::vector<std::vector<int64_t>> counts) : counts_(std::move(counts)) {}
  void add(int64_t truth, int64_t guess) {
    ++counts_.at(static_cast<size_t>(truth)).at(static_cast<size_t>(guess));
  }
  const std::vector<std::vector<int64_t>>& counts() const { return counts_; }  // [truth][guess]
  int64_t examples() const;
  double accuracy() const;  // 0 without examples
  // The mean over classes of the harmonic mean of precision and recall (macro F1); classes that
  // neither are nor are guessed are left out.
  double f1() const;
  ClassScores scores_of(size_t label) const;

 private:
  std::vector<std::vector<int64_t>> counts_;
};

// [truth][guess] with names as a table for a terminal; "" where it would not fit one (more than 20
// classes).
std::string confusion_table(const std::vector<std::vector<int64_t>>& counts,
                            const std::vector<std::string>& classes);

}  // namespace cairn::metrics
