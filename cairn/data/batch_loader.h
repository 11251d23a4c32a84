// Batches of anything, made in the background: an order says which samples, `make` fills a batch
// with them. What comes out depends on the order alone, never on threads, and goes on from any
// step.
//
//   data::BatchLoader<MyBatch> loader(data::Order(set.size(), {.batch = 32, .seed = 1}), {},
//                                     [&](const data::BatchPlan& plan, MyBatch& batch) {
//                                       for (int64_t sample : plan.samples)
//                                       batch.add(set.get(sample));
//                                     });
//   MyBatch batch;
//   while (loader.next(batch)) ...
#pragma once
#include <memory>
#include <utility>

#include "cairn/base/error.h"
#include "cairn/data/order.h"
#include "cairn/data/prefetch.h"

namespace cairn::data {

struct BatchPlan {
  int64_t step;  // from the beginning of the training
  Order::Place place;
  std::vector<int64_t> samples;
};

struct LoadOptions {
  int64_t start_step = 0;  // where to go on
  int64_t end_step = -1;   // the first that is not made; -1: after one epoch
  int threads = 2;
  int ahead = 4;  // batches made before they are asked for
};

template <class Batch>
class BatchLoader {
 public:
  // Fills a batch (an old one, whose memory it may reuse); several run at once.
  using Make = std::function<void(const BatchPlan& plan, Batch& batch)>;

  BatchLoader(Order order, LoadOptions options, Make make)
      : order_(std::move(order)), make_(std::move(make)) {
    const int64_t end = options.end_step < 0 ? order_.steps_per_epoch() : options.end_step;
    check(options.threads > 0 && options.ahead > 0,
          "loader: {} threads, {} batches ahead; both must be at least 1", options.threads,
          options.ahead);
    check(options.start_step >= 0, "loader: start at step {}; it may not be negative",
          options.start_step);
    prefetcher_ = std::make_unique<Prefetcher<Batch>>(
        std::min(options.start_step, end), end, options.threads, options.ahead,
        [this](int64_t step, Batch& batch) {
          make_({step, order_.place(step), order_.samples(step)}, batch);
        });
  }
  BatchLoader(const BatchLoader&) = delete;

  // False at the end. Throws what `make` threw, at the batch that it belongs to.
  bool next(Batch& batch) { return prefetcher_->next(batch); }
  const Order& order() const { return order_; }

 private:
  const Order order_;
  const Make make_;
  std::unique_ptr<Prefetcher<Batch>> prefetcher_;  // last: its threads use the above
};

}  // namespace cairn::data
