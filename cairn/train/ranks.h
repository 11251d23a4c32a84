// A training over several processes (dist/world.h): what they must have in common, what rank 0
// tells the others, and gradients averaged inside the step. Alone, nothing of it does anything.
#pragma once
#include <span>
#include <string>

#include "cairn/base/json.h"
#include "cairn/dist/bucket.h"
#include "cairn/ops/collective.h"
#include "cairn/train/checkpoint.h"

namespace cairn::train {

// Rank 0's, on every rank.
Loaded of_leader(const Loaded& own);
NamedTensors of_leader(const NamedTensors& own);
Json of_leader(const Json& own);

// Tensors of which each rank has a part along `axis`: the whole, on every rank.
NamedTensors of_all_ranks(const NamedTensors& parts, int axis);

// Throws Error on the ranks whose options or data are others than rank 0's, naming them. Other
// builds, processors and numbers of threads are said, by rank 0.
void compare_ranks(const Json& config);

// Means over ranks inside a step, weighted by what each rank's part of the batch counts for. Used
// within a CollectiveScope, in this order:
//
//   averager.begin(weight, {loss});                       // goes while backward computes
//   gradients = averager.mean(gradients of loss * weight);
//   loss = averager.means()[0];
class Averager {
 public:
  explicit Averager(dist::Packing packing) : packing_(packing) {}

  void begin(const Tensor& weight, const Tensors& values);  // weight f32 [1]; values f32
  // In buckets of some megabytes, the last parameters first, since backward reaches them first.
  // Undefined stays so.
  Tensors mean(const Tensors& weighted_gradients);
  const Tensors& means() const { return means_; }  // of the values

 private:
  int64_t bucket_of(const Tensors& tensors, dist::Packing packing);

  dist::Packing packing_;
  std::vector<std::pair<std::vector<int64_t>, int64_t>> buckets_;  // sizes -> number
  size_t used_ = 0;                                                // of buckets_, in this trace
  Tensors sent_, means_;
  Tensor started_;
  int64_t first_ = 0;
};

}  // namespace cairn::train
