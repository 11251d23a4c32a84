// Batches of images for training, made in the background. Order and content are a function of
// (seed, epoch) alone: the same with any number of threads, and when a run goes on from the middle
// of an epoch.
#pragma once
#include <memory>

#include "cairn/data/batch_loader.h"
#include "cairn/data/mix.h"
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
  Mixing mixing{};
  Normalization normalization{};  // empty: measured on the dataset itself
  int threads = 2;
  int ahead = 4;                  // batches made before they are asked for
  int64_t start_step = 0;         // where to go on: batches that were taken before
  int64_t shard = 0, shards = 1;  // of several processes: see Order
};

// Whether the last batch of an epoch would be of one image alone (of one rank's), while others are
// of more: no statistics can be taken over it (batch_norm), and such a one is left out.
bool ends_alone(int64_t images, int64_t batch, int64_t shards);

struct Batch {
  int64_t epoch = 0, index = 0;  // the batch's number in its epoch
  bool last = false;             // of its epoch
  int64_t count = 0;
  std::vector<float> images;     // [count, channels, height, width], normalised
  std::vector<int64_t> labels;   // [count]
  std::vector<int64_t> samples;  // [count] places in the dataset
  float own = 1;                 // where pictures are mixed: the part of each that is of its label
  ImageShape shape;

  Tensor x() const;  // f32 [count, channels, height, width]
  Tensor y() const;  // i64 [count]
  // Where pictures are mixed: the labels of the partners, and the part that is a picture's own.
  Tensor partners_y() const;  // i64 [count]
  Tensor own_part() const;    // f32 [count]
};

class Loader {
 public:
  // Throws Error for sizes that make no sense, and when the data is smaller than what they need.
  Loader(ImageDatasetPtr dataset, LoaderOptions options);

  // Fills `batch`, whose old memory is used again; false at the end. Throws what reading the data
  // threw, at the batch that it belongs to.
  bool next(Batch& batch) { return batches_->next(batch); }

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

  const Normalization& normalization() const { return options_.normalization; }

 private:
  void make(const BatchPlan& plan, Batch& batch) const;

  ImageDatasetPtr dataset_;
  LoaderOptions options_;
  Batch current_;  // of an iteration
  std::unique_ptr<BatchLoader<Batch>> batches_;
};

}  // namespace cairn::data
