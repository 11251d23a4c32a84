// Which class was taken for which.
#pragma once
#include <cstdint>
#include <utility>
#include <vector>

namespace cairn::metrics {

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

 private:
  std::vector<std::vector<int64_t>> counts_;
};

}  // namespace cairn::metrics
