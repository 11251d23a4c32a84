#include "cairn/data/loader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <filesystem>

#include "cairn/base/error.h"
#include "cairn/data/picture.h"
#include "tests/io/temporary_folder.h"

namespace cairn::data {
namespace {

// `count` images of 1x4x4 whose pixels all are the sample's number, labels 0..9.
ImageDatasetPtr numbered(int count) {
  std::vector<uint8_t> pixels, labels;
  for (int i = 0; i < count; ++i)
    pixels.insert(pixels.end(), 16, uint8_t(i)), labels.push_back(uint8_t(i % 10));
  return std::make_shared<MemoryImages>("numbered", ImageShape{1, 4, 4},
                                        std::vector<std::string>(10, "c"), std::move(pixels),
                                        std::move(labels));
}

const Normalization kPlain{{0}, {1.0f / 255}};  // floats are the stored bytes

std::vector<Batch> all_batches(const ImageDatasetPtr& dataset, const LoaderOptions& options) {
  Loader loader(dataset, options);
  std::vector<Batch> batches;
  for (Batch batch; loader.next(batch); batch = {}) batches.push_back(batch);
  return batches;
}

void expect_equal(const std::vector<Batch>& a, const std::vector<Batch>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].epoch, b[i].epoch);
    EXPECT_EQ(a[i].index, b[i].index);
    EXPECT_EQ(a[i].samples, b[i].samples);
    EXPECT_EQ(a[i].labels, b[i].labels);
    EXPECT_EQ(a[i].images, b[i].images);
    EXPECT_EQ(a[i].own, b[i].own);
  }
}

TEST(Loader, EveryEpochHasEverySampleOnceInItsOwnOrder) {
  const auto batches =
      all_batches(numbered(50), {.batch = 8, .epochs = 3, .normalization = kPlain});
  ASSERT_EQ(batches.size(), 21u);
  std::vector<std::vector<int64_t>> orders(3);
  for (const Batch& batch : batches) {
    EXPECT_EQ(batch.count, batch.last ? 2 : 8);
    for (int64_t i = 0; i < batch.count; ++i) {
      EXPECT_EQ(batch.labels[i], batch.samples[i] % 10);
      EXPECT_EQ(std::lround(batch.images[i * 16 + 5]), batch.samples[i]);
      orders[batch.epoch].push_back(batch.samples[i]);
    }
  }
  EXPECT_NE(orders[0], orders[1]);
  EXPECT_NE(orders[1], orders[2]);
  for (auto& order : orders) {
    std::sort(order.begin(), order.end());
    for (int64_t i = 0; i < 50; ++i) EXPECT_EQ(order[i], i);
  }
}

const Augment kEverything{.crop_padding = 1,
                          .flip = true,
                          .rotate_degrees = 10,
                          .shift_pixels = 1,
                          .scale = 0.1f,
                          .shear = 0.1f,
                          .trivial = true,
                          .cutout = 2};
const Mixing kMixed{.mixup = 0.4, .cutmix = 1};

TEST(Loader, ResultsDoNotDependOnThreads) {
  LoaderOptions options{.batch = 7,
                        .epochs = 3,
                        .seed = 5,
                        .augment = kEverything,
                        .mixing = kMixed,
                        .threads = 1,
                        .ahead = 1};
  const auto one = all_batches(numbered(60), options);
  for (int threads : {2, 5}) {
    options.threads = threads, options.ahead = threads + 1;
    expect_equal(one, all_batches(numbered(60), options));
  }
  options.seed = 6;
  EXPECT_NE(one[0].samples, all_batches(numbered(60), options)[0].samples);
}

TEST(Loader, GoesOnFromTheMiddle) {
  LoaderOptions options{
      .batch = 7, .epochs = 4, .seed = 5, .augment = kEverything, .mixing = kMixed};
  auto whole = all_batches(numbered(60), options);
  options.start_step = 2 * 9 + 3;
  whole.erase(whole.begin(), whole.begin() + 2 * 9 + 3);
  expect_equal(whole, all_batches(numbered(60), options));
  options.start_step = 3 * 9;  // after the last of an epoch: the next one
  EXPECT_EQ(all_batches(numbered(60), options)[0].epoch, 3);
  options.start_step = 4 * 9;
  EXPECT_TRUE(all_batches(numbered(60), options).empty());
}

