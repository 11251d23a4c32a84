// Whether a classifier is as sure as it is right: examples in bins by the probability of what was
// said (DeGroot and Fienberg 1983; Guo et al. 2017).
#pragma once
#include <cstdint>
#include <vector>

namespace cairn::metrics {

class Calibration {
 public:
  explicit Calibration(int bins = 15);  // equal parts of [0, 1]; a bin has its lower end
  void add(double confidence, bool right);
  // The expected calibration error (ECE): the mean over examples of how far the mean confidence of
  // their bin is from the part of it that is right. 0 without examples.
  double error() const;
  struct Bin {
    int64_t count = 0;
    double confidence = 0, accuracy = 0;  // means; 0 where it is empty
  };
  std::vector<Bin> bins() const;

 private:
  struct Sums {
    int64_t count = 0, right = 0;
    double confidence = 0;
  };
  std::vector<Sums> sums_;
};

}  // namespace cairn::metrics
