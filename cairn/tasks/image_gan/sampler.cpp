#include "cairn/tasks/image_gan/sampler.h"

#include <algorithm>
#include <cmath>

#include "cairn/base/philox.h"
#include "cairn/compile/compile.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/image_gan/game.h"
#include "cairn/train/saved_model.h"

namespace cairn::tasks::image_gan {
namespace {

constexpr uint64_t kNoisePurpose = 0x6e6f697365;
constexpr int64_t kDrawBatch = 256;

}  // namespace

Tensor noise_rows(uint64_t seed, int64_t first, int64_t count, int64_t z) {
  const uint64_t key = philox_derive(seed, kNoisePurpose);
  std::vector<float> values;
  values.reserve(static_cast<size_t>(count * z));
  for (int64_t i = 0; i < count; ++i) {
    PhiloxStream random(key, static_cast<uint64_t>(first + i));
    for (int64_t j = 0; j < z; ++j) values.push_back(random.normal());
  }
  return from_host(values.data(), {count, z}, DType::f32);
}

uint8_t pixel_of(float value) {
  return static_cast<uint8_t>(std::lround(std::clamp((value + 1) * 127.5f, 0.0f, 255.0f)));
}

Pictures draw(const models::Generator& g, uint64_t seed, int64_t first,
              const std::vector<int64_t>& labels) {
  const NoGrad no_grad;
  const bool conditional = g.size.classes > 0;
  auto images = compile([&](Tensor z, Tensor y) { return conditional ? g(z, y) : g(z); });
  Pictures all{{static_cast<int>(g.size.channels), static_cast<int>(g.size.side),
                static_cast<int>(g.size.side)},
               {}};
  const int64_t total = static_cast<int64_t>(labels.size());
  for (int64_t at = 0; at < total; at += kDrawBatch) {
    const int64_t count = std::min(kDrawBatch, total - at);
    const Tensor x = images(noise_rows(seed, first + at, count, g.size.z),
                            from_host(&labels[static_cast<size_t>(at)], {count}, DType::i64));
    for (float value : x.to_vector<float>()) all.pixels.push_back(pixel_of(value));
  }
  return all;
}

std::vector<int64_t> labels_in_turn(int64_t count, int64_t classes) {
  std::vector<int64_t> labels(static_cast<size_t>(count), 0);
  if (classes > 0)
    for (int64_t i = 0; i < count; ++i) labels[static_cast<size_t>(i)] = i % classes;
  return labels;
}

io::Image grid_of(const Pictures& pictures, int columns) {
  const data::ImageShape& s = pictures.shape;
  std::vector<io::Image> images;
  for (int64_t i = 0; i < pictures.count(); ++i) {
    io::Image& image = images.emplace_back(s.width, s.height, s.channels);
    const uint8_t* plane = &pictures.pixels[static_cast<size_t>(i * s.size())];
    for (int c = 0; c < s.channels; ++c)
      for (int y = 0; y < s.height; ++y)
        for (int x = 0; x < s.width; ++x) image.at(x, y)[c] = *plane++;
  }
  return io::grid(images, columns);
}

Sampler load_sampler(const std::string& run) {
  const train::SavedModel saved = train::open_saved_model(run, kTask);
  const Recipe recipe = recipe_from(saved.config, run);
  Sampler sampler{recipe, make_generator(recipe)};
  train::load_weights(saved, sampler.generator);
  sampler.generator.eval();
  return sampler;
}

}  // namespace cairn::tasks::image_gan
