#include "cairn/models/grad_cam.h"

#include <algorithm>

#include "cairn/autograd/autograd.h"
#include "cairn/ops/functions.h"

namespace cairn::models {
namespace {

// Sees the last output [N, C, h, w] of any layer, while it lives.
class LastMaps {
 public:
  explicit LastMaps(const nn::Module& network) {
    for (const auto& [name, module] : network.named_modules())
      hooks_.emplace_back(module, module.on_forward([this](const Tensors&, const Tensor& out) {
        if (out.rank() == 4 && out.size(2) * out.size(3) > 1) maps_ = out;
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
  const Tensor speaks = relu(sum(mean(slope, {2, 3}, true) * seen.maps(), {1}));
  const Tensor map = select(speaks, 0, 0).detach();
  return map * (1 / std::max(amax(map).item(), 1e-12));
}

}  // namespace cairn::models
