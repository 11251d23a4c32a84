#include "cairn/tasks/pictures.h"

#include <algorithm>
#include <cmath>

#include "cairn/base/round.h"
#include "cairn/data/loader.h"
#include "cairn/data/picture.h"
#include "cairn/ops/functions.h"

namespace cairn::tasks {

data::Augment TrainedPictureOptions::changes() const {
  return {.resized_crop = static_cast<float>(*resized_crop),
          .crop_padding = static_cast<int>(*crop),
          .flip = flip,
          .rotate_degrees = static_cast<float>(*rotate),
          .shift_pixels = static_cast<float>(*shift),
          .scale = static_cast<float>(*scale),
          .shear = static_cast<float>(*shear),
          .jitter = static_cast<float>(*jitter),
          .trivial = augment == "trivial",
          .cutout = static_cast<int>(*cutout)};
}

void TrainedPictureOptions::note(const data::ImageDataset& set) {
  constexpr float kOther = 0.05f;
  constexpr int64_t kSmall = 32;  // sides of which four pixels would be too much
  examples.leave_open(), examples.fill(set.size());
  PictureOptions::note(set);
  const bool grey = set.shape().channels == 1;
  augment.fill(grey ? "warp" : "crop-flip");
  const bool warps = augment == "warp", flips = augment == "crop-flip",
             nears = augment == "resized-crop", tries = augment == "trivial";
  const bool small = std::max(set.shape().height, set.shape().width) < kSmall;
  crop.fill(flips || tries ? (small ? 2 : 4) : 0), resized_crop.fill(nears ? 0.25 : 0);
  flip.fill(flips || ((tries || nears) && !grey));
  rotate.fill(warps ? 10 : 0), shift.fill(warps ? 2 : 0);
  scale.fill(warps ? 0.1 : 0), shear.fill(warps ? 0.1 : 0);
  const data::Normalization measured = data::measure_normalization(set);
  for (size_t c = 0; c < mean->size() && c < measured.mean.size(); ++c)
    if (const float kept = (*mean)[c]; std::abs(measured.mean[c] - kept) > kOther)
      fmt::print(stderr,
                 "cairn: '{}': the mean of channel {} is {:.2f} now, {:.2f} when the run "
                 "began: are these its pictures?\n",
                 *data, c, measured.mean[c], kept);
  if (!mean.is_open()) return;
  mean.fill(measured.mean), deviation.fill(measured.deviation);
  const data::Brightness seen = data::measure_brightness(set);
  brightness.fill({seen.darkest, seen.brightest});
}

std::vector<Port> PictureModel::takes() {
  const auto s = shape();
  return {{"pictures", DType::f32, {kAnyBatch, s.channels, s.height, s.width}}};
}

Tensors PictureModel::read(const std::string& file) { return {read_picture(file).input}; }

Tensors PictureModel::inputs(const std::string& source, int64_t examples) const {
  constexpr int64_t kMost = 64;
  const auto set = open(source, data::Split::train);
  examples = std::min(examples, set->size());
  const int64_t count = ceil_div(examples, kMost), size = examples / count;
  data::Loader loader(set,
                      {.batch = size, .normalization = options().normalization(), .threads = 1});
  Tensors batches;
  data::Batch batch;
  while (static_cast<int64_t>(batches.size()) < count && loader.next(batch))
    batches.push_back(batch.x());
  return batches;
}

data::ImageDatasetPtr PictureModel::open(const std::string& source, data::Split split) const {
  return with_classes(options().open(source, split), classes());
}

Tensor PictureModel::batch_of(const data::ImageDataset& set, int64_t first, int64_t count) const {
  const auto s = set.shape();
  std::vector<uint8_t> chw(s.size());
  std::vector<float> pixels(count * s.size());
  for (int64_t i = 0; i < count; ++i) {
    set.image(first + i, chw.data());
    data::normalize_image(chw.data(), s, options().normalization(), &pixels[i * s.size()]);
  }
  return from_host(pixels.data(), {count, s.channels, s.height, s.width}, DType::f32);
}

PictureModel::Picture PictureModel::read_picture(const std::string& file, bool invert) const {
  const auto s = shape();
  std::vector<uint8_t> chw(s.size());
  std::vector<float> pixels(chw.size());
  data::planes_of(data::fit_picture(io::read_image(file), s), chw.data());
  if (invert)
    for (uint8_t& value : chw) value = static_cast<uint8_t>(255 - value);
  data::normalize_image(chw.data(), s, options().normalization(), pixels.data());
  return {from_host(pixels.data(), {1, s.channels, s.height, s.width}, DType::f32),
          warning_for(data::brightness_of(chw.data(), s))};
}

// Runs of before kept only mean and deviation.
std::string PictureModel::warning_for(float brightness) const {
  constexpr float kLeastMargin = 0.1f, kMargin = 0.25f, kDeviations = 1.5f;
  const TrainedPictureOptions& o = options();
  float low = 0, high = 0;
  if (o.brightness->size() == 2) {
    low = (*o.brightness)[0], high = (*o.brightness)[1];
    const float margin = std::max(kLeastMargin, kMargin * (high - low));
    low -= margin, high += margin;
  } else {
    const float mean = (*o.mean)[0], spread = kDeviations * (*o.deviation)[0];
    low = mean - spread, high = mean + spread;
  }
  const auto fits = [&](float b) { return b >= low && b <= high; };
  if (fits(brightness)) return "";
  const std::string found = fmt::format(
      "its mean is {:.0f} % of white, of the pictures that were learned from {:.0f} to {:.0f} %: "
      "what is said of it means little",
      brightness * 100, std::max(low, 0.f) * 100, std::min(high, 1.f) * 100);
  return found + (fits(1 - brightness) ? "; light and dark may be swapped: try --invert" : "");
}

}  // namespace cairn::tasks
