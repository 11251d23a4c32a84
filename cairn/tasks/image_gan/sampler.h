// Pictures drawn by a generator: sample i of a seed is a function of both alone.
#pragma once
#include <map>

#include "cairn/data/dataset.h"
#include "cairn/io/image.h"
#include "cairn/models/gan.h"
#include "cairn/tasks/image_gan/recipe.h"

namespace cairn::tasks::image_gan {

// Rows first ... first + count - 1 of the endless noise of a seed: [count, z].
Tensor noise_rows(uint64_t seed, int64_t first, int64_t count, int64_t z);

// Pixels, count x channels x height x width.
struct Pictures {
  data::ImageShape shape;
  std::vector<uint8_t> pixels;
  int64_t count() const { return static_cast<int64_t>(pixels.size()) / shape.size(); }
};
uint8_t pixel_of(float value);  // [-1, 1] -> 0 ... 255

// Of a generator in evaluation mode, without labels or with one a picture.
Pictures draw(const models::Generator& generator, uint64_t seed, int64_t first,
              const std::vector<int64_t>& labels);
// 0, 1, ..., classes - 1, 0, ... ; zeros without classes.
std::vector<int64_t> labels_in_turn(int64_t count, int64_t classes);

io::Image grid_of(const Pictures& pictures, int columns);

// A trained generator.
struct Sampler {
  Recipe recipe;
  models::Generator generator;
};
Sampler load_sampler(const std::string& run);  // run folder or weights; throws Error naming it

}  // namespace cairn::tasks::image_gan