TEST(Loader, DropLastAndInOrder) {
  const auto batches =
      all_batches(numbered(20), {.batch = 6, .epochs = 1, .shuffle = false, .drop_last = true});
  ASSERT_EQ(batches.size(), 3u);
  EXPECT_EQ(batches[2].samples, (std::vector<int64_t>{12, 13, 14, 15, 16, 17}));
  EXPECT_TRUE(batches[2].last);
}

TEST(Loader, DestroyedHalfWayStopsCleanly) {
  for (int taken = 0; taken < 5; ++taken) {
    Loader loader(numbered(100), {.batch = 3, .epochs = 1000, .threads = 3, .ahead = 2});
    Batch batch;
    for (int i = 0; i < taken; ++i) ASSERT_TRUE(loader.next(batch));
  }
}

TEST(Loader, MemoryOfOldBatchesIsUsedAgain) {
  Loader loader(numbered(64), {.batch = 8, .epochs = 50, .threads = 2, .ahead = 2});
  std::vector<const float*> buffers;
  for (Batch batch; loader.next(batch);) buffers.push_back(batch.images.data());
  std::sort(buffers.begin(), buffers.end());
  buffers.erase(std::unique(buffers.begin(), buffers.end()), buffers.end());
  EXPECT_LE(buffers.size(), 3u);
}

// Sample 30 cannot be read.
class Broken : public ImageDataset {
 public:
  explicit Broken(int bad_label = 0)
      : ImageDataset("broken", {1, 2, 2}, {"a", "b"}), bad_label_(bad_label) {}
  int64_t size() const override { return 40; }
  int label(int64_t index) const override { return index == 10 ? bad_label_ : 0; }
  void image(int64_t index, uint8_t* chw) const override {
    check(index != 30, "'broken/30.png' is damaged");
    std::fill_n(chw, 4, uint8_t(index));
  }

 private:
  int bad_label_;
};

TEST(Loader, ErrorsReachTheReaderAtTheirBatch) {
  Loader loader(std::make_shared<Broken>(),
                {.batch = 4, .shuffle = false, .normalization = kPlain, .threads = 3});
  Batch batch;
  for (int i = 0; i < 7; ++i) ASSERT_TRUE(loader.next(batch));
  EXPECT_ERROR(loader.next(batch), "'broken/30.png' is damaged");
  EXPECT_TRUE(loader.next(batch));
  EXPECT_EQ(batch.index, 8);
  for (int label : {-1, 2}) {
    Loader bad(std::make_shared<Broken>(label),
               {.batch = 16, .shuffle = false, .normalization = kPlain});
    EXPECT_ERROR(bad.next(batch), "of image 10 is out of range: there are 2 classes");
  }
}

TEST(Loader, NonsenseIsRefused) {
  const auto with = [](LoaderOptions options) { Loader(numbered(20), options); };
  EXPECT_ERROR(with({.batch = 0}), "a batch of 0");
  EXPECT_ERROR(with({.threads = 0}), "0 threads");
  EXPECT_ERROR(with({.batch = 21, .drop_last = true}), "has 20 images, fewer than one batch of 21");
  EXPECT_ERROR(with({.normalization = {{0, 0}, {1, 1}}}), "have 1");
  EXPECT_ERROR(with({.normalization = {{std::nanf("")}, {1}}}), "mean nan");
  EXPECT_ERROR(with({.normalization = {{0}, {0}}}), "deviation 0");
  EXPECT_ERROR(with({.start_step = -2}), "start at step -2");
  EXPECT_ERROR(with({.shard = 2, .shards = 2}), "shard 2 of 2");
  EXPECT_ERROR(with({.epochs = -1}), "none may be negative");
  EXPECT_ERROR(with({.augment = {.crop_padding = -1}}), "a padding of -1");
  EXPECT_ERROR(with({.augment = {.shift_pixels = std::nanf("")}}), "shift by nan pixels");
  EXPECT_ERROR(with({.augment = {.cutout = -1}}), "a cutout of -1");
  EXPECT_ERROR(with({.mixing = {.mixup = std::nan("")}}), "Beta(nan, nan)");
}

