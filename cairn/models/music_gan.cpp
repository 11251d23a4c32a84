#include "cairn/models/music_gan.h"

#include "cairn/base/round.h"
#include "cairn/ops/pick.h"

namespace cairn::models {
namespace {

constexpr int64_t kHalvings = 3, kClasses = 12;
constexpr int64_t kBeat = 4;       // steps of a voice that share a height
constexpr double kNarrowness = 8;  // of the heights: 3 semitones off is e^-0.5 times as likely

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
  const int64_t octaves = ceil_div(pitches, kClasses);
  Tensor sounding = slice(sum(x, {1}), 2, 1, pitches);  // [N, T, pitches]
  sounding = pad(sounding, {0, octaves * kClasses - pitches});
  const Tensor folded = sum(reshape(sounding, {x.size(0), x.size(2), octaves, kClasses}), {2});
  return transpose(folded, 1, 2);
}

// In octaves from the middle of so many pitches: [pitches].
Tensor octaves(int64_t pitches) {
  return (cast(arange(0, pitches), DType::f32) - static_cast<double>(pitches - 1) / 2) / kClasses;
}

// Where each voice is, in octaves from the middle; silence is there: [N, V, T].
Tensor heights_of(const Tensor& x) {
  const int64_t pitches = x.size(3) - 1;
  return sum(slice(x, 3, 1, pitches) * cast(octaves(pitches), x.dtype()), {3});
}

// How far each voice moves from the step before: [N, V, T].
Tensor moves_of(const Tensor& heights) {
  const int64_t steps = heights.size(2);
  return pad(slice(heights, 2, 1, steps - 1) - slice(heights, 2, 0, steps - 1), {1, 0});
}

// [N, V, beats] -> [N, V, T, pitches]: the further a pitch is from its voice's height, the less
// likely; silence is at no height.
Tensor near(const Tensor& heights, int64_t pitches) {
  const Tensor far = octaves(pitches - 1) - unsqueeze(repeat_interleave(heights, kBeat, 2), 3);
  return pad(square(far) * -kNarrowness, {1, 0});
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
  net.push_back(nn::Conv1d(channels, size.voices * (size.pitches + 1), 3, {.padding = 1}));
}

Tensor RollGenerator::forward(Tensor z) {
  const int64_t n = z.size(0);
  const Tensor begun = reshape(in(z), {n, 2 * size.width, size.steps >> kHalvings});
  const Tensor out = net(begun);
  const int64_t cells = size.voices * size.pitches;
  const Tensor each = reshape(slice(out, 1, 0, cells), {n, size.voices, size.pitches, size.steps});
  const Tensor heights = mean(
      reshape(slice(out, 1, cells, size.voices), {n, size.voices, size.steps / kBeat, kBeat}), {3});
  const Tensor logits = transpose(each, 2, 3) + near(heights, size.pitches);
  const Tensor soft = softmax(logits, -1);
  const Tensor hard = one_hot(argmax(soft, -1), size.pitches);
  return soft + (hard - soft).detach();
}

RollDiscriminator::RollDiscriminator(const RollGanSize& wanted, GanNorm norm) : size(wanted) {
  int64_t channels = size.voices * (size.pitches + 4) + kClasses;
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
  const Tensor heights = heights_of(x), moves = moves_of(heights);
  return flatten(net(cat({as_channels(x), held(x), classes_of(x), heights, moves, abs(moves)}, 1)),
                 0);
}

}  // namespace cairn::models
