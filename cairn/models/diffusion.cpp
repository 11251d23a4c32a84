#include "cairn/models/diffusion.h"

#include <cmath>
#include <numbers>
#include <numeric>

#include "cairn/base/invalid_option.h"
#include "cairn/ops/context.h"

namespace cairn::models {
namespace {

constexpr int64_t kTimes = 1000, kFrequencies = 32, kHead = 32, kLeastPicture = 8;
constexpr double kOffset = 0.008;  // of the cosine schedule: so little noise is there at the start
constexpr double kHalf = 1.0 / 255;  // of the distance between two of 256 values in [-1, 1]

nn::GroupNorm norm_of(int64_t channels) { return {std::gcd<int64_t>(8, channels), channels}; }
nn::Conv2d conv3(int64_t in, int64_t out, int64_t stride = 1) {
  return {in, out, 3, {.stride = stride, .padding = 1}};
}
// Layers at the end of what is added begin as zeros: a block begins as the identity.
template <class Layer>
Layer beginning_at_zero(Layer layer) {
  assign(layer.weight, zeros(layer.weight.shape()));
  return layer;
}

Tensor resized_like(const Tensor& x, const Tensor& other) {
  return interpolate(x, {.size = {other.size(2), other.size(3)}});
}

// [N] -> [N, 2 kFrequencies]
Tensor waves_of(const Tensor& time) {
  std::vector<float> rates;
  for (int64_t i = 0; i < kFrequencies; ++i)
    rates.push_back(static_cast<float>(
        kTimes * std::exp(-std::log(1e4) * static_cast<double>(i) / kFrequencies)));
  const Tensor angles = unsqueeze(time, 1) * from_host(rates.data(), {1, kFrequencies}, DType::f32);
  return cat({sin(angles), cos(angles)}, 1);
}

Tensor over_places(const Tensor& x) { return reshape(x, {-1, 1, 1, 1}); }

// The part of a normal distribution about `mean` that rounds to x, one of 256 values; the outermost
// take all beyond them.
Tensor log_part_of(const Tensor& x, const Tensor& mean, double deviation) {
  constexpr double kLeast = 1e-12;
  const auto below = [&](const Tensor& edge) {
    return erfc((mean - edge) * (std::sqrt(0.5) / deviation)) * 0.5;
  };
  const Tensor all = ones(x.shape()), none = zeros(x.shape());
  const Tensor upper = where(gt(x, 1 - kHalf), all, below(x + kHalf)),
               lower = where(lt(x, -1 + kHalf), none, below(x - kHalf));
  return log(clamp_min(upper - lower, kLeast));
}

double signal_squared(double time) {
  const auto f = [](double t) {
    return std::pow(std::cos((t + kOffset) / (1 + kOffset) * std::numbers::pi / 2), 2);
  };
  return f(time) / f(0);
}

}  // namespace

TimedBlock::TimedBlock(int64_t in, int64_t out, int64_t features)
    : norm1_(child("norm1", norm_of(in))),
      norm2_(child("norm2", norm_of(out))),
      conv1_(child("conv1", conv3(in, out))),
      conv2_(child("conv2", beginning_at_zero(conv3(out, out)))),
      scale_shift_(child("scale_shift", nn::Linear(features, 2 * out))) {
  if (in != out) skip_.emplace(child("skip", nn::Conv2d(in, out, 1)));
}

Tensor TimedBlock::forward(Tensor x, Tensor what) {
  const Tensors said = chunk(unsqueeze(unsqueeze(scale_shift_(silu(what)), 2), 3), 2, 1);
  const Tensor h = norm2_(conv1_(silu(norm1_(x)))) * (said[0] + 1) + said[1];
  return (skip_ ? (*skip_)(x) : x) + conv2_(silu(h));
}

PlaceAttention::PlaceAttention(int64_t channels)
    : heads_(channels % kHead == 0 ? channels / kHead : 1),
      norm_(child("norm", norm_of(channels))),
      qkv_(child("qkv", nn::Conv2d(channels, 3 * channels, 1))),
      out_(child("out", beginning_at_zero(nn::Conv2d(channels, channels, 1)))) {}

Tensor PlaceAttention::forward(Tensor x) {
  const int64_t channels = x.size(1), places = x.size(2) * x.size(3);
  Tensors parts = chunk(qkv_(norm_(x)), 3, 1);
  for (Tensor& p : parts)  // [N, heads, places, channels of a head]
    p = transpose(reshape(p, {-1, heads_, channels / heads_, places}), 2, 3);
  const Tensor mixed = attention(parts[0], parts[1], parts[2]);
  return x + out_(reshape(transpose(mixed, 2, 3), {-1, channels, x.size(2), x.size(3)}));
}

Denoiser::Denoiser(int64_t channels, int64_t width, int64_t classes)
    : width_(width),
      embed_(child("embed", nn::Sequential(nn::Linear(2 * kFrequencies, 4 * width), nn::SiLU(),
                                           nn::Linear(4 * width, 4 * width)))),
      in_(child("in", conv3(channels, width))),
      shrink1_(child("shrink1", conv3(width, width, 2))),
      shrink2_(child("shrink2", conv3(2 * width, 2 * width, 2))),
      down1_(child("down1", TimedBlock(width, width, 4 * width))),
      down2_(child("down2", TimedBlock(width, 2 * width, 4 * width))),
      middle1_(child("middle1", TimedBlock(2 * width, 2 * width, 4 * width))),
      middle2_(child("middle2", TimedBlock(2 * width, 2 * width, 4 * width))),
      up2_(child("up2", TimedBlock(4 * width, 2 * width, 4 * width))),
      up1_(child("up1", TimedBlock(3 * width, width, 4 * width))),
      attention_(child("attention", PlaceAttention(2 * width))),
      norm_(child("norm", norm_of(width))),
      out_(child("out", beginning_at_zero(conv3(width, channels)))) {
  if (classes > 0) label_.emplace(child("label", nn::Embedding(classes + 1, 4 * width)));
}

Tensor Denoiser::forward(Tensor x, Tensor time, Tensor labels) {
  Tensor what = embed_(waves_of(time));
  if (label_) what = what + (*label_)(labels);
  const Tensor large = down1_(in_(x), what), middle = down2_(shrink1_(large), what);
  const Tensor small = middle2_(attention_(middle1_(shrink2_(middle), what)), what);
  const Tensor up = up2_(cat({resized_like(small, middle), middle}, 1), what);
  return out_(silu(norm_(up1_(cat({resized_like(up, large), large}, 1), what))));
}

NoiseLevel noise_level(const Tensor& time) {
  // cos^2(a) - cos^2(b) = sin(b - a) sin(b + a): nothing is lost where there is little noise.
  const double start = kOffset / (1 + kOffset) * std::numbers::pi / 2;
  const Tensor passed = over_places(time) * (std::numbers::pi / 2 / (1 + kOffset));
  const double scale = 1 / std::cos(start);
  return {cos(passed + start) * scale,
          sqrt(clamp_min(sin(passed) * sin(passed + 2 * start), 0)) * scale};
}

Diffusion::Diffusion(const DensitySize& size)
    : size_(size),
      denoiser_(child("denoiser", Denoiser(size.shape.channels, size.width, size.classes))) {
  if (size.shape.height < kLeastPicture || size.shape.width < kLeastPicture)
    throw InvalidOption("model", fmt::format("diffusion takes pictures of {0}x{0} at least, these "
                                             "are {1}x{2}; choose image_size",
                                             kLeastPicture, size.shape.height, size.shape.width));
}

ChanceSize Diffusion::chance(int64_t) const { return {2, size_.shape.size()}; }

Tensor Diffusion::objective(const Tensor& x, const Tensor& labels, const Chance& chance) {
  // Times 1 / kTimes ... 1.
  const Tensor time = (floor(select(chance.uniform, 1, 0) * double(kTimes)) + 1) / double(kTimes);
  const NoiseLevel level = noise_level(time);
  const Tensor noise = reshape(chance.normal, x.shape());
  Tensor known = labels;
  if (size_.classes > 0)
    known = where(lt(select(chance.uniform, 1, 1), size_.label_drop),
                  full(labels.shape(), static_cast<double>(size_.classes), DType::i64), labels);
  const Tensor v = denoiser_(level.signal * x + level.noise * noise, time, known);
  return mean(square(v - (level.signal * noise - level.noise * x)), {1, 2, 3});
}

Diffusion::Guess Diffusion::guess_of(const Tensor& noisy, const Tensor& v,
                                     const NoiseLevel& level) const {
  const Tensor picture = clamp(level.signal * noisy - level.noise * v, -1, 1);
  return {picture, (noisy - level.signal * picture) / clamp_min(level.noise, 1e-6)};
}

Tensor Diffusion::nats(const Tensor& x, const Tensor& labels, const Chance& chance) {
  const Tensor noise = reshape(chance.normal, x.shape());
  const auto seen_at = [&](const Tensor& time) {
    const NoiseLevel level = noise_level(time);
    const Tensor noisy = level.signal * x + level.noise * noise;
    return guess_of(noisy, denoiser_(noisy, time, labels), level).picture;
  };
  const auto ratio = [](const NoiseLevel& l) { return square(l.signal) / square(l.noise); };
  // One of the steps from time t to the one before, 2 / kTimes ... 1, for all of them: the distance
  // of two normal distributions whose variances agree. Early ones count most, and are drawn most.
  const double logs = std::log((kTimes + 1) / 2.0);
  const Tensor number =
      clamp(floor(exp(select(chance.uniform, 1, 0) * logs) * 2), 2, double(kTimes));
  const Tensor share = log((number + 1) / number) * (1 / logs);
  const Tensor time = number / double(kTimes), before = (number - 1) / double(kTimes);
  const Tensor weight = flatten(ratio(noise_level(before)) - ratio(noise_level(time)));
  const Tensor step = weight / share * sum(square(x - seen_at(time)), {1, 2, 3}) * 0.5;
  // The last one gives the picture. At time 1 nothing is left of it: that costs nothing.
  const double one = signal_squared(1.0 / kTimes), two = signal_squared(2.0 / kTimes);
  const double deviation = std::sqrt((1 - one) / (1 - two) * (1 - two / one));
  const Tensor first = full({x.size(0)}, 1.0 / kTimes);
  return step - sum(log_part_of(x, seen_at(first), deviation), {1, 2, 3});
}

Tensor Diffusion::step_back(const Tensor& noisy, const Tensor& time, const Tensor& next,
                            const Tensor& labels, double guidance) const {
  Tensor v = denoiser_(noisy, time, labels);
  if (size_.classes > 0 && guidance != 1) {
    const Tensor none = full(labels.shape(), static_cast<double>(size_.classes), DType::i64);
    v = lerp(denoiser_(noisy, time, none), v, guidance);
  }
  const Guess guess = guess_of(noisy, v, noise_level(time));
  const NoiseLevel level = noise_level(next);
  return level.signal * guess.picture + level.noise * guess.noise;
}

Painter Diffusion::painter(const DrawHow& how) const {
  const auto step =
      std::make_shared<CompiledFunction>([net = *this, how](std::span<const Tensor> in) -> Tensors {
        return {net.step_back(in[0], in[1], in[2], in[3], how.guidance)};
      });
  return Painter(size_.shape, noise(),
                 [shape = size_.shape, how, step](const Tensor& noise, const Tensor& labels) {
                   const int64_t n = noise.size(0);
                   Tensor x = reshape(noise, {n, shape.channels, shape.height, shape.width});
                   const auto time = [&](int64_t k) {
                     return full({n}, static_cast<double>(k) / static_cast<double>(how.steps));
                   };
                   for (int64_t k = how.steps; k > 0; --k)
                     x = step->call(std::array{x, time(k), time(k - 1), labels})[0];
                   return x;
                 });
}

std::vector<Port> Diffusion::takes() const {
  const auto& s = size_.shape;
  std::vector<Port> ports = {{"noisy", DType::f32, {kAnyBatch, s.channels, s.height, s.width}},
                             {"time", DType::f32, {kAnyBatch}}};
  if (size_.classes > 0) ports.push_back({"labels", DType::i64, {kAnyBatch}});
  return ports;
}

Tensor Diffusion::respond(std::span<const Tensor> in) {
  return denoiser_(in[0], in[1], in.size() > 2 ? in[2] : full({in[0].size(0)}, 0, DType::i64));
}

}  // namespace cairn::models