TEST(Transform, NormalizationIsMeasured) {
  const Normalization n = measure_normalization(*numbered(3));  // values 0, 1, 2
  EXPECT_NEAR(n.mean[0], 1.0 / 255, 1e-7);
  EXPECT_NEAR(n.deviation[0], std::sqrt(2.0 / 3) / 255, 1e-7);
  EXPECT_EQ(measure_normalization(*numbered(1)).deviation[0], 1);
  EXPECT_NEAR(measure_normalization(Broken(), 2).mean[0] * 255, 10,
              1e-5);  // samples 0 and 20 of 40
}

TEST(Transform, FlipAndCropMovePixels) {
  const ImageShape shape{2, 1, 4};
  const std::vector<uint8_t> in{1, 2, 3, 4, 5, 6, 7, 8};
  std::vector<uint8_t> out(8);
  int flipped = 0;
  for (int i = 0; i < 100; ++i) {
    augment_image(in.data(), shape, {.flip = true}, sample_stream(1, 0, i), out.data());
    const bool mirrored = out[0] == 4;
    flipped += mirrored;
    EXPECT_EQ(out, mirrored ? (std::vector<uint8_t>{4, 3, 2, 1, 8, 7, 6, 5}) : in);
  }
  EXPECT_NEAR(flipped, 50, 20);
  std::vector<int> first_seen(5);
  for (int i = 0; i < 200; ++i) {
    augment_image(in.data(), {1, 1, 4}, {.crop_padding = 2}, sample_stream(1, 0, i), out.data());
    const bool inside = std::any_of(out.begin(), out.begin() + 4, [](uint8_t v) { return v != 0; });
    if (!inside) continue;  // moved up or down out of the single row
    int dx = -2;
    while (dx < 2 && !(out[1] == (1 + dx >= 0 && 1 + dx < 4 ? in[1 + dx] : 0) &&
                       out[2] == (2 + dx < 4 ? in[2 + dx] : 0)))
      ++dx;
    ++first_seen[dx + 2];
  }
  for (int count : first_seen) EXPECT_GT(count, 0);
}

TEST(Loader, PartnersAreTheOnesBefore) {
  Loader loader(numbered(5),
                {.batch = 5, .shuffle = false, .mixing = {.mixup = 1}, .normalization = kPlain});
  Batch batch;
  ASSERT_TRUE(loader.next(batch));
  EXPECT_EQ(batch.y().to_vector<int64_t>(), (std::vector<int64_t>{0, 1, 2, 3, 4}));
  EXPECT_EQ(batch.partners_y().to_vector<int64_t>(), (std::vector<int64_t>{4, 0, 1, 2, 3}));
  EXPECT_EQ(batch.own_part().to_vector<float>(), std::vector<float>(5, batch.own));
  for (int i = 0; i < 5; ++i)
    EXPECT_NEAR(
        batch.images[static_cast<size_t>(i) * 16],
        batch.own * static_cast<float>(i) + (1 - batch.own) * static_cast<float>((i + 4) % 5),
        1e-5);
}

TEST(Transform, CutoutCoversASquareAnywhere) {
  const ImageShape shape{2, 6, 5};
  int whole = 0;
  for (int i = 0; i < 200; ++i) {
    std::vector<float> image(static_cast<size_t>(shape.size()), 1);
    cut_out(3, shape, sample_stream(1, 0, i, kCutoutPurpose), image.data());
    const auto zeros = std::count(image.begin(), image.begin() + 30, 0.0f);
    EXPECT_EQ(zeros, std::count(image.begin() + 30, image.end(), 0.0f));
    EXPECT_GE(zeros, 4);  // a corner's
    EXPECT_LE(zeros, 9);
    whole += zeros == 9;
  }
  EXPECT_NEAR(whole, 200 * 4 * 3 / 30, 30);  // middles that are not at the border
}

