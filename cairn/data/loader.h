// Batches of images for training, made in the background. Order and content are a function of
// (seed, epoch) alone: the same with any number of threads, and when a run goes on from the middle
// of an epoch.
#pragma once
#include <map>
#include <memory>
#include <mutex>

#include "cairn/data/prefetch.h"
#include "cairn/data/transform.h"
#include "cairn/tensor/tensor.h"

namespace cairn::data {

struct LoaderOptions {
  int64_t batch = 64;
  int64_t epochs = 1;  // next() returns false after epoch number epochs - 1
  bool shuffle = true;
  bool drop_last = false;  // leave out an epoch's last batch when it is short
  uint64_t seed = 0;
  Augment augment{};
  Normalization normalization{};  // empty: measured on the dataset itself
  int threads = 2;
  int ahead = 4;            // batches made before they are asked for
  int64_t start_epoch = 0;  // where to go on
  int64_t start_batch = 0;
};

struct Batch {
  int64_t epoch = 0, index = 0;  // the batch's number in its epoch
  bool last = false;             // of its epoch
  int64_t count = 0;
  std::vector<float> images;     // [count, channels, height, width], normalised
  std::vector<int64_t> labels;   // [count]
  std::vector<int64_t> samples;  // [count] places in the dataset
  ImageShape shape;

  Tensor x() const;  // f32 [count, channels, height, width]
  Tensor y() const;  // i64 [count]
};

class Loader {
 public:
  // Throws Error for sizes that make no sense, and when the data is smaller than what they need.
  Loader(ImageDatasetPtr dataset, LoaderOptions options);

  // Fills `batch`, whose old memory is used again; false at the end. Throws what reading the data
  // threw, at the batch that it belongs to.
  bool next(Batch& batch) { return prefetcher_->next(batch); }

  // for (const data::Batch& batch : loader): one way through all epochs; batch is used again.
  class Iterator {
   public:
    explicit Iterator(Loader* loader) : loader_(loader) {
      if (loader_) ++*this;
    }
    const Batch& operator*() const { return loader_->current_; }
    Iterator& operator++() {
      if (!loader_->next(loader_->current_)) loader_ = nullptr;
      return *this;
    }
    bool operator!=(const Iterator& other) const { return loader_ != other.loader_; }

   private:
    Loader* loader_;  // none: the end
  };
  Iterator begin() { return Iterator(this); }
  Iterator end() { return Iterator(nullptr); }

  int64_t batches_per_epoch() const { return batches_per_epoch_; }
  const Normalization& normalization() const { return options_.normalization; }

 private:
  using Order = std::shared_ptr<const std::vector<int64_t>>;
  Order order_of(int64_t epoch);
  void make(int64_t number, Batch& batch);

  ImageDatasetPtr dataset_;
  LoaderOptions options_;
  int64_t batches_per_epoch_ = 0;
  Batch current_;  // of an iteration
  std::mutex orders_mutex_;
  std::map<int64_t, Order> orders_;  // of the epochs that are being made
  std::unique_ptr<Prefetcher<Batch>> prefetcher_;
};

// The order of `count` samples in this epoch: a permutation drawn from (seed, epoch).
std::vector<int64_t> shuffled_order(int64_t count, uint64_t seed, int64_t epoch);

}  // namespace cairn::data
