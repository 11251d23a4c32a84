// SqueezeNet v1.0 (Iandola et al. 2016), trained, in f32 and in 8 bits: do they name the same
// classes?
//   bench_squeezenet WEIGHTS PERCENTILE PICTURE...
// WEIGHTS: float32 in the order of the layers, each weight [O, I, kh, kw] then its bias, perhaps
// gzipped. The 8-bit network is calibrated on every second picture; then for every picture, and for
// the inputs 0 and (i mod 251) - 125, it says which of f32's five likeliest classes are among its
// own, and how often the likeliest agrees.
#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <numeric>

#include "cairn/compile/compile.h"
#include "cairn/io/gzip.h"
#include "cairn/io/image.h"
#include "cairn/models/cnn.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/quantize/quantize.h"

namespace {

using namespace cairn;

constexpr int kSide = 227;

using models::SqueezeNet;

void load(const SqueezeNet& net, const std::string& path) {
  const io::ByteVector bytes = io::read_maybe_gzip(path);
  const auto* next = reinterpret_cast<const float*>(bytes.data());
  const float* end = next + bytes.size() / sizeof(float);
  for (const auto& [name, p] : net.named_parameters()) {
    check(end - next >= p.numel(), "{}: ends before '{}'", path, name);
    assign(p, from_host(next, p.shape(), DType::f32));
    next += p.numel();
  }
  check(next == end, "{}: holds more than SqueezeNet's weights", path);
}

// Blue, green, red; less the mean of the training pictures.
Tensor input_of(const std::string& path) {
  constexpr float kMean[] = {104, 117, 123};
  io::Image image = io::with_channels(io::read_image(path), 3);
  const int side = std::min(image.width, image.height);
  image = io::resize(io::center_crop(image, side, side), kSide, kSide);
  std::vector<float> values;
  for (int c = 0; c < 3; ++c)
    for (int y = 0; y < kSide; ++y)
      for (int x = 0; x < kSide; ++x) values.push_back(image.at(x, y)[2 - c] - kMean[c]);
  return from_host(values.data(), {1, 3, kSide, kSide}, DType::f32);
}

std::vector<int> likeliest(const Tensor& logits, int count) {
  const auto values = logits.to_vector<float>();
  std::vector<int> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return values[a] > values[b]; });
  order.resize(count);
  return order;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4)
    return fmt::print(stderr, "usage: bench_squeezenet WEIGHTS PERCENTILE PICTURE...\n"), 2;
  try {
    const NoGrad no_grad;
    SqueezeNet net, copy;
    load(net, argv[1]), load(copy, argv[1]);
    std::vector<float> ramp(3 * kSide * kSide);
    for (size_t i = 0; i < ramp.size(); ++i) ramp[i] = static_cast<float>(i % 251) - 125;
    const Tensors checks = {zeros({1, 3, kSide, kSide}),
                            from_host(ramp.data(), {1, 3, kSide, kSide}, DType::f32)};
    Tensors pictures, calibration;
    for (int i = 3; i < argc; ++i) {
      pictures.push_back(input_of(argv[i]));
      if (i % 2 == 0) calibration.push_back(pictures.back());
    }
    const quantize::QuantizedNetwork eight(
        copy, quantize::quantize(copy, calibration, {.percentile = std::atof(argv[2])}));
    auto f32 = compile([&](Tensor x) { return net(x); });
    auto int8 = compile([&](Tensor x) { return eight(x); });
    auto compare = [&](const Tensor& x) {
      const auto a = likeliest(f32(x), 5), b = likeliest(int8(x), 5);
      int shared = 0;
      for (int c : a) shared += std::count(b.begin(), b.end(), c) > 0;
      return std::tuple{a, b, shared};
    };
    for (const Tensor& x : checks) {
      const auto [a, b, shared] = compare(x);
      fmt::print("check: f32 {} {} {} {} {}, int8 {} {} {} {} {}: {} of 5 shared\n", a[0], a[1],
                 a[2], a[3], a[4], b[0], b[1], b[2], b[3], b[4], shared);
    }
    int first = 0, in_five = 0, all_shared = 0;
    for (const Tensor& x : pictures) {
      const auto [a, b, shared] = compare(x);
      first += a[0] == b[0], in_five += std::count(b.begin(), b.end(), a[0]) > 0,
          all_shared += shared;
    }
    const auto n = static_cast<double>(pictures.size());
    fmt::print(
        "{} pictures: the likeliest class is the same in {:.1f} %, among int8's five in {:.1f} %; "
        "{:.2f} of five shared\n",
        pictures.size(), 100 * first / n, 100 * in_five / n, all_shared / n);
  } catch (const std::exception& e) {
    return fmt::print(stderr, "bench_squeezenet: {}\n", e.what()), 1;
  }
}
