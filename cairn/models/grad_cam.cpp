#include "cairn/models/grad_cam.h"

#include <algorithm>

#include "cairn/autograd/autograd.h"
#include "cairn/ops/functions.h"

namespace cairn::models {
namespace {

// Sees the last output [N, C, h, w] or [N, C, t, h, w] of any layer, while it lives.
class LastMaps {
 public:
  explicit LastMaps(const nn::Module& network) {
    for (const auto& [name, module] : network.named_modules())
      hooks_.emplace_back(module, module.on_forward([this](const Tensors&, const Tensor& out) {
        if (out.rank() >= 4 && out.size(-2) * out.size(-1) > 1) maps_ = out;
        return Tensor();
      }));
  }
  ~LastMaps() {
    for (const auto& [module, hook] : hooks_) module.remove_hook(hook);
  }
  LastMaps(const LastMaps&) = delete;
  const Tensor& maps() const { return maps_; }

 private:
  std::vector<std::pair<nn::Module, int>> hooks_;
  Tensor maps_;
};

}  // namespace

Tensor grad_cam(const nn::Module& network, const Tensor& x, int64_t label) {
  const LastMaps seen(network);
  const Tensor logits = network(x);  // not compiled: hooks see values
  if (!seen.maps().defined()) return {};
  const Tensor slope =
      grad({select(select(logits, 1, label), 0, 0)}, {seen.maps()}, {.allow_unused = true})[0];
  if (!slope.defined()) return {};
  Ints places;
  for (int64_t axis = 2; axis < slope.rank(); ++axis) places.push_back(axis);
  const Tensor speaks = relu(sum(mean(slope, places, true) * seen.maps(), {1}));
  const bool frames_apart = x.rank() == 5 && slope.rank() == 4;  // each as an example of its own
  const Tensor map = (frames_apart ? speaks : select(speaks, 0, 0)).detach();
  return map * (1 / std::max(amax(map).item(), 1e-12));
}

}  // namespace cairn::models
