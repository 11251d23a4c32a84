// Models of how probable pictures are: what each pixel may see, sums to one, and drawing that
// agrees with measuring.
#include "cairn/models/density.h"

#include <gtest/gtest.h>

#include <cmath>

#include "cairn/base/error.h"
#include "cairn/base/philox.h"
#include "cairn/models/diffusion.h"
#include "cairn/models/pixelcnn.h"
#include "cairn/models/vae.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "tests/io/temporary_folder.h"

namespace cairn::models {
namespace {

class Densities : public testing::Test {
 protected:
  void SetUp() override { manual_seed(7); }
};

DensitySize small(data::ImageShape shape, int64_t classes = 0) {
  return {.shape = shape, .width = 8, .blocks = 3, .z = 4, .classes = classes};
}
Tensor labels_of(std::vector<int64_t> labels) {
  return from_host(labels.data(), {static_cast<int64_t>(labels.size())}, DType::i64);
}
// -1 and 1.
Tensor black_or_white(const Shape& shape) { return cast(gt(rand(shape), 0.5), DType::f32) * 2 - 1; }

TEST_F(Densities, APixelOfAPixelCnnSeesWhatIsBeforeItAndNothingElse) {
  const NoGrad no_grad;
  const PixelCnn net(small({1, 6, 5}));
  const Tensor x = black_or_white({1, 1, 6, 5});
  const auto whole = net.log_odds(x, {}).to_vector<float>();
  for (int64_t changed = 0; changed < 30; ++changed) {
    auto values = x.to_vector<float>();
    values[static_cast<size_t>(changed)] *= -1;
    const auto seen =
        net.log_odds(from_host(values.data(), {1, 1, 6, 5}, DType::f32), {}).to_vector<float>();
    int64_t differ = 0;
    for (int64_t i = 0; i < 30; ++i) {
      const bool same = seen[static_cast<size_t>(i)] == whole[static_cast<size_t>(i)];
      EXPECT_TRUE(same || i > changed) << "pixel " << i << " sees " << changed;
      differ += !same;
    }
    // Three layers reach to every place after it in so small a picture, but for one diagonal
    // corner.
    EXPECT_GE(differ, (29 - changed) / 2) << changed;
  }
}

TEST_F(Densities, ProbabilitiesOfAllPicturesOfAPixelCnnSumToOne) {
  const NoGrad no_grad;
  PixelCnn net(small({1, 3, 3}, 2));
  constexpr int64_t kAll = 512;
  std::vector<float> values;
  for (int64_t i = 0; i < kAll; ++i)
    for (int64_t bit = 0; bit < 9; ++bit) values.push_back(i >> bit & 1 ? 1.0f : -1.0f);
  const Tensor x = from_host(values.data(), {kAll, 1, 3, 3}, DType::f32);
  for (const int64_t label : {0, 1}) {
    const Tensor nats = net.nats(x, full({kAll}, static_cast<double>(label), DType::i64),
                                 chance_rows(1, 0, kAll, net.chance(1)));
    EXPECT_NEAR(sum(exp(-nats)).item(), 1, 1e-4);
  }
}

// Each pixel that was drawn lies on the side of its probability on which its number is.
TEST_F(Densities, APixelCnnDrawsWhatItMeasures) {
  const NoGrad no_grad;
  const PixelCnn net(small({1, 7, 6}, 3));
  const Tensor noise = noise_rows(3, 0, 4, net.noise());
  const std::vector<int64_t> labels = {0, 1, 2, 1};
  const data::Pictures drawn = net.painter({}).draw(noise, labels);
  std::vector<float> x;
  for (const uint8_t value : drawn.pixels) x.push_back(value == 255 ? 1.0f : -1.0f);
  const auto odds = net.log_odds(from_host(x.data(), {4, 1, 7, 6}, DType::f32), labels_of(labels))
                        .to_vector<float>();
  const auto normal = noise.to_vector<float>();
  int white = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    const double chance = 0.5 * std::erfc(-normal[i] * std::sqrt(0.5)),
                 p = 1 / (1 + std::exp(-odds[i]));
    EXPECT_TRUE((x[i] > 0) == (chance < p) || std::abs(chance - p) < 1e-4) << i;
    white += x[i] > 0;
  }
  EXPECT_TRUE(white > 20 && white < 148) << white;
}

TEST_F(Densities, AVaeWithoutWeightsIsACoinAPixel) {
  const NoGrad no_grad;
  Vae net(small({1, 4, 4}));
  for (const auto& [name, weight] : net.named_parameters()) assign(weight, zeros(weight.shape()));
  for (const int64_t samples : {1, 5}) {
    const Chance chance = chance_rows(1, 0, 6, net.chance(samples));
    for (const float nats :
         net.nats(randn({6, 1, 4, 4}) * 0.2, labels_of({0, 0, 0, 0, 0, 0}), chance)
             .to_vector<float>())
      EXPECT_NEAR(nats, 16 * std::log(2.0), 1e-4);
  }
}

// The probability of a picture is the mean of p(x | z) over z; the bound comes near it with
// samples.
TEST_F(Densities, TheBoundOfAVaeNearsTheProbabilityFromAbove) {
  const NoGrad no_grad;
  Vae net({.shape = {1, 2, 2}, .width = 8, .z = 1});
  for (const auto& [name, weight] : net.named_parameters()) assign(weight, weight * 3);
  const Tensor x = reshape(tensor({1, -1, 1, 1}), {1, 1, 2, 2});
  constexpr int kGrid = 4000;
  std::vector<float> z;
  for (int i = 0; i < kGrid; ++i) z.push_back(-8 + 16 * (static_cast<float>(i) + 0.5f) / kGrid);
  const Tensor points = from_host(z.data(), {kGrid, 1}, DType::f32);
  const Tensor seen = reshape(tensor({1, 0, 1, 1}), {1, 4});
  const Tensor logits = net.decoder(points);
  const Tensor log_p = sum(logits * seen - softplus(logits), {1}) - square(flatten(points)) * 0.5;
  const double exact = -std::log(sum(exp(log_p)).item() * 16 / kGrid / std::sqrt(2 * M_PI));
  const auto bound = [&](int64_t samples) {
    constexpr int64_t kTimes = 400;
    const Tensor many = expand(x, {kTimes, 1, 2, 2});
    return mean(net.nats(contiguous(many), zeros({kTimes}, DType::i64),
                         chance_rows(2, 0, kTimes, net.chance(samples))))
        .item();
  };
  EXPECT_GT(bound(1), exact);
  EXPECT_LT(bound(50) - exact, (bound(1) - exact) / 4);
  EXPECT_NEAR(bound(2000), exact, 3e-3);  // the draws are not rounded alike by every compiler
}

TEST_F(Densities, NoiseComesSlowlyAndIsAllAtTheEnd) {
  const std::vector<float> times = {0, 0.001f, 0.25f, 0.5f, 0.75f, 1};
  const NoiseLevel level = noise_level(tensor(times, {6}));
  const auto signal = level.signal.to_vector<float>(), noise = level.noise.to_vector<float>();
  for (size_t i = 0; i < times.size(); ++i) {
    EXPECT_NEAR(signal[i] * signal[i] + noise[i] * noise[i], 1, 1e-6);
    EXPECT_TRUE(i == 0 || noise[i] > noise[i - 1]);
  }
  EXPECT_EQ(noise[0], 0);
  EXPECT_NEAR(signal.back(), 0, 1e-6);
  // Nichol and Dhariwal's cosine, in double.
  const auto f = [](double t) { return std::pow(std::cos((t + 0.008) / 1.008 * M_PI / 2), 2); };
  for (size_t i = 0; i < times.size(); ++i)
    EXPECT_NEAR(noise[i] * noise[i], 1 - f(times[i]) / f(0), 2e-6) << times[i];
  EXPECT_NEAR(noise[1] * noise[1] / (1 - f(0.001f) / f(0)), 1, 1e-4);
}

// A network that says nothing about noise sees in a picture only the picture's share of it.
TEST_F(Densities, ADiffusionThatKnowsNothingPaysForEveryPixel) {
  const NoGrad no_grad;
  Diffusion net(small({1, 8, 8}, 2));
  constexpr int64_t kPictures = 200;
  const Tensor x = randn({kPictures, 1, 8, 8}) * 0.3, labels = zeros({kPictures}, DType::i64);
  const Chance chance = chance_rows(1, 0, kPictures, net.chance(1));
  const double nats = mean(net.nats(x, labels, chance)).item();
  EXPECT_GT(nats / 64, std::log(256.0) / 4);
  EXPECT_TRUE(std::isfinite(nats));
  // v is 0 at first: the error is the mean square of what it should be.
  const double error = mean(net.objective(x, labels, chance)).item();
  EXPECT_GT(error, 0.09);
  EXPECT_LT(error, 1.2);
}

// The bound that is drawn at random times against the sum over all thousand, in double, of a
// network that says nothing yet (its last layer begins as zeros).
TEST_F(Densities, TheBoundOfADiffusionIsTheSumOverItsSteps) {
  const NoGrad no_grad;
  Diffusion net(small({1, 8, 8}));
  std::vector<float> x;
  PhiloxStream random(11);
  for (int i = 0; i < 64; ++i) x.push_back(static_cast<float>(random.below(256)) / 127.5f - 1);
  const auto squared = [](double t) {  // of the noise
    const auto f = [](double at) { return std::pow(std::cos((at + 0.008) / 1.008 * M_PI / 2), 2); };
    return 1 - f(t) / f(0);
  };
  const auto guess = [&](double value, double noise) {  // v is 0
    const double signal = std::sqrt(1 - noise);
    return std::clamp(signal * (signal * value + std::sqrt(noise) * random.normal()), -1.0, 1.0);
  };
  constexpr int kDraws = 40;
  double exact = 0;
  for (int i = 2; i <= 1000; ++i) {
    const double now = squared(i / 1000.0), before = squared((i - 1) / 1000.0);
    double error = 0;
    for (int draw = 0; draw < kDraws; ++draw)
      for (const float value : x) error += std::pow(value - guess(value, now), 2) / kDraws;
    exact += 0.5 * ((1 - before) / before - (1 - now) / now) * error;
  }
  const double one = squared(0.001), two = squared(0.002);
  const double deviation = std::sqrt(one / two * (1 - (1 - two) / (1 - one)));
  const auto below = [&](double edge, double mean) {
    return 0.5 * std::erfc((mean - edge) / deviation / std::sqrt(2.0));
  };
  for (int draw = 0; draw < kDraws; ++draw)
    for (const float value : x) {
      const double mean = guess(value, one);
      const double part = (value > 0.999 ? 1 : below(value + 1 / 255.0, mean)) -
                          (value < -0.999 ? 0 : below(value - 1 / 255.0, mean));
      exact -= std::log(std::max(part, 1e-12)) / kDraws;
    }
  constexpr int64_t kPictures = 4000;
  const Tensor many =
      contiguous(expand(from_host(x.data(), {1, 1, 8, 8}, DType::f32), {kPictures, 1, 8, 8}));
  const double drawn = mean(net.nats(many, zeros({kPictures}, DType::i64),
                                     chance_rows(5, 0, kPictures, net.chance(1))))
                           .item();
  EXPECT_NEAR(drawn / exact, 1, 0.04);
}

TEST_F(Densities, DrawsTheSameFromTheSameNoiseAndWhatLabelsAskFor) {
  const NoGrad no_grad;
  for (const std::string& name : density_names()) {
    SCOPED_TRACE(name);
    const auto net = make_density(name, small({1, 9, 8}, 2));
    net->eval();
    for (const auto& [weight, value] : net->named_parameters())
      assign(value, value + randn(value.shape()) * 0.2);  // what begins as zero says something
    const Painter painter = net->painter({.steps = 3, .guidance = 1.5});
    const auto a = painter.draw(5, 0, {0, 0, 1}), b = painter.draw(5, 1, {0, 1}),
               other = painter.draw(5, 0, {1, 1, 0}),
               plain = net->painter({.steps = 3}).draw(5, 0, {0, 0, 1});
    EXPECT_EQ(a.count(), 3);
    EXPECT_TRUE(std::equal(b.pixels.begin(), b.pixels.end(), a.pixels.begin() + 72));
    EXPECT_NE(a.pixels, other.pixels);
    EXPECT_EQ(a.pixels == plain.pixels, name != "diffusion");  // whom alone guidance concerns
    // The network alone is a function of its ports.
    Tensors in;
    for (const Port& port : net->takes()) in.push_back(zeros(sizes_of(port, 2, 0), port.dtype));
    EXPECT_EQ(net->respond(in).size(0), 2);
  }
}

TEST_F(Densities, ChanceIsAFunctionOfSeedAndNumber) {
  const Chance all = chance_rows(3, 0, 5, {4, 2}), last = chance_rows(3, 3, 2, {4, 2});
  EXPECT_EQ(slice(all.uniform, 0, 3, 2).to_vector<float>(), last.uniform.to_vector<float>());
  EXPECT_EQ(slice(all.normal, 0, 3, 2).to_vector<float>(), last.normal.to_vector<float>());
  EXPECT_NE(chance_rows(4, 0, 5, {4, 2}).uniform.to_vector<float>(),
            all.uniform.to_vector<float>());
}

TEST_F(Densities, PicturesThatAModelDoesNotTake) {
  EXPECT_NE(error_of([] {
              make_density("pixelcnn", small({3, 8, 8}));
            }).find("grey"),
            std::string::npos);
  EXPECT_NE(error_of([] {
              make_density("diffusion", small({1, 7, 8}));
            }).find("8x8"),
            std::string::npos);
  EXPECT_NE(error_of([] { make_density("vea", small({1, 8, 8})); }).find("vea"), std::string::npos);
}

}  // namespace
}  // namespace cairn::models
