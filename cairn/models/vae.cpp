#include "cairn/models/vae.h"

#include <cmath>

#include "cairn/ops/context.h"
#include "cairn/ops/pick.h"

namespace cairn::models {
namespace {

nn::Sequential two_hidden(int64_t in, int64_t width, int64_t out) {
  return nn::Sequential(nn::Linear(in, width), nn::ReLU(), nn::Linear(width, width), nn::ReLU(),
                        nn::Linear(width, out));
}

}  // namespace

Vae::Vae(const DensitySize& size)
    : encoder(
          child("encoder", two_hidden(size.shape.size() + size.classes, size.width, 2 * size.z))),
      decoder(child("decoder", two_hidden(size.z + size.classes, size.width, size.shape.size()))),
      size_(size) {}

ChanceSize Vae::chance(int64_t samples) const { return {size_.shape.size(), samples * size_.z}; }

Tensor Vae::with_labels(const Tensor& x, const Tensor& labels) const {
  return size_.classes > 0 ? cat({x, one_hot(labels, size_.classes)}, 1) : x;
}

Tensor Vae::objective(const Tensor& x, const Tensor& labels, const Chance& chance) {
  const int64_t n = x.size(0), k = chance.normal.size(1) / size_.z;
  const Tensor seen = binarised(x, chance.uniform);
  const Tensors code = chunk(encoder(with_labels(seen, labels)), 2, 1);
  const Tensor noise = reshape(chance.normal, {n, k, size_.z});
  const Tensor z = unsqueeze(code[0], 1) + unsqueeze(exp(code[1]), 1) * noise;
  // log p(z) - log q(z | x), whose constants cancel.
  const Tensor apart = sum((square(noise) - square(z)) * 0.5, {2}) + sum(code[1], {1}, true);
  const Tensor logits =
      reshape(decoder(with_labels(reshape(z, {n * k, size_.z}), repeat_interleave(labels, k, 0))),
              {n, k, -1});
  const Tensor log_p = sum(logits * unsqueeze(seen, 1) - softplus(logits), {2});
  return std::log(static_cast<double>(k)) - logsumexp(log_p + apart, {1});
}

Painter Vae::painter(const DrawHow&) const {
  return {size_.shape, size_.z,
          CompiledFunction::Body([net = *this](std::span<const Tensor> in) mutable -> Tensors {
            return {net.respond(in) * 2 - 1};
          })};
}

std::vector<Port> Vae::takes() const {
  std::vector<Port> ports = {{"noise", DType::f32, {kAnyBatch, size_.z}}};
  if (size_.classes > 0) ports.push_back({"labels", DType::i64, {kAnyBatch}});
  return ports;
}

Tensor Vae::respond(std::span<const Tensor> in) {
  const auto& s = size_.shape;
  const Tensor logits = decoder(in.size() > 1 ? with_labels(in[0], in[1]) : in[0]);
  return reshape(sigmoid(logits), {-1, s.channels, s.height, s.width});
}

}  // namespace cairn::models
