#include "cairn/models/pixelcnn.h"

#include <cmath>

#include "cairn/base/invalid_option.h"
#include "cairn/ops/context.h"

namespace cairn::models {
namespace {

constexpr int64_t kReach = 3;  // rows above and pixels to the left that the first layer sees

Tensor gated(const Tensor& value, const Tensor& gate) { return tanh(value) * sigmoid(gate); }
Tensor layer_of(const Tensor& stacked, size_t layer) {
  return select(stacked, 0, static_cast<int64_t>(layer));
}

const DensitySize& checked_size(const DensitySize& size) {
  if (size.shape.channels != 1)
    throw InvalidOption("model", fmt::format("pixelcnn learns grey pictures, these have {} "
                                             "channels; vae and diffusion take them",
                                             size.shape.channels));
  return size;
}

// The uniform number that has as many below it as a normal one.
Tensor uniform_of(const Tensor& normal) { return erfc(normal * -std::sqrt(0.5)) * 0.5; }

}  // namespace

Tensor EdgeConv::operator()(const Tensor& x, const Edge& edge, Loc loc) const {
  return called({x}, loc, [&] {
    return conv2d(x, weight, bias, {.padding = {edge.top, 0, edge.left, edge.right}});
  });
}

GatedLayer::GatedLayer(int64_t width, int64_t classes)
    : rows_(child("rows", EdgeConv(width, width, {2, 3}))),
      rows_gate_(child("rows_gate", EdgeConv(width, width, {2, 3}))),
      pixels_(child("pixels", EdgeConv(width, width, {1, 2}))),
      pixels_gate_(child("pixels_gate", EdgeConv(width, width, {1, 2}))),
      across_(child("across", nn::Conv2d(width, width, 1, {.bias = false}))),
      across_gate_(child("across_gate", nn::Conv2d(width, width, 1, {.bias = false}))),
      out_(child("out", nn::Conv2d(width, width, 1))) {
  if (classes > 0) label_.emplace(child("label", nn::Embedding(classes, 4 * width)));
}

Tensor GatedLayer::down(const Tensor& rows, const EdgeConv::Edge& edge,
                        const Tensor& labels) const {
  Tensor value = rows_(rows, edge), gate = rows_gate_(rows, edge);
  if (label_) {
    const Tensors added = chunk(unsqueeze(unsqueeze((*label_)(labels), 2), 3), 4, 1);
    value = value + added[0], gate = gate + added[1];
  }
  return gated(value, gate);
}

Tensor GatedLayer::along(const Tensor& pixels, const Tensor& with_left, const EdgeConv::Edge& edge,
                         const Tensor& rows, const Tensor& labels) const {
  Tensor value = pixels_(with_left, edge) + across_(rows),
         gate = pixels_gate_(with_left, edge) + across_gate_(rows);
  if (label_) {
    const Tensors added = chunk(unsqueeze(unsqueeze((*label_)(labels), 2), 3), 4, 1);
    value = value + added[2], gate = gate + added[3];
  }
  return pixels + out_(gated(value, gate));
}

PixelCnn::PixelCnn(const DensitySize& size)
    : size_(checked_size(size)),
      first_rows_(child("first_rows", EdgeConv(1, size.width, {kReach, 2 * kReach + 1}))),
      first_pixels_(child("first_pixels", EdgeConv(1, size.width, {1, kReach}))),
      layers_(child("layers", nn::ModuleList<GatedLayer>())),
      hidden_(child("hidden", nn::Conv2d(size.width, 2 * size.width, 1))),
      last_(child("last", nn::Conv2d(2 * size.width, 1, 1))) {
  for (int64_t i = 0; i < size.blocks; ++i) layers_.push_back(GatedLayer(size.width, size.classes));
}

ChanceSize PixelCnn::chance(int64_t) const { return {size_.shape.size(), 0}; }

Tensor PixelCnn::head(const Tensor& h) const { return last_(relu(hidden_(relu(h)))); }

Tensor PixelCnn::log_odds(const Tensor& x, const Tensor& labels) const {
  const int64_t height = x.size(2), width = x.size(3);
  // Of what the first layer gives, one row or column too many sees the place itself.
  Tensor v = slice(first_rows_(x, {kReach, kReach, kReach}), 2, 0, height);
  Tensor h = slice(first_pixels_(x, {0, kReach, 0}), 3, 0, width);
  for (size_t i = 0; i < layers_.size(); ++i) {
    v = layers_[i].down(v, {1, 1, 1}, labels);
    h = layers_[i].along(h, h, {0, 1, 0}, v, labels);
  }
  return head(h);
}

Tensor PixelCnn::objective(const Tensor& x, const Tensor& labels, const Chance& chance) {
  const Tensor seen = binarised(x, chance.uniform);
  const Tensor logits = flatten(log_odds(reshape(seen * 2 - 1, x.shape()), labels), 1);
  return sum(softplus(logits) - logits * seen, {1});
}

Tensor PixelCnn::zero_rows(int64_t n) const {
  return zeros({static_cast<int64_t>(layers_.size()), n, size_.width, 1, size_.shape.width});
}
Tensor PixelCnn::zero_pixels(int64_t n) const {
  return zeros({static_cast<int64_t>(layers_.size()), n, size_.width, 1, 1});
}

PixelCnn::Row PixelCnn::next_row(const Tensor& rows, const Tensor& above,
                                 const Tensor& labels) const {
  Tensor v = first_rows_(rows, {0, kReach, kReach});
  Tensors given, kept;
  for (size_t i = 0; i < layers_.size(); ++i) {
    kept.push_back(v);
    v = layers_[i].down(cat({layer_of(above, i), v}, 2), {0, 1, 1}, labels);
    given.push_back(v);
  }
  // Columns first, so that each is one piece of memory.
  return {contiguous(unsqueeze(permute(stack(given, 0), {4, 0, 1, 2, 3}), 5)), stack(kept, 0)};
}

PixelCnn::Pixel PixelCnn::next_pixel(const Tensor& left, const Tensor& column, const Tensor& before,
                                     const Tensor& labels) const {
  Tensor h = first_pixels_(left, {});
  Tensors kept;
  for (size_t i = 0; i < layers_.size(); ++i) {
    kept.push_back(h);
    const Tensor with_left = cat({layer_of(before, i), h}, 3);
    h = layers_[i].along(h, with_left, {}, layer_of(column, i), labels);
  }
  return {flatten(head(h)), stack(kept, 0)};
}

Painter PixelCnn::painter(const DrawHow&) const {
  const auto row =
      std::make_shared<CompiledFunction>([net = *this](std::span<const Tensor> in) -> Tensors {
        const Row next = net.next_row(in[0], in[1], in[2]);
        return {next.columns, next.above};
      });
  const auto pixel =
      std::make_shared<CompiledFunction>([net = *this](std::span<const Tensor> in) -> Tensors {
        const Pixel next = net.next_pixel(in[0], in[1], in[2], in[4]);
        const Tensor white = cast(lt(in[3], sigmoid(next.log_odds)), DType::f32) * 2 - 1;
        const Tensor drawn = reshape(white, {-1, 1, 1, 1});
        return {cat({slice(in[0], 3, 1, kReach - 1), drawn}, 3), next.before, drawn};
      });
  return Painter(
      size_.shape, noise(), [net = *this, row, pixel](const Tensor& noise, const Tensor& labels) {
        const int64_t n = noise.size(0), width = net.size_.shape.width;
        const Tensor chance = contiguous(transpose(uniform_of(noise), 0, 1));  // [D, N]
        Tensor rows = zeros({n, 1, kReach, width}), above = net.zero_rows(n);
        Tensors all;
        for (int64_t y = 0; y < net.size_.shape.height; ++y) {
          const Tensors next = row->call(std::array{rows, above, labels});
          Tensor left = zeros({n, 1, 1, kReach}), before = net.zero_pixels(n);
          Tensors drawn;
          for (int64_t x = 0; x < width; ++x) {
            const Tensors seen = pixel->call(std::array{left, select(next[0], 0, x), before,
                                                        select(chance, 0, y * width + x), labels});
            left = seen[0], before = seen[1];
            drawn.push_back(seen[2]);
          }
          above = next[1];
          all.push_back(cat(drawn, 3));
          rows = cat({slice(rows, 2, 1, kReach - 1), all.back()}, 2);
        }
        return cat(all, 2);
      });
}

std::vector<Port> PixelCnn::takes() const {
  const auto& s = size_.shape;
  std::vector<Port> ports = {{"pictures", DType::f32, {kAnyBatch, 1, s.height, s.width}}};
  if (size_.classes > 0) ports.push_back({"labels", DType::i64, {kAnyBatch}});
  return ports;
}

Tensor PixelCnn::respond(std::span<const Tensor> in) {
  return log_odds(in[0], in.size() > 1 ? in[1] : Tensor());
}

}  // namespace cairn::models
