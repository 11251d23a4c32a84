// From stored bytes to what a network is trained on: random changes that keep the label, then
// normalised floats. What is drawn depends on (seed, epoch, sample) only, never on threads or
// order.
#pragma once
#include <vector>

#include "cairn/base/philox.h"
#include "cairn/data/dataset.h"

namespace cairn::data {

// Per channel, of values scaled to 0..1.
struct Normalization {
  std::vector<float> mean, deviation;
};

// Of the images of `dataset`: of all when they are in memory, else of `sample` of them, evenly
// spread. A constant channel gets deviation 1.
Normalization measure_normalization(const ImageDataset& dataset, int64_t sample = 2048);

// The mean of a picture's values, scaled to 0..1; and from where to where those of a sample lie.
float brightness_of(const uint8_t* chw, const ImageShape& shape);
struct Brightness {
  float darkest, brightest;
};
Brightness measure_brightness(const ImageDataset& dataset, int64_t sample = 2048);

// The random changes; all off by default.
struct Augment {
  float resized_crop = 0;    // resized_crop.h, first of all: the least part of the area; 0: none
  int crop_padding = 0;      // pixels of black added around, then a random crop of the old size
  bool flip = false;         // mirrored left-right with probability 1/2
  float rotate_degrees = 0;  // each: uniform in [-value, value]
  float shift_pixels = 0;
  float scale = 0;       // 0.1: between 0.9 and 1.1 times
  float shear = 0;       // 0.1: a tenth of the height
  float jitter = 0;      // colour_jitter.h: its range
  bool trivial = false;  // trivial_augment.h, after all of these
  int cutout = 0;        // a square of this side is the mean's colour (DeVries and Taylor 2017)
  bool geometric() const {
    return rotate_degrees != 0 || shift_pixels != 0 || scale != 0 || shear != 0;
  }
  bool changes_bytes() const {
    return resized_crop > 0 || crop_padding > 0 || flip || geometric() || jitter > 0 || trivial;
  }
};

// The stream of draws for one sample; or, by another purpose, for something else of an epoch.
inline constexpr uint64_t kAugmentPurpose = 0x61756721, kCutoutPurpose = 0x63757421,
                          kMixPurpose = 0x6d697821;
inline PhiloxStream sample_stream(uint64_t seed, int64_t epoch, int64_t sample,
                                  uint64_t purpose = kAugmentPurpose) {
  const uint64_t key = philox_derive(philox_derive(seed, purpose), static_cast<uint64_t>(epoch));
  return PhiloxStream(key, static_cast<uint64_t>(sample));
}

// out[c][y][x] = (value / 255 - mean[c]) / deviation[c]
void normalize_image(const uint8_t* chw, const ImageShape& shape,
                     const Normalization& normalization, float* out);

// Makes a square of this side 0, which is the mean where the image is normalised; its middle is any
// pixel, what lies beyond the border is cut off.
void cut_out(int side, const ImageShape& shape, PhiloxStream random, float* image);

// The changed image, same shape, all but cutout; `in` and `out` must not overlap.
void augment_image(const uint8_t* in, const ImageShape& shape, const Augment& augment,
                   PhiloxStream random, uint8_t* out);

}  // namespace cairn::data
