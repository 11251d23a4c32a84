// How near two sets of samples are to each other, by their features: rows of [count, dim] that a
// network gives for real and for generated images.
#pragma once
#include <cstdint>
#include <vector>

namespace cairn::metrics {

struct Features {
  int64_t count = 0, dim = 0;
  std::vector<float> values;  // row-major
  const float* row(int64_t i) const { return values.data() + i * dim; }
};

// Mean [dim] and covariance [dim, dim] (divided by count - 1) in double. Throws Error for fewer
// than two rows and for values that are not finite.
struct Moments {
  std::vector<double> mean, covariance;
  int64_t dim() const { return static_cast<int64_t>(mean.size()); }
};
Moments moments_of(const Features& features);

// Of the two normal distributions (Frechet 1957; Dowson & Landau 1982):
// |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)). By the features of Inception v3 it is known as FID;
// by others it is another number: compare only what the same network measured.
double frechet_distance(const Moments& a, const Moments& b);
double frechet_distance(const Features& a, const Features& b);

// Kynkäänniemi et al. 2019: precision is the part of the generated samples that lie in a ball
// around some real one which reaches to its k-th nearest real neighbour; recall is the same with
// both sets exchanged. Throws Error when a set has no more than k rows.
struct PrecisionRecall {
  double precision, recall;
};
PrecisionRecall precision_recall(const Features& real, const Features& generated, int k = 3);

}  // namespace cairn::metrics
