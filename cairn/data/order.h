// Which samples come when: the whole order of a training is a function of (seed, step), so that a
// run goes on from its step alone, with any number of threads and of processes.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

namespace cairn::data {

struct OrderOptions {
  int64_t batch = 64;      // samples a step, of all processes together
  bool shuffle = true;     // a permutation of its own for each epoch
  bool drop_last = false;  // leave out an epoch's last batch when it is short
  uint64_t seed = 0;
  // This process takes samples shard, shard + shards, ... of a batch; of one with fewer samples
  // than shards each takes all, whose mean is the same.
  int64_t shard = 0, shards = 1;
};
// This rank's part of a training over several processes.
OrderOptions for_rank(OrderOptions options);

class Order {
 public:
  // `lengths`: with one a sample, batches are of samples of like length (buckets of 32 batches are
  // sorted by it), so that little is padded. Throws Error for sizes that make no sense.
  Order(int64_t count, OrderOptions options, std::vector<int64_t> lengths = {});

  int64_t steps_per_epoch() const { return steps_; }
  struct Place {
    int64_t epoch, index;  // the batch's number in its epoch
    bool last;             // of its epoch
  };
  Place place(int64_t step) const;
  // This process's samples of a step. May be called from several threads.
  std::vector<int64_t> samples(int64_t step) const;

 private:
  using Permutation = std::shared_ptr<const std::vector<int64_t>>;
  Permutation permutation(int64_t epoch) const;

  int64_t count_, steps_;
  OrderOptions options_;
  std::vector<int64_t> lengths_;
  struct Kept {
    std::mutex mutex;
    std::map<int64_t, Permutation> of_epoch;  // those that are being read
  };
  std::shared_ptr<Kept> kept_ = std::make_shared<Kept>();
};

// A permutation of `count` samples drawn from (seed, epoch).
std::vector<int64_t> shuffled_order(int64_t count, uint64_t seed, int64_t epoch);

// `count` samples in two parts, drawn by the seed: the second has `part` of them. Each part in
// rising order.
struct TwoParts {
  std::vector<int64_t> first, second;
};
TwoParts split_off(int64_t count, double part, uint64_t seed);

}  // namespace cairn::data
