#include "cairn/models/painter.h"

#include <algorithm>
#include <array>
#include <memory>

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

Painter::Painter(const data::ImageShape& shape, int64_t z, Draw draw)
    : shape_(shape), z_(z), draw_(std::move(draw)) {}

Painter::Painter(const data::ImageShape& shape, int64_t z, CompiledFunction::Body network)
    : Painter(shape, z,
              Draw([compiled = std::make_shared<CompiledFunction>(std::move(network))](
                       const Tensor& noise, const Tensor& labels) {
                return compiled->call(std::array{noise, labels})[0];
              })) {}

Painter::Painter(const Generator& generator)
    : Painter({static_cast<int>(generator.size.channels), static_cast<int>(generator.size.side),
               static_cast<int>(generator.size.side)},
              generator.size.z,
              CompiledFunction::Body([generator](std::span<const Tensor> in) -> Tensors {
                return {generator.size.classes > 0 ? generator(in[0], in[1]) : generator(in[0])};
              })) {}

data::Pictures Painter::draw(const Tensor& noise, const std::vector<int64_t>& labels) const {
  const NoGrad no_grad;
  data::Pictures drawn{shape_, {}};
  const Tensor wanted = from_host(labels.data(), {noise.size(0)}, DType::i64);
  for (float value : draw_(noise, wanted).to_vector<float>())
    drawn.pixels.push_back(data::pixel_of(value));
  return drawn;
}

data::Pictures Painter::draw(uint64_t seed, int64_t first,
                             const std::vector<int64_t>& labels) const {
  const auto total = static_cast<int64_t>(labels.size());
  data::Pictures all{shape_, {}};
  for (int64_t at = 0; at < total; at += kDrawBatch) {
    const int64_t count = std::min(kDrawBatch, total - at);
    const data::Pictures some =
        draw(noise_rows(seed, first + at, count, z_),
             std::vector<int64_t>(labels.begin() + at, labels.begin() + at + count));
    all.pixels.insert(all.pixels.end(), some.pixels.begin(), some.pixels.end());
  }
  return all;
}

}  // namespace cairn::models
