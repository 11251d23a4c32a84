#include "cairn/data/order.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "cairn/base/error.h"
#include "cairn/base/philox.h"
#include "cairn/base/round.h"
#include "cairn/dist/world.h"

namespace cairn::data {
namespace {

constexpr uint64_t kOrderPurpose = 0x6f726465, kSplitPurpose = 0x73706c69;
constexpr int64_t kBucketBatches = 32;

std::vector<int64_t> permuted(int64_t count, uint64_t key, int64_t number) {
  check(count <= std::numeric_limits<uint32_t>::max(), "shuffle: {} samples are too many", count);
  std::vector<int64_t> order(static_cast<size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  PhiloxStream random(key, static_cast<uint64_t>(number));
  for (size_t i = order.size(); i > 1; --i)
    std::swap(order[i - 1], order[random.below(static_cast<uint32_t>(i))]);
  return order;
}

// Whole batches are sorted by length within buckets and then change places, so that lengths come
// mixed. The short batch at the end is of any lengths: were it of the longest, drop_last would
// never show them.
void sort_in_buckets(std::vector<int64_t>& order, const std::vector<int64_t>& lengths,
                     int64_t batch, uint64_t seed, int64_t epoch) {
  const auto count = static_cast<int64_t>(order.size());
  const int64_t buckets = std::max<int64_t>(1, count / (batch * kBucketBatches));
  const auto border = [&](int64_t b) { return count / batch * b / buckets * batch; };
  for (int64_t b = 0; b < buckets; ++b)
    std::stable_sort(order.begin() + border(b), order.begin() + border(b + 1),
                     [&](int64_t a, int64_t b) {
                       return lengths[static_cast<size_t>(a)] < lengths[static_cast<size_t>(b)];
                     });
  std::vector<int64_t> mixed;
  for (int64_t b : permuted(count / batch, philox_derive(seed, kOrderPurpose + 1), epoch))
    mixed.insert(mixed.end(), order.begin() + b * batch, order.begin() + (b + 1) * batch);
  std::copy(mixed.begin(), mixed.end(), order.begin());
}

}  // namespace

std::vector<int64_t> shuffled_order(int64_t count, uint64_t seed, int64_t epoch) {
  return permuted(count, philox_derive(seed, kOrderPurpose), epoch);
}

TwoParts split_off(int64_t count, double part, uint64_t seed) {
  const auto taken = static_cast<int64_t>(static_cast<double>(count) * part + 0.5);
  std::vector<int64_t> order = permuted(count, philox_derive(seed, kSplitPurpose), 0);
  TwoParts parts{{order.begin() + taken, order.end()}, {order.begin(), order.begin() + taken}};
  std::sort(parts.first.begin(), parts.first.end());
  std::sort(parts.second.begin(), parts.second.end());
  return parts;
}

OrderOptions for_rank(OrderOptions options) {
  options.shard = dist::rank(), options.shards = dist::ranks();
  return options;
}

Order::Order(int64_t count, OrderOptions options, std::vector<int64_t> lengths)
    : count_(count), options_(options), lengths_(std::move(lengths)) {
  const OrderOptions& o = options_;
  check(count > 0, "order: no samples");
  check(o.batch > 0, "loader: a batch of {}; it must be at least 1", o.batch);
  check(o.shards > 0 && o.shard >= 0 && o.shard < o.shards, "order: shard {} of {}", o.shard,
        o.shards);
  check(o.shards <= std::min(o.batch, count),
        "{} ranks are more than the {} samples of a step; start fewer, or choose a larger batch",
        o.shards, std::min(o.batch, count));
  check(lengths_.empty() || static_cast<int64_t>(lengths_.size()) == count,
        "order: {} lengths for {} samples", lengths_.size(), count);
  steps_ = o.drop_last ? count / o.batch : ceil_div(count, o.batch);
  check(steps_ > 0, "order: {} samples are fewer than one batch of {}; choose a smaller batch",
        count, o.batch);
}

Order::Place Order::place(int64_t step) const {
  const int64_t index = step % steps_;
  return {step / steps_, index, index + 1 == steps_};
}

Order::Permutation Order::permutation(int64_t epoch) const {
  const std::lock_guard lock(kept_->mutex);
  Permutation& kept = kept_->of_epoch[epoch];
  if (!kept) {
    auto order = shuffled_order(count_, options_.seed, epoch);
    if (!lengths_.empty()) sort_in_buckets(order, lengths_, options_.batch, options_.seed, epoch);
    kept = std::make_shared<const std::vector<int64_t>>(std::move(order));
  }
  const Permutation result = kept;
  // Steps are asked for in order, so epochs far behind are done with (who lags holds a pointer).
  kept_->of_epoch.erase(kept_->of_epoch.begin(), kept_->of_epoch.lower_bound(epoch - 1));
  return result;
}

std::vector<int64_t> Order::samples(int64_t step) const {
  const Place at = place(step);
  const Permutation order = options_.shuffle ? permutation(at.epoch) : nullptr;
  const int64_t begin = at.index * options_.batch, end = std::min(begin + options_.batch, count_);
  std::vector<int64_t> chosen;
  chosen.reserve(static_cast<size_t>((end - begin) / options_.shards + 1));
  const bool all = end - begin < options_.shards;
  for (int64_t i = begin + (all ? 0 : options_.shard); i < end; i += all ? 1 : options_.shards)
    chosen.push_back(order ? (*order)[static_cast<size_t>(i)] : i);
  return chosen;
}

}  // namespace cairn::data
