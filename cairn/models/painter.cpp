#include "cairn/models/painter.h"

#include <algorithm>

#include "cairn/base/philox.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"

namespace cairn::models {
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

std::vector<int64_t> labels_in_turn(int64_t count, int64_t classes) {
  std::vector<int64_t> labels(static_cast<size_t>(count), 0);
  if (classes > 0)
    for (int64_t i = 0; i < count; ++i) labels[static_cast<size_t>(i)] = i % classes;
  return labels;
}

Painter::Painter(const Generator& generator)
    : generator_(generator), images_([generator](std::span<const Tensor> in) -> Tensors {
        return {generator.size.classes > 0 ? generator(in[0], in[1]) : generator(in[0])};
      }) {}

data::Pictures Painter::draw(const Tensor& noise, const std::vector<int64_t>& labels) {
  const NoGrad no_grad;
  const auto& size = generator_.size;
  const int side = static_cast<int>(size.side);
  data::Pictures drawn{{static_cast<int>(size.channels), side, side}, {}};
  const Tensor in[] = {noise, from_host(labels.data(), {noise.size(0)}, DType::i64)};
  for (float value : images_.call(in)[0].to_vector<float>())
    drawn.pixels.push_back(data::pixel_of(value));
  return drawn;
}

data::Pictures Painter::draw(uint64_t seed, int64_t first, const std::vector<int64_t>& labels) {
  const auto total = static_cast<int64_t>(labels.size());
  data::Pictures all;
  for (int64_t at = 0; at < total; at += kDrawBatch) {
    const int64_t count = std::min(kDrawBatch, total - at);
    const data::Pictures some =
        draw(noise_rows(seed, first + at, count, generator_.size.z),
             std::vector<int64_t>(labels.begin() + at, labels.begin() + at + count));
    all.shape = some.shape;
    all.pixels.insert(all.pixels.end(), some.pixels.begin(), some.pixels.end());
  }
  return all;
}

}  // namespace cairn::models
