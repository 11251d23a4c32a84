#include "cairn/data/order.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "cairn/data/batch_loader.h"
#include "cairn/data/datasets.h"
#include "tests/io/temporary_folder.h"

namespace cairn::data {
namespace {

std::vector<int64_t> epoch_of(const Order& order, int64_t epoch) {
  std::vector<int64_t> all;
  for (int64_t i = 0; i < order.steps_per_epoch(); ++i)
    for (int64_t s : order.samples(epoch * order.steps_per_epoch() + i)) all.push_back(s);
  return all;
}

std::vector<int64_t> upto(int64_t count) {
  std::vector<int64_t> all(static_cast<size_t>(count));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

TEST(Order, IsAFunctionOfSeedAndStep) {
  const Order order(50, {.batch = 8, .seed = 3});
  EXPECT_EQ(order.steps_per_epoch(), 7);
  EXPECT_EQ(epoch_of(order, 1), shuffled_order(50, 3, 1));
  EXPECT_EQ(order.samples(13),
            Order(50, {.batch = 8, .seed = 3}).samples(13));  // never asked before
  EXPECT_TRUE(order.place(13).last);
  EXPECT_EQ(order.place(13).epoch, 1);
  EXPECT_EQ(order.samples(6).size(), 2u);
  EXPECT_EQ(Order(50, {.batch = 8, .drop_last = true}).steps_per_epoch(), 6);
  EXPECT_EQ(epoch_of(Order(5, {.batch = 2, .shuffle = false}), 0), upto(5));
}

TEST(Order, ShardsTogetherAreTheWhole) {
  const Order whole(50, {.batch = 9, .seed = 1});
  std::vector<Order> shards;
  for (int64_t r = 0; r < 3; ++r)
    shards.emplace_back(50, OrderOptions{.batch = 9, .seed = 1, .shard = r, .shards = 3});
  for (int64_t step = 0; step < 12; ++step) {
    std::vector<int64_t> together(whole.samples(step).size());
    for (size_t r = 0; r < 3; ++r) {
      const auto own = shards[r].samples(step);
      for (size_t i = 0; i < own.size(); ++i) together[i * 3 + r] = own[i];
    }
    EXPECT_EQ(together, whole.samples(step));
  }
}

TEST(Order, ABatchOfFewerThanTheShardsIsOfAll) {
  for (int64_t r = 0; r < 3; ++r)
    EXPECT_EQ(Order(50, {.batch = 7, .seed = 1, .shard = r, .shards = 3}).samples(7),
              Order(50, {.batch = 7, .seed = 1}).samples(7));
}

TEST(Order, BucketsHoldLikeLengths) {
  std::vector<int64_t> lengths;
  for (int64_t i = 0; i < 1000; ++i) lengths.push_back(i * 7919 % 100);
  const Order order(1000, {.batch = 10, .seed = 2}, lengths);
  int64_t spread = 0;
  for (int64_t step = 0; step < 100; ++step) {
    int64_t low = 1000, high = 0;
    for (int64_t s : order.samples(step))
      low = std::min(low, lengths[s]), high = std::max(high, lengths[s]);
    spread = std::max(spread, high - low);
  }
  EXPECT_LE(spread, 20);
  auto all = epoch_of(order, 0);
  std::sort(all.begin(), all.end());
  EXPECT_EQ(all, upto(1000));
}

TEST(Order, BucketsDropNoLengthForEver) {
  std::vector<int64_t> lengths = upto(25);
  const Order order(25, {.batch = 10, .drop_last = true, .seed = 4}, lengths);
  std::vector<int64_t> seen;
  for (int64_t epoch = 0; epoch < 12; ++epoch)
    for (int64_t s : epoch_of(order, epoch)) seen.push_back(s);
  std::sort(seen.begin(), seen.end());
  seen.erase(std::unique(seen.begin(), seen.end()), seen.end());
  EXPECT_EQ(seen, upto(25));
}

TEST(Order, TwoPartsShareNothing) {
  const TwoParts parts = split_off(100, 0.25, 7);
  EXPECT_EQ(parts.second.size(), 25u);
  std::vector<int64_t> all = parts.first;
  all.insert(all.end(), parts.second.begin(), parts.second.end());
  std::sort(all.begin(), all.end());
  EXPECT_EQ(all, upto(100));
  EXPECT_NE(split_off(100, 0.25, 8).second, parts.second);
}

TEST(Order, NonsenseIsRefused) {
  EXPECT_ERROR(Order(0, {}), "no samples");
  EXPECT_ERROR(Order(5, {.batch = 0}), "a batch of 0");
  EXPECT_ERROR(Order(5, {.batch = 6, .drop_last = true}), "fewer than one batch");
  EXPECT_ERROR(Order(5, {.shard = 1, .shards = 1}), "shard 1 of 1");
  EXPECT_ERROR(Order(5, {.batch = 2, .shard = 0, .shards = 3}), "3 ranks are more than");
  EXPECT_ERROR(Order(2, {.batch = 9, .shard = 0, .shards = 3}), "3 ranks are more than");
  EXPECT_ERROR(Order(5, {}, {1, 2}), "2 lengths for 5 samples");
}

TEST(Datasets, AreMadeFromEachOther) {
  const auto numbers = from_function(10, [](int64_t i) { return i; });
  const auto squares = mapped(numbers, [](int64_t i) { return static_cast<double>(i * i); });
  EXPECT_EQ(squares->get(9), 81.0);
  EXPECT_EQ(taken(numbers, 3, 4)->get(2), 6);
  const auto both = concatenated<int64_t>({taken(numbers, 2), chosen(numbers, {9, 8})});
  EXPECT_EQ(both->size(), 4);
  EXPECT_EQ(both->get(3), 8);
  const auto mixed = shuffled(numbers, 3);
  std::vector<int64_t> seen;
  for (int64_t i = 0; i < 10; ++i) seen.push_back(mixed->get(i));
  EXPECT_NE(seen, upto(10));
  std::sort(seen.begin(), seen.end());
  EXPECT_EQ(seen, upto(10));
  EXPECT_EQ(from_items(std::vector<std::string>{"a", "b"})->get(1), "b");
  EXPECT_ERROR(numbers->get(10), "item 10 of 10");
  EXPECT_ERROR(taken(numbers, 11), "items 0 to 11 of 10");
}

TEST(Datasets, ACacheKeepsWhatItMay) {
  const auto made = std::make_shared<std::atomic<int>>(0);
  const auto set = cached(from_function(5, [made](int64_t i) { return ++*made, i; }), 2);
  for (int round = 0; round < 3; ++round)
    for (int64_t i = 0; i < 3; ++i) EXPECT_EQ(set->get(i), i);
  EXPECT_EQ(*made, 3 + 2);  // items 0 and 1 once
}

TEST(Datasets, SequencesArePadded) {
  const auto batch = padded<int64_t>({{1, 2, 3}, {}, {4}}, -1);
  EXPECT_EQ(batch.length, 3);
  EXPECT_EQ(batch.lengths, (std::vector<int64_t>{3, 0, 1}));
  EXPECT_EQ(batch.values, (std::vector<int64_t>{1, 2, 3, -1, -1, -1, 4, -1, -1}));
}

// Pairs of sentences, say: like lengths side by side, filled up to the longest of a batch; the same
// batches from any step on and whatever the threads.
TEST(BatchLoader, PadsSequencesOfLikeLengths) {
  using Row = std::vector<int64_t>;
  const auto rows =
      from_function(64, [](int64_t i) { return Row(static_cast<size_t>(1 + i * 37 % 50), i); });
  std::vector<int64_t> lengths;
  for (int64_t i = 0; i < rows->size(); ++i)
    lengths.push_back(static_cast<int64_t>(rows->get(i).size()));
  const auto batches = [&](std::vector<int64_t> by, LoadOptions options) {
    options.end_step = 16;
    BatchLoader<Padded<int64_t>> loader(Order(64, {.batch = 8, .seed = 6}, std::move(by)), options,
                                        [&](const BatchPlan& plan, Padded<int64_t>& batch) {
                                          std::vector<Row> some;
                                          for (int64_t s : plan.samples)
                                            some.push_back(rows->get(s));
                                          batch = padded<int64_t>(some, -1);
                                        });
    std::vector<Padded<int64_t>> all;
    for (Padded<int64_t> b; loader.next(b);) all.push_back(b);
    return all;
  };
  const auto fill_of = [](const std::vector<Padded<int64_t>>& all) {
    int64_t filled = 0;
    for (const auto& b : all) filled += std::count(b.values.begin(), b.values.end(), -1);
    return filled;
  };
  const auto by_length = batches(lengths, {.threads = 1}), mixed = batches({}, {.threads = 1});
  EXPECT_LT(fill_of(by_length) * 4, fill_of(mixed));
  const auto rest = batches(lengths, {.start_step = 9, .threads = 3});
  ASSERT_EQ(rest.size(), 7u);
  for (size_t i = 0; i < rest.size(); ++i) EXPECT_EQ(rest[i].values, by_length[9 + i].values);
}

TEST(BatchLoader, GoesOnFromAnyStepWhateverTheThreads) {
  using Batch = std::vector<int64_t>;
  const auto batches = [](LoadOptions options) {
    options.end_step = 12;
    BatchLoader<Batch> loader(Order(20, {.batch = 6, .seed = 4}), options,
                              [](const BatchPlan& plan, Batch& batch) {
                                batch = plan.samples;
                                batch.push_back(plan.step);
                              });
    std::vector<Batch> all;
    for (Batch batch; loader.next(batch);) all.push_back(batch);
    return all;
  };
  const auto whole = batches({.threads = 1, .ahead = 1});
  ASSERT_EQ(whole.size(), 12u);
  EXPECT_EQ(batches({.threads = 3, .ahead = 5}), whole);
  const auto rest = batches({.start_step = 5});
  EXPECT_EQ(rest, std::vector<Batch>(whole.begin() + 5, whole.end()));
}

}  // namespace
}  // namespace cairn::data
