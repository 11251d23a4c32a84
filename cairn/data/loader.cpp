#include "cairn/data/loader.h"

#include <cmath>
#include <limits>
#include <numeric>

#include "cairn/base/error.h"

namespace cairn::data {
namespace {

constexpr uint64_t kOrderPurpose = 0x6f726465;

void check_augment(const Augment& augment) {
  check(augment.crop_padding >= 0 && augment.crop_padding <= 1024,
        "loader: a padding of {} for crops; 0 to 1024", augment.crop_padding);
  const auto within = [](float value, float limit) {
    return value >= 0 && value <= limit;
  };  // NaN is not
  check(within(augment.rotate_degrees, 360) && within(augment.shift_pixels, 1024) &&
            within(augment.scale, 0.9f) && within(augment.shear, 10),
        "loader: rotate by up to {} degrees, shift by {} pixels, scale by {}, shear by {}; the "
        "limits are 360, 1024, "
        "0.9 and 10",
        augment.rotate_degrees, augment.shift_pixels, augment.scale, augment.shear);
}

void check_options(const ImageDataset& dataset, const LoaderOptions& options) {
  check(options.batch > 0, "loader: a batch of {}; it must be at least 1", options.batch);
  check(options.threads > 0 && options.ahead > 0,
        "loader: {} threads, {} batches ahead; both must be at least 1", options.threads,
        options.ahead);
  check(options.epochs >= 0 && options.start_epoch >= 0 && options.start_batch >= 0,
        "loader: epochs {}, start at epoch {} batch {}; none may be negative", options.epochs,
        options.start_epoch, options.start_batch);
  check_augment(options.augment);
  check(dataset.size() > 0, "'{}' has no images", dataset.name());
  check(!options.drop_last || dataset.size() >= options.batch,
        "'{}' has {} images, fewer than one batch of {}; choose a smaller batch", dataset.name(),
        dataset.size(), options.batch);
  const Normalization& normalization = options.normalization;
  const auto channels = static_cast<size_t>(dataset.shape().channels);
  check(normalization.mean.size() == channels && normalization.deviation.size() == channels,
        "loader: means of {} and deviations of {} channels, the images of '{}' have {}",
        normalization.mean.size(), normalization.deviation.size(), dataset.name(), channels);
  for (size_t c = 0; c < channels; ++c)
    check(std::isfinite(normalization.mean[c]) && std::isfinite(normalization.deviation[c]) &&
              normalization.deviation[c] > 0,
          "loader: channel {} would be normalised by mean {} and deviation {}", c,
          normalization.mean[c], normalization.deviation[c]);
}

}  // namespace

std::vector<int64_t> shuffled_order(int64_t count, uint64_t seed, int64_t epoch) {
  check(count <= std::numeric_limits<uint32_t>::max(), "shuffle: {} samples are too many", count);
  std::vector<int64_t> order(static_cast<size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  PhiloxStream random(philox_derive(seed, kOrderPurpose), static_cast<uint64_t>(epoch));
  for (size_t i = order.size(); i > 1; --i)
    std::swap(order[i - 1], order[random.below(static_cast<uint32_t>(i))]);
  return order;
}

Tensor Batch::x() const {
  return from_host(images.data(), {count, shape.channels, shape.height, shape.width}, DType::f32);
}

Tensor Batch::y() const { return from_host(labels.data(), {count}, DType::i64); }

Loader::Loader(ImageDatasetPtr dataset, LoaderOptions options)
    : dataset_(std::move(dataset)), options_(std::move(options)) {
  if (options_.normalization.mean.empty() && options_.normalization.deviation.empty())
    options_.normalization = measure_normalization(*dataset_);
  check_options(*dataset_, options_);
  const int64_t size = dataset_->size();
  batches_per_epoch_ =
      options_.drop_last ? size / options_.batch : (size + options_.batch - 1) / options_.batch;
  check(options_.start_batch <= batches_per_epoch_, "loader: start at batch {} of an epoch of {}",
        options_.start_batch, batches_per_epoch_);
  check(options_.epochs <= (int64_t{1} << 62) / batches_per_epoch_,
        "loader: {} epochs are too many", options_.epochs);
  const int64_t end = options_.epochs * batches_per_epoch_;
  const int64_t first = options_.start_epoch >= options_.epochs
                            ? end
                            : options_.start_epoch * batches_per_epoch_ + options_.start_batch;
  prefetcher_ = std::make_unique<Prefetcher<Batch>>(
      first, end, options_.threads, options_.ahead,
      [this](int64_t number, Batch& batch) { make(number, batch); });
}

Loader::Order Loader::order_of(int64_t epoch) {
  std::lock_guard lock(orders_mutex_);
  Order& order = orders_[epoch];
  if (!order)
    order = std::make_shared<const std::vector<int64_t>>(
        shuffled_order(dataset_->size(), options_.seed, epoch));
  const Order result = order;
  // Batches are claimed in order, so epochs far behind are done with (makers that lag hold their
  // own pointer).
  orders_.erase(orders_.begin(), orders_.lower_bound(epoch - 1));
  return result;
}

void Loader::make(int64_t number, Batch& batch) {
  const ImageShape shape = dataset_->shape();
  batch.shape = shape;
  batch.epoch = number / batches_per_epoch_;
  batch.index = number % batches_per_epoch_;
  batch.last = batch.index + 1 == batches_per_epoch_;
  const int64_t begin = batch.index * options_.batch;
  batch.count = std::min(options_.batch, dataset_->size() - begin);
  batch.images.resize(static_cast<size_t>(batch.count * shape.size()));
  batch.labels.resize(static_cast<size_t>(batch.count));
  batch.samples.resize(static_cast<size_t>(batch.count));

  const Order order = options_.shuffle ? order_of(batch.epoch) : nullptr;
  std::vector<uint8_t> stored(static_cast<size_t>(shape.size())),
      changed(options_.augment.any() ? stored.size() : 0);
  for (int64_t i = 0; i < batch.count; ++i) {
    const int64_t sample = order ? (*order)[begin + i] : begin + i;
    const int label = dataset_->label(sample);
    check(label >= 0 && label < static_cast<int>(dataset_->classes().size()),
          "'{}': label {} of image {} is out of range: there are {} classes", dataset_->name(),
          label, sample, dataset_->classes().size());
    batch.samples[i] = sample;
    batch.labels[i] = label;
    dataset_->image(sample, stored.data());
    const uint8_t* pixels = stored.data();
    if (options_.augment.any()) {
      augment_image(pixels, shape, options_.augment,
                    sample_stream(options_.seed, batch.epoch, sample), changed.data());
      pixels = changed.data();
    }
    normalize_image(pixels, shape, options_.normalization, &batch.images[i * shape.size()]);
  }
}

}  // namespace cairn::data
