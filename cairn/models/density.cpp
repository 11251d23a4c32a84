#include "cairn/models/density.h"

#include "cairn/base/invalid_option.h"
#include "cairn/base/philox.h"
#include "cairn/models/diffusion.h"
#include "cairn/models/pixelcnn.h"
#include "cairn/models/vae.h"
#include "cairn/ops/functions.h"

namespace cairn::models {

Chance chance_rows(uint64_t seed, int64_t first, int64_t count, const ChanceSize& size) {
  constexpr uint64_t kChancePurpose = 0x6368616e6365;
  const uint64_t key = philox_derive(seed, kChancePurpose);
  std::vector<float> uniform, normal;
  uniform.reserve(static_cast<size_t>(count * size.uniform));
  normal.reserve(static_cast<size_t>(count * size.normal));
  for (int64_t i = 0; i < count; ++i) {
    PhiloxStream random(key, static_cast<uint64_t>(first + i));
    for (int64_t k = 0; k < size.uniform; ++k) uniform.push_back(random.uniform());
    for (int64_t k = 0; k < size.normal; ++k) normal.push_back(random.normal());
  }
  return {from_host(uniform.data(), {count, size.uniform}, DType::f32),
          from_host(normal.data(), {count, size.normal}, DType::f32)};
}

Chance drawn_chance(int64_t count, const ChanceSize& size) {
  return {rand({count, size.uniform}), randn({count, size.normal})};
}

Tensor binarised(const Tensor& x, const Tensor& uniform) {
  return cast(lt(uniform, (flatten(x, 1) + 1) * 0.5), DType::f32);
}

std::shared_ptr<Density> make_density(const std::string& name, const DensitySize& size) {
  if (name == "vae") return std::make_shared<Vae>(size);
  if (name == "pixelcnn") return std::make_shared<PixelCnn>(size);
  if (name == "diffusion") return std::make_shared<Diffusion>(size);
  throw InvalidOption("model", fmt::format("'{}' is none of vae, pixelcnn, diffusion", name));
}

}  // namespace cairn::models