TEST(Transform, AffineKeepsTheMiddleAndZeroRangeIsIdentity) {
  const ImageShape shape{1, 5, 5};
  std::vector<uint8_t> in(25, 0), out(25);
  in[12] = 200;
  augment_image(in.data(), shape, {.rotate_degrees = 45}, sample_stream(3, 1, 2), out.data());
  EXPECT_EQ(out[12], 200);
  augment_image(in.data(), shape, {.shift_pixels = 1}, sample_stream(3, 1, 2), out.data());
  int sum = 0;
  for (uint8_t value : out) sum += value;
  EXPECT_NEAR(sum, 200, 3);
  EXPECT_NE(out[12], 200);
}

TEST(Prefetcher, NeverRunsFurtherAheadThanAsked) {
  std::atomic<int64_t> made{0};
  Prefetcher<int> prefetcher(
      0, 100, 3, 4, [&](int64_t number, int& item) { item = static_cast<int>(number), ++made; });
  int item = 0;
  for (int64_t i = 0; i < 100; ++i) {
    EXPECT_LE(made.load(), i + 4);
    ASSERT_TRUE(prefetcher.next(item));
    EXPECT_EQ(item, i);
  }
  EXPECT_FALSE(prefetcher.next(item));
}

// A part that is sized up is of the file's own pixels, not of the picture that was made smaller.
TEST(Loader, PartsAreOfTheFilesOwnPixels) {
  const TemporaryFolder folder;
  io::Image fine(64, 64, 1);  // columns of black and white that one of 8 x 8 cannot show
  for (int y = 0; y < 64; ++y)
    for (int x = 0; x < 64; ++x) *fine.at(x, y) = x / 2 % 2 ? 255 : 0;
  for (const std::string split : {"train", "test"}) {
    std::filesystem::create_directories(folder / (split + "/a"));
    for (int i = 0; i < 4; ++i) io::write_png(folder / fmt::format("{}/a/{}.png", split, i), fine);
  }
  const auto set = open_image_dataset(folder.path(), Split::train, {.image_size = 8});
  LoaderOptions options{.batch = 4, .epochs = 8, .normalization = kPlain};
  const auto contrast = [&](const ImageDatasetPtr& images) {
    float largest = 0;
    for (const Batch& batch : all_batches(images, options)) {
      const auto [least, most] = std::minmax_element(batch.images.begin(), batch.images.end());
      largest = std::max(largest, *most - *least);
    }
    return largest;
  };
  EXPECT_LT(contrast(set), 40);  // each is grey
  options.augment.resized_crop = 0.01f;
  EXPECT_GT(contrast(set), 150);
  EXPECT_GT(contrast(chosen(set, {3, 0, 1, 2})), 150);
  for (const int threads : {1, 3}) {
    options.threads = threads;
    static std::vector<Batch> first;
    if (threads == 1) first = all_batches(set, options);
    expect_equal(first, all_batches(set, options));
  }
  std::filesystem::remove(folder / "train/a/2.png");
  Loader loader(set, options);
  Batch batch;
  EXPECT_ERROR(loader.next(batch), "2.png");
}

TEST(Loader, IsARangeOfBatchesThatGiveTensors) {
  Loader loader(numbered(10), {.batch = 4, .epochs = 2, .shuffle = false, .normalization = kPlain});
  std::vector<int64_t> sizes;
  for (const Batch& batch : loader) {
    EXPECT_EQ(batch.x().shape(), (Shape{batch.count, 1, 4, 4}));
    EXPECT_EQ(batch.y().to_vector<int64_t>(), batch.labels);
    EXPECT_EQ(batch.x().to_vector<float>(), batch.images);
    sizes.push_back(batch.count);
  }
  EXPECT_EQ(sizes, (std::vector<int64_t>{4, 4, 2, 4, 4, 2}));
}

TEST(Loader, KnowsABatchOfOneAtTheEnd) {
  EXPECT_TRUE(ends_alone(17, 16, 1));
  EXPECT_TRUE(ends_alone(33, 16, 2)) << "both ranks would take the one";
  EXPECT_TRUE(ends_alone(35, 16, 2)) << "one rank would have two, the other one";
  for (const int64_t images : {1, 16, 18, 32}) EXPECT_FALSE(ends_alone(images, 16, 1)) << images;
  EXPECT_FALSE(ends_alone(36, 16, 2));
}

}  // namespace
}  // namespace cairn::data
