#include "cairn/data/loader.h"

#include <algorithm>
#include <cmath>

#include "cairn/base/error.h"
#include "cairn/data/picture.h"
#include "cairn/data/resized_crop.h"

namespace cairn::data {
namespace {

void check_augment(const Augment& augment) {
  check(augment.crop_padding >= 0 && augment.crop_padding <= 1024,
        "loader: a padding of {} for crops; 0 to 1024", augment.crop_padding);
  check(augment.cutout >= 0 && augment.cutout <= 1024, "loader: a cutout of {} pixels; 0 to 1024",
        augment.cutout);
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
  check(options.epochs >= 0 && options.start_step >= 0,
        "loader: epochs {}, start at step {}; none may be negative", options.epochs,
        options.start_step);
  check_augment(options.augment);
  for (const double alpha : {options.mixing.mixup, options.mixing.cutmix})
    check(alpha >= 0 && alpha <= 100, "loader: pictures mixed by Beta({0}, {0}); 0 to 100", alpha);
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

// The random part that is sized up, of the picture's own pixels where the set has them: true, and
// `augment` asks for it no more.
bool crop_of_file(const ImageDataset& set, int64_t sample, Augment& augment, PhiloxStream& random,
                  uint8_t* chw) {
  if (augment.resized_crop <= 0) return false;
  const auto part = set.part(sample, [&](int width, int height) {
    return draw_crop({set.shape().channels, height, width}, augment.resized_crop, random);
  });
  if (!part) return false;
  const ImageShape& shape = set.shape();
  planes_of(io::resize(io::with_channels(*part, shape.channels), shape.width, shape.height), chw);
  augment.resized_crop = 0;
  return true;
}

}  // namespace

bool ends_alone(int64_t images, int64_t batch, int64_t shards) {
  const int64_t last = images % batch;
  const int64_t least = last < shards ? last : last / shards;  // fewer are every rank's: see Order
  return images > batch && least == 1;
}

Tensor Batch::x() const {
  return from_host(images.data(), {count, shape.channels, shape.height, shape.width}, DType::f32);
}

Tensor Batch::y() const { return from_host(labels.data(), {count}, DType::i64); }

Tensor Batch::partners_y() const {
  std::vector<int64_t> partners(labels);
  if (!partners.empty()) std::rotate(partners.begin(), partners.end() - 1, partners.end());
  return from_host(partners.data(), {count}, DType::i64);
}

Tensor Batch::own_part() const {
  const std::vector<float> parts(static_cast<size_t>(count), own);
  return from_host(parts.data(), {count}, DType::f32);
}

Loader::Loader(ImageDatasetPtr dataset, LoaderOptions options)
    : dataset_(std::move(dataset)), options_(std::move(options)) {
  if (options_.normalization.mean.empty() && options_.normalization.deviation.empty())
    options_.normalization = measure_normalization(*dataset_);
  check_options(*dataset_, options_);
  const Order order(dataset_->size(), {.batch = options_.batch,
                                       .shuffle = options_.shuffle,
                                       .drop_last = options_.drop_last,
                                       .seed = options_.seed,
                                       .shard = options_.shard,
                                       .shards = options_.shards});
  check(options_.epochs <= (int64_t{1} << 62) / order.steps_per_epoch(),
        "loader: {} epochs are too many", options_.epochs);
  batches_ = std::make_unique<BatchLoader<Batch>>(
      order,
      LoadOptions{.start_step = options_.start_step,
                  .end_step = options_.epochs * order.steps_per_epoch(),
                  .threads = options_.threads,
                  .ahead = options_.ahead},
      [this](const BatchPlan& plan, Batch& batch) { make(plan, batch); });
}

void Loader::make(const BatchPlan& plan, Batch& batch) const {
  const ImageShape shape = dataset_->shape();
  batch.shape = shape;
  batch.epoch = plan.place.epoch, batch.index = plan.place.index, batch.last = plan.place.last;
  batch.count = static_cast<int64_t>(plan.samples.size());
  batch.images.resize(static_cast<size_t>(batch.count * shape.size()));
  batch.labels.resize(static_cast<size_t>(batch.count));
  batch.samples = plan.samples;
  std::vector<uint8_t> stored(static_cast<size_t>(shape.size())),
      changed(options_.augment.changes_bytes() ? stored.size() : 0);
  for (int64_t i = 0; i < batch.count; ++i) {
    const int64_t sample = plan.samples[static_cast<size_t>(i)];
    const int label = dataset_->label(sample);
    check(label >= 0 && label < static_cast<int>(dataset_->classes().size()),
          "'{}': label {} of image {} is out of range: there are {} classes", dataset_->name(),
          label, sample, dataset_->classes().size());
    batch.labels[i] = label;
    const uint8_t* pixels = stored.data();
    PhiloxStream random = sample_stream(options_.seed, batch.epoch, sample);
    Augment augment = options_.augment;
    if (!crop_of_file(*dataset_, sample, augment, random, stored.data()))
      dataset_->image(sample, stored.data());
    if (augment.changes_bytes()) {
      augment_image(pixels, shape, augment, random, changed.data());
      pixels = changed.data();
    }
    float* image = &batch.images[i * shape.size()];
    normalize_image(pixels, shape, options_.normalization, image);
    if (options_.augment.cutout > 0)
      cut_out(options_.augment.cutout, shape,
              sample_stream(options_.seed, batch.epoch, sample, kCutoutPurpose), image);
  }
  if (options_.mixing.any())
    batch.own = mix_batch(options_.mixing, shape, batch.count,
                          sample_stream(options_.seed, batch.epoch, batch.index, kMixPurpose),
                          batch.images.data());
}

}  // namespace cairn::data
