// Style transfer: what sees styles, the network that paints, tiles without seams, colours kept.
#include "cairn/models/style.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "cairn/base/parallel.h"
#include "cairn/io/tensors.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "tests/io/temporary_folder.h"

namespace cairn::models {
namespace {

// Waves of colours that no two places share.
io::Image waves(int width, int height, double speed = 0.21) {
  io::Image image(width, height, 3);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c = 0; c < 3; ++c)
        image.at(x, y)[c] = static_cast<uint8_t>(127 + 80 * std::sin(speed * (x + c * y)) +
                                                 40 * std::cos(0.05 * (y - c * x)));
  return image;
}

double largest_difference(const Tensor& a, const Tensor& b) { return amax(abs(a - b)).item(); }

TEST(Style, APictureIsItsTensor) {
  const io::Image image = waves(9, 5);
  EXPECT_EQ(picture_of_tensor(tensor_of_picture(image)).pixels, image.pixels);
}

TEST(Style, TheGramOfMapsIsTheMeanOfTheirProducts) {
  const Tensor maps = reshape(tensor({1, 2, 3, 4}), {1, 2, 1, 2});
  const auto g = gram(maps).to_vector<float>();  // (1*1 + 2*2) / 4, (1*3 + 2*4) / 4, ...
  EXPECT_EQ(g, (std::vector<float>{1.25, 2.75, 2.75, 6.25}));
}

// Raw numbers in the network's order, and the same as a state dict: the same maps.
TEST(Style, WeightsAreReadAsNumbersAndByName) {
  const TemporaryFolder folder;
  manual_seed(3);
  const SqueezeNet net;
  io::ByteVector raw;
  for (const auto& [name, p] : net.named_parameters())
    for (const float v : p.to_vector<float>()) io::append_little(raw, std::bit_cast<uint32_t>(v));
  const std::string numbers = folder / "net.f32", named = folder / "net.safetensors";
  io::write_file_atomically(numbers, io::Bytes(raw));
  io::save_tensors(named, net.state_dict());
  const Tensor x = tensor_of_picture(waves(40, 36));
  const NoGrad no_grad;
  const auto a = StyleEyes(numbers).look(x), b = StyleEyes(named).look(x);
  ASSERT_EQ(a.style.size(), 4u);
  EXPECT_EQ(largest_difference(a.content, b.content), 0);
  EXPECT_GT(largest_difference(a.content, StyleEyes().look(x).content), 0);
  // Blue first, of 255, less the means of Caffe's pictures.
  const Tensor by_hand = flip(x, {1}) * 255 - reshape(tensor({104, 117, 123}), {1, 3, 1, 1});
  EXPECT_LT(largest_difference(relu(net.first(by_hand)), a.style[0]),
            1e-4 * amax(a.style[0]).item());
  raw.pop_back();
  io::write_file_atomically(numbers, io::Bytes(raw));
  try {
    StyleEyes eyes(numbers);
    FAIL();
  } catch (const Error& e) { EXPECT_NE(std::string(e.what()).find("net.f32"), std::string::npos); }
}

TEST(Style, APaintedPictureComesNearerToTheStyle) {
  set_num_threads(1);
  const StyleEyes eyes;
  const Tensor content = tensor_of_picture(waves(48, 40)),
               style = tensor_of_picture(waves(40, 40, 0.9));
  double first = 0, last = 0, content_lost = 0;
  const Tensor made = paint(eyes, content, style,
                            {.steps = 30, .see = [&](int64_t step, double lost, double of_style) {
                               (step == 1 ? first : last) = of_style, content_lost = lost;
                             }});
  EXPECT_LT(last, 0.5 * first);
  EXPECT_LT(content_lost, 1);
  EXPECT_EQ(made.shape(), content.shape());
  EXPECT_GE(amin(made).item(), 0);
  EXPECT_LE(amax(made).item(), 1);
}

// What a network makes with a picture's own statistics is what it makes at once; and of a part with
// enough around it the same as of the whole.
TEST(Style, TilesHaveNoSeams) {
  set_num_threads(1);
  manual_seed(5);
  const NoGrad no_grad;
  const Styler net(2, 1);
  const int64_t reach = net.reach();
  const Tensor x = tensor_of_picture(waves(160, 96));
  const Tensors statistics = net.statistics(x);
  const Tensor whole = net(x);
  EXPECT_EQ(largest_difference(whole, net.with_statistics(x, statistics)), 0);
  const Tensor part = net.with_statistics(contiguous(slice(x, 3, 32, 128)), statistics);
  const Tensor inside = slice(part, 3, reach, 128 - reach),  // the right border is the picture's
      wanted = slice(whole, 3, 32 + reach, 128 - reach);
  EXPECT_LT(largest_difference(inside, wanted), 1e-5);
  // And what depends on a border that is not there differs: the margin is needed.
  EXPECT_GT(largest_difference(slice(part, 3, 0, 4), slice(whole, 3, 32, 4)), 1e-5);
}

TEST(Style, AnySizeIsPainted) {
  set_num_threads(1);
  manual_seed(5);
  const Styler net(2, 1);
  for (const auto& [width, height] : {std::pair{16, 16}, {37, 22}, {5, 70}}) {
    const io::Image made = styled(net, waves(width, height));
    EXPECT_EQ(made.width, width);
    EXPECT_EQ(made.height, height);
  }
  // One after another, of this size and that: as each alone.
  StyledPictures several(net);
  for (const auto& [width, height] : {std::pair{24, 20}, {24, 20}, {20, 24}, {24, 20}})
    EXPECT_EQ(several(waves(width, height)).pixels, styled(net, waves(width, height)).pixels);
  // In tiles, by statistics of the picture made smaller: nearly what it is at once.
  const io::Image large = waves(760, 700, 0.02);
  const io::Image at_once = styled(net, large), tiled = styled(net, large, 1 << 18);
  double sum = 0;
  for (size_t i = 0; i < at_once.pixels.size(); ++i)
    sum += std::abs(int(at_once.pixels[i]) - int(tiled.pixels[i]));
  EXPECT_LT(sum / static_cast<double>(at_once.pixels.size()), 6);
  // The second tile begins at column 168 and is used from 208 on, its margin left out: the step to
  // there is none that its neighbours have not.
  const auto step_to = [&](int x) {
    double steps = 0;
    for (int y = 0; y < large.height; ++y)
      steps += std::abs(int(tiled.at(x, y)[0]) - int(tiled.at(x - 1, y)[0]));
    return steps;
  };
  const int border =
      760 - (512 + 2 * static_cast<int>(net.reach())) + static_cast<int>(net.reach());
  EXPECT_EQ(border, 208);
  EXPECT_LE(step_to(border),
            1.2 * std::max({step_to(border - 2), step_to(border - 1), step_to(border + 1)}) + 10);
}

TEST(Style, ColoursAreKeptAndOnlyLightChanges) {
  const io::Image light = waves(20, 20, 0.7), colours = waves(20, 20);
  const io::Image grey = io::with_channels(io::with_channels(light, 1), 3);
  const io::Image made = with_colours_of(grey, grey);
  EXPECT_EQ(made.pixels, grey.pixels) << "greys have no colour";
  const io::Image mixed = with_colours_of(light, colours);
  int inside = 0;
  for (size_t i = 0; i < mixed.pixels.size(); i += 3) {
    const uint8_t *m = &mixed.pixels[i], *l = &light.pixels[i], *c = &colours.pixels[i];
    if (*std::min_element(m, m + 3) == 0 || *std::max_element(m, m + 3) == 255) continue;
    ++inside;
    EXPECT_NEAR(m[0] - m[2], c[0] - c[2], 2);
    EXPECT_NEAR(0.299 * m[0] + 0.587 * m[1] + 0.114 * m[2],
                0.299 * l[0] + 0.587 * l[1] + 0.114 * l[2], 1);
  }
  EXPECT_GT(inside, 200);
  EXPECT_THROW(with_colours_of(light, waves(19, 20)), Error);
}

}  // namespace
}  // namespace cairn::models
