// A training over several processes (dist/world.h): what they must have in common, what rank 0
// tells the others, and gradients averaged inside the step. Alone, nothing of it does anything.
#pragma once
#include <functional>
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

// Work that rank 0 does alone (an evaluation in which each step asks for the one before, or that
// trains a judge first): its result, on every rank. Random numbers that it takes are nobody's.
Json by_leader(const std::function<Json()>& work);

// Tensors of which each rank has a part along `axis`: the whole, on every rank.
NamedTensors of_all_ranks(const NamedTensors& parts, int axis);

// f(x), which the ranks share out: rows by rows, of which f makes as many.
Tensor shared_out(const Tensor& x, const std::function<Tensor(const Tensor&)>& f);

// Throws Error on the ranks whose options or data are others than rank 0's, naming them. Other
// builds, processors and numbers of threads are said, by rank 0.
void compare_ranks(const Json& config);

// Means over ranks inside a step, weighted by what each rank's part of the batch counts for: how
// many rows, or tokens, or whatever its loss is a mean over. Used within a CollectiveScope, in this
// order:
//
//   averager.begin(count, {loss});                        // goes while backward computes
//   gradients = averager.mean(gradients of loss * at_least_one(count));
//   loss = averager.means()[0];
class Averager {
 public:
  explicit Averager(dist::Packing packing) : packing_(packing) {}

  // count f32 [1], may be 0: a mean over nothing is taken for a sum over one. values f32;
  // `statistics` f32, which are weighted by rows.
  void begin(const Tensor& count, const Tensors& values, double rows = 1,
             const Tensors& statistics = {});
  // In buckets of some megabytes, in the order in which the first traced backward makes them.
  // Undefined stays so.
  Tensors mean(const Tensors& weighted_gradients);
  const Tensors& means() const { return means_; }  // of the values, then of the statistics

 private:
  int64_t bucket_of(const Tensors& tensors, dist::Packing packing);

  dist::Packing packing_;
  std::vector<std::pair<std::vector<int64_t>, int64_t>> buckets_;  // sizes -> number
  size_t used_ = 0;                                                // of buckets_, in this trace
  Tensors sent_, means_;
  size_t values_ = 0;
  std::vector<size_t> order_;  // of gradients: places
  Tensor started_;
  int64_t first_ = 0;
};
// What a mean over `count` things was divided by.
Tensor at_least_one(const Tensor& count);

}  // namespace cairn::train
