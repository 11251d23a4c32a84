#include "cairn/models/gan.h"

#include <algorithm>
#include <cmath>

#include "cairn/base/invalid_option.h"
#include "cairn/ops/context.h"

namespace cairn::models {
namespace {

constexpr int64_t kLeastSide = 16, kLabelFeatures = 32;

// side = narrow << steps.
struct Plan {
  int64_t narrow, steps;
  int64_t widest(const GanSize& size) const { return size.width << (steps - 1); }
};
Plan plan_of(int64_t side) {
  Plan plan{side, 0};
  while (plan.narrow >= 8 && plan.narrow % 2 == 0) plan.narrow /= 2, ++plan.steps;
  return plan;
}
bool fits(int64_t side) { return side >= kLeastSide && plan_of(side).narrow < 8; }

const GanSize& checked(const GanSize& size) {
  check_gan_image(size.side, size.side);
  check(size.channels > 0 && size.width > 0 && size.z > 0 && size.classes >= 0,
        "GAN: {} channels, width {}, noise {}, {} classes: the first three must be positive",
        size.channels, size.width, size.z, size.classes);
  return size;
}

void add_up(nn::Sequential& net, int64_t in, int64_t out, int64_t kernel, int64_t stride,
            int64_t padding) {
  net.push_back(
      nn::ConvTranspose2d(in, out, kernel, {.stride = stride, .padding = padding, .bias = false}));
  net.push_back(nn::BatchNorm2d(out));
  net.push_back(nn::ReLU());
}

void add_down(nn::Sequential& net, int64_t in, int64_t out, bool first, GanNorm norm) {
  const bool batch = norm == GanNorm::batch && !first;
  const nn::Conv2d conv(in, out, 4, {.stride = 2, .padding = 1, .bias = !batch});
  if (norm == GanNorm::spectral) net.push_back(nn::spectral_norm(conv));
  else net.push_back(conv);
  if (batch) net.push_back(nn::BatchNorm2d(out));
  net.push_back(nn::LeakyReLU(0.2));
}

void check_labels(const char* network, int64_t classes, bool given) {
  if (given)
    check(classes > 0, "{}: labels given, but it was made without classes{}", network,
          where(context().loc));
  else
    check(classes == 0, "{}: it is conditional on {} classes and wants labels{}", network, classes,
          where(context().loc));
}

// What the discriminator's last module sees of a picture.
int64_t features_of(const GanSize& size) {
  const Plan plan = plan_of(size.side);
  return plan.widest(size) * plan.narrow * plan.narrow;
}

}  // namespace

void check_gan_image(int64_t height, int64_t width) {
  if (height != width) fail("GAN: images of {}x{}: square ones are wanted", height, width);
  if (height < kLeastSide)
    fail("GAN: images of {0}x{0} are smaller than the network, which takes {1}x{1} and up", height,
         kLeastSide);
  if (fits(height)) return;
  int64_t below = height, above = height;
  while (!fits(below)) --below;
  while (!fits(above)) ++above;
  fail(
      "GAN: images of {0}x{0}: the nearest sides that halve evenly down to 4 ... 7 are {1} and {2}",
      height, below, above);
}

GanNorm gan_norm_from_name(const std::string& name) {
  const std::vector<std::string> names = {"none", "batch", "spectral"};  // in the enum's order
  const auto it = std::find(names.begin(), names.end(), name);
  if (it == names.end()) throw InvalidOption("norm", no_such_name(name, names));
  return static_cast<GanNorm>(it - names.begin());
}

Generator::Generator(const GanSize& wanted)
    : size(checked(wanted)),
      label(size.classes > 0
                ? std::optional(child("label", nn::Embedding(size.classes, kLabelFeatures)))
                : std::nullopt) {
  const Plan plan = plan_of(size.side);
  const int64_t in = size.z + (label ? kLabelFeatures : 0);
  int64_t channels = plan.widest(size);
  add_up(net, in, channels, plan.narrow, 1, 0);
  for (; channels > size.width; channels /= 2) add_up(net, channels, channels / 2, 4, 2, 1);
  net.push_back(nn::ConvTranspose2d(channels, size.channels, 4, {.stride = 2, .padding = 1}));
  net.push_back(nn::Tanh());
}

Tensor Generator::forward(Tensor z) {
  check_labels("Generator", size.classes, false);
  return net(reshape(z, {z.size(0), z.size(1), 1, 1}));
}
Tensor Generator::forward(Tensor z, Tensor labels) {
  check_labels("Generator", size.classes, true);
  const Tensor both = cat({z, (*label)(labels)}, 1);
  return net(reshape(both, {both.size(0), both.size(1), 1, 1}));
}

Discriminator::Discriminator(const GanSize& wanted, GanNorm norm)
    : size(checked(wanted)),
      label(size.classes > 0
                ? std::optional(child("label", nn::Embedding(size.classes, features_of(size))))
                : std::nullopt) {
  const Plan plan = plan_of(size.side);
  if (label) assign(label->weight, nn::init::normal(label->weight.shape(), 0, 0.02));
  add_down(net, size.channels, size.width, true, norm);
  for (int64_t step = 1; step < plan.steps; ++step)
    add_down(net, size.width << (step - 1), size.width << step, false, norm);
  const nn::Conv2d score(plan.widest(size), 1, plan.narrow);
  if (norm == GanNorm::spectral) net.push_back(nn::spectral_norm(score));
  else net.push_back(score);
}

Tensor Discriminator::forward(Tensor x) {
  check_labels("Discriminator", size.classes, false);
  return flatten(net(x), 0);
}
Tensor Discriminator::forward(Tensor x, Tensor labels) {
  check_labels("Discriminator", size.classes, true);
  for (size_t i = 0; i + 1 < net.size(); ++i) x = net[i](x);
  const Tensor score = flatten(net[net.size() - 1](x), 0);
  return score + sum(flatten(x, 1) * (*label)(labels), {1});
}

void init_dcgan(const nn::Module& network) {
  constexpr double kDeviation = 0.02;
  for (const auto& [name, p] : network.named_parameters()) {
    if (name.ends_with("bias")) assign(p, zeros(p.shape()));
    else if (p.rank() == 4) assign(p, nn::init::normal(p.shape(), 0, kDeviation));
    else if (p.rank() == 1) assign(p, nn::init::normal(p.shape(), 1, kDeviation));
  }
}

}  // namespace cairn::models
