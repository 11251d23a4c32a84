#include "cairn/models/music_gan.h"

namespace cairn::models {
namespace {

constexpr int64_t kHalvings = 3, kClasses = 12;

// [N, V, T, P] -> [N, V * P, T].
Tensor as_channels(const Tensor& x) {
  const Tensor turned = transpose(x, 2, 3);
  return reshape(turned, {x.size(0), x.size(1) * x.size(3), x.size(2)});
}

// 1 where a voice sounds what it sounded in the step before: [N, V, T].
Tensor held(const Tensor& x) {
  const int64_t steps = x.size(2);
  const Tensor same = sum(slice(x, 2, 1, steps - 1) * slice(x, 2, 0, steps - 1), {3});
  return pad(same, {1, 0});
}

// How many voices sound each pitch class, of all: [N, 12, T]. Silence is none.
Tensor classes_of(const Tensor& x) {
  const int64_t pitches = x.size(3) - 1;
  const int64_t octaves = (pitches + kClasses - 1) / kClasses;
  Tensor sounding = slice(sum(x, {1}), 2, 1, pitches);  // [N, T, pitches]
  sounding = pad(sounding, {0, octaves * kClasses - pitches});
  const Tensor folded = sum(reshape(sounding, {x.size(0), x.size(2), octaves, kClasses}), {2});
  return transpose(folded, 1, 2);
}

template <class Layer>
void push(nn::Sequential& net, const Layer& layer, GanNorm norm) {
  if (norm == GanNorm::spectral) net.push_back(nn::spectral_norm(layer));
  else net.push_back(layer);
}

}  // namespace

RollGenerator::RollGenerator(const RollGanSize& wanted)
    : size(wanted),
      in(child("in", nn::Linear(wanted.z, 2 * wanted.width * (wanted.steps >> kHalvings)))) {
  check(size.steps % (1 << kHalvings) == 0 && size.steps > 0,
        "music GAN: {} steps; a multiple of {}", size.steps, 1 << kHalvings);
  int64_t channels = 2 * size.width;
  net.push_back(nn::BatchNorm1d(channels));
  net.push_back(nn::ReLU());
  for (int64_t i = 0; i < kHalvings; ++i) {
    net.push_back(
        nn::ConvTranspose1d(channels, size.width, 4, {.stride = 2, .padding = 1, .bias = false}));
    net.push_back(nn::BatchNorm1d(size.width));
    net.push_back(nn::ReLU());
    channels = size.width;
  }
  net.push_back(nn::Conv1d(channels, size.voices * size.pitches, 3, {.padding = 1}));
}

Tensor RollGenerator::forward(Tensor z) {
  const int64_t n = z.size(0);
  const Tensor begun = reshape(in(z), {n, 2 * size.width, size.steps >> kHalvings});
  const Tensor logits =
      transpose(reshape(net(begun), {n, size.voices, size.pitches, size.steps}), 2, 3);
  const Tensor soft = softmax(logits, -1);
  const Tensor hard = one_hot(argmax(soft, -1), size.pitches);
  return soft + (hard - soft).detach();
}

RollDiscriminator::RollDiscriminator(const RollGanSize& wanted, GanNorm norm) : size(wanted) {
  int64_t channels = size.voices * size.pitches + size.voices + kClasses;
  int64_t length = size.steps;
  for (int64_t i = 0; i < kHalvings; ++i) {
    const bool batch = norm == GanNorm::batch && i > 0;
    push(net, nn::Conv1d(channels, size.width, 5, {.stride = 2, .padding = 2, .bias = !batch}),
         norm);
    if (batch) net.push_back(nn::BatchNorm1d(size.width));
    net.push_back(nn::LeakyReLU(0.2));
    channels = size.width, length = (length + 1) / 2;
  }
  push(net, nn::Conv1d(channels, 1, length), norm);
}

Tensor RollDiscriminator::forward(Tensor x) {
  return flatten(net(cat({as_channels(x), held(x), classes_of(x)}, 1)), 0);
}

}  // namespace cairn::models
