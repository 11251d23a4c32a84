#include "cairn/train/report/filters.h"

#include <algorithm>
#include <cmath>

#include "cairn/data/picture.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"

namespace cairn::train::report {

io::Image tiles(const Tensor& maps, int columns) {
  const auto v = contiguous(maps).to_vector<float>();
  const data::ImageShape shape{maps.size(1) == 3 ? 3 : 1, static_cast<int>(maps.size(2)),
                               static_cast<int>(maps.size(3))};
  std::vector<io::Image> all;
  std::vector<uint8_t> chw(static_cast<size_t>(shape.size()));
  for (auto at = v.begin(); at != v.end(); at += shape.size()) {
    const auto [low, high] = std::minmax_element(at, at + shape.size());
    const float range = std::max(*high - *low, 1e-12f);
    for (size_t k = 0; k < chw.size(); ++k)
      chw[k] = static_cast<uint8_t>(std::lround((at[k] - *low) / range * 255));
    all.push_back(data::picture_of(chw.data(), shape));
  }
  return io::grid(all, columns, 1, 128);
}

void write_filters(Page& page, const nn::Module& network, const Tensor& x,
                   const io::Image& picture) {
  std::string first;  // in the order of its modules
  for (const auto& [name, module] : network.named_modules())
    if (first.empty() && module.type() == "Conv2d") first = name;
  if (first.empty()) return;
  const NoGrad no_grad;
  const nn::Module conv = network.find(first);
  Tensor seen;
  const int hook = conv.on_forward([&](const Tensors&, const Tensor& out) {
    seen = out;
    return Tensor();
  });
  network(x);  // not compiled: hooks see values
  conv.remove_hook(hook);
  Tensor weights = conv.named_parameters(false)[0].second;
  if (weights.size(1) != 1 && weights.size(1) != 3) weights = mean(weights, {1}, true);
  const int64_t shown = std::min<int64_t>(32, weights.size(0));
  const int across = std::max(1, 448 / picture.width);
  // Filters of 3 x 3 and of 11 x 11 pixels get the same room.
  const int magnified = std::max<int>(1, 30 / static_cast<int>(weights.size(2)));
  page.heading("What the first layer looks for");
  page.figures(
      {figure(picture, "A test picture", std::max(1, 168 / picture.width)),
       figure(tiles(slice(weights, 0, 0, shown), 8), fmt::format("{} learned filters", shown),
              magnified),
       figure(
           tiles(unsqueeze(slice(select(relu(seen), 0, 0), 0, 0, shown), 1), std::min(8, across)),
           "The picture through each of them: where a filter answers, it is bright", 2)});
}

io::Image highlighted(const io::Image& picture, const Tensor& map) {
  const auto heat =
      interpolate(unsqueeze(unsqueeze(map, 0), 0),
                  {.size = {picture.height, picture.width}, .mode = Interpolation::linear})
          .to_vector<float>();
  io::Image seen = io::with_channels(io::with_channels(picture, 1), 3);
  constexpr float kRed[] = {230, 40, 30}, kMost = 0.7f;
  for (size_t i = 0; i < heat.size(); ++i)
    for (size_t c = 0; c < 3; ++c) {
      uint8_t& value = seen.pixels[3 * i + c];
      const float part = kMost * std::clamp(heat[i], 0.0f, 1.0f);
      value = static_cast<uint8_t>(std::lround((1 - part) * value + part * kRed[c]));
    }
  return seen;
}

}  // namespace cairn::train::report
