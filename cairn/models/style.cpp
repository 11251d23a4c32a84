#include "cairn/models/style.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "cairn/compile/compile.h"
#include "cairn/data/files.h"
#include "cairn/io/gzip.h"
#include "cairn/io/utf8.h"
#include "cairn/io/weight_files.h"
#include "cairn/nn/init.h"
#include "cairn/ops/context.h"
#include "cairn/optim/optim.h"
#include "cairn/train/saved_model.h"

namespace cairn::models {
namespace {

constexpr float kCaffeMean[] = {104.f / 255, 117.f / 255, 123.f / 255};
constexpr int64_t kTile = 512;

// Weights of the features never change.
void freeze_all(const nn::Module& net) {
  for (const auto& [name, p] : net.named_parameters()) Tensor(p).set_requires_grad(false);
}

// Raw numbers, one convolution after the other, weight before bias: the order of its parameters.
bool take_raw(const nn::Module& net, io::Bytes bytes) {
  int64_t wanted = 0;
  for (const auto& [name, p] : net.named_parameters()) wanted += p.numel();
  if (bytes.size() != static_cast<size_t>(wanted) * sizeof(float)) return false;
  size_t at = 0;
  for (const auto& [name, p] : net.named_parameters()) {
    std::vector<float> values(static_cast<size_t>(p.numel()));
    std::memcpy(values.data(), bytes.data() + at, values.size() * sizeof(float));
    at += values.size() * sizeof(float);
    assign(p, from_host(values.data(), p.shape(), DType::f32));
  }
  return true;
}

Tensor ratio_of(const Tensor& difference, const Tensor& wanted) {
  return mean(square(difference)) / (mean(square(wanted)) + 1e-8);
}

Tensor squared_steps(const Tensor& x, int64_t axis) {
  const int64_t n = x.size(static_cast<int>(axis)) - 1;
  return mean(square(slice(x, axis, 1, n) - slice(x, axis, 0, n)));
}

}  // namespace

Tensor tensor_of_picture(const io::Image& given) {
  const io::Image image = io::with_channels(given, 3);
  const size_t plane = static_cast<size_t>(image.width) * static_cast<size_t>(image.height);
  std::vector<float> values(3 * plane);
  for (size_t i = 0; i < plane; ++i)
    for (size_t c = 0; c < 3; ++c)
      values[c * plane + i] = static_cast<float>(image.pixels[3 * i + c]) / 255;
  return from_host(values.data(), {1, 3, image.height, image.width}, DType::f32);
}

io::Image picture_of_tensor(const Tensor& pictures, int64_t at) {
  const auto values = contiguous(select(pictures, 0, at)).to_vector<float>();
  io::Image image(static_cast<int>(pictures.size(3)), static_cast<int>(pictures.size(2)), 3);
  const size_t plane = values.size() / 3;
  for (size_t i = 0; i < plane; ++i)
    for (size_t c = 0; c < 3; ++c)
      image.pixels[3 * i + c] =
          static_cast<uint8_t>(std::lround(std::clamp(values[c * plane + i], 0.f, 1.f) * 255));
  return image;
}

StyleEyes::StyleEyes() : mean_(kCaffeMean, kCaffeMean + 3), deviation_(3, 0.25f) {
  constexpr uint64_t kSeed = 0x5354594c45;
  manual_seed(kSeed);
  for (const auto& [name, p] : net_.named_parameters())
    assign(p, p.rank() == 4 ? nn::init::kaiming_normal(p.shape()) : zeros(p.shape()));
  freeze_all(net_);
}

StyleEyes::StyleEyes(const std::string& file)
    : mean_(kCaffeMean, kCaffeMean + 3), deviation_(3, 1.f / 255) {
  if (train::RunFolder::holds_run(file)) read_run(file);
  else if (io::is_weights_name(file)) net_.load_state_dict(train::read_weights(file), true);
  else
    check(take_raw(net_, io::read_maybe_gzip(file)),
          "'{}' is not SqueezeNet's weights: wanted are {} numbers (f32, also .gz), a state dict "
          "(.safetensors, .pt), or a run of image-classification --model squeezenet",
          io::printable(file), net_.num_parameters());
  freeze_all(net_);
}

// A classifier of other pictures: its last layer, which is not used, may have any classes.
void StyleEyes::read_run(const std::string& run) {
  const train::SavedModel saved = train::open_saved_model(run, "image-classification");
  check(saved.config.value("model", "") == "squeezenet" && saved.config["mean"].size() == 3 &&
            saved.config["deviation"].size() == 3,
        "'{}' is no SqueezeNet of pictures in colour; train one with image-classification --model "
        "squeezenet, or give its published weights",
        io::printable(run));
  NamedTensors weights = train::read_weights(saved.weights);
  std::erase_if(weights, [](const auto& w) { return w.first.starts_with("conv_final."); });
  net_.load_state_dict(weights, false);
  blue_first_ = false;
  mean_ = saved.config["mean"].get<std::vector<float>>();
  deviation_ = saved.config["deviation"].get<std::vector<float>>();
}

StyleEyes::Maps StyleEyes::look(const Tensor& pictures) const {
  const Tensor shown = blue_first_ ? flip(pictures, {1}) : pictures;
  std::vector<float> scale;
  for (const float d : deviation_) scale.push_back(1 / d);
  const Tensor x = (shown - tensor(mean_, {1, 3, 1, 1})) * tensor(scale, {1, 3, 1, 1});
  Maps maps;
  Tensor y = relu(net_.first(x));
  maps.style.push_back(y);
  y = net_.f3(net_.f2(avg_pool2d(y, 3, 2)));
  maps.style.push_back(y);
  maps.content = net_.f4(y);
  y = net_.f5(avg_pool2d(maps.content, 3, 2));
  maps.style.push_back(y);
  maps.style.push_back(net_.f6(y));
  return maps;
}

Tensor gram(const Tensor& maps) {
  const Tensor rows = flatten(maps, 2);
  const auto count = static_cast<double>(rows.size(1) * rows.size(2));
  return matmul(rows, transpose(rows, 1, 2)) * (1 / count);
}

StyleTarget::StyleTarget(const StyleEyes& eyes, const Tensor& style) {
  const NoGrad no_grad;
  for (const Tensor& maps : eyes.look(style).style) grams.push_back(gram(maps));
}

StyleLoss style_loss(const StyleEyes& eyes, const StyleTarget& target, const Tensor& pictures,
                     const Tensor& content_maps) {
  const StyleEyes::Maps seen = eyes.look(pictures);
  StyleLoss loss;
  loss.content = ratio_of(seen.content - content_maps, content_maps);
  for (size_t i = 0; i < target.grams.size(); ++i) {
    const Tensor part = ratio_of(gram(seen.style[i]) - target.grams[i], target.grams[i]);
    loss.style = i == 0 ? part : loss.style + part;
  }
  loss.style = loss.style * (1.0 / static_cast<double>(target.grams.size()));
  loss.roughness = squared_steps(pictures, 2) + squared_steps(pictures, 3);
  return loss;
}

Tensor paint(const StyleEyes& eyes, const Tensor& content, const Tensor& style,
             const PaintOptions& o) {
  const int64_t height = content.size(2), width = content.size(3);
  Tensor canvas = content;
  int64_t done = 0;
  const auto go_on = [&](const Tensor& shown, const Tensor& in_style, int64_t steps) {
    const StyleTarget target(eyes, in_style);
    const Tensor wanted = [&] {
      const NoGrad no_grad;
      return eyes.look(shown).content;
    }();
    const Tensor picture = parameter(canvas);
    optim::Adam adam({picture}, {.lr = o.lr});
    optim::Scheduler schedule(adam, optim::cosine(steps), 0);
    auto step = compile([&](Tensor maps) {
      const StyleLoss loss = style_loss(eyes, target, picture, maps);
      adam.step(check_finite(loss.content * o.content + loss.style * o.style +
                             loss.roughness * o.smooth));
      assign(picture, clamp(picture, 0, 1).detach());
      return std::pair{loss.content.detach(), loss.style.detach()};
    });
    for (int64_t i = 0; i < steps; ++i) {
      const auto [content_loss, of_style] = step(wanted);
      schedule.step();
      if (o.see) o.see(++done, content_loss.item(), of_style.item());
    }
    canvas = picture.detach();
  };
  const auto resized = [](const Tensor& x, int64_t to_height, int64_t to_width) {
    return interpolate(
        x, {.size = {to_height, to_width}, .mode = Interpolation::linear, .antialias = true});
  };
  const int64_t coarse = std::min(height, width) >= 128 ? o.steps / 3 : 0;
  if (coarse > 0) {
    canvas = resized(content, height / 2, width / 2);
    const bool large = std::min(style.size(2), style.size(3)) >= 64;
    go_on(canvas, large ? resized(style, style.size(2) / 2, style.size(3) / 2) : style, coarse);
    canvas = resized(canvas, height, width);
  }
  go_on(content, style, o.steps - coarse);
  return canvas;
}

StyledConv::StyledConv(int64_t in, int64_t out, int64_t kernel, int64_t stride, bool normed)
    : conv(child("conv", nn::Conv2d(in, out, kernel, {.stride = stride, .bias = !normed}))),
      border(kernel / 2) {
  if (!normed) return;
  weight = param("weight", ones({1, out, 1, 1}));
  bias = param("bias", zeros({1, out, 1, 1}));
}
Tensor StyledConv::run(const Tensor& x, const Tensor* given, Tensors* taken) const {
  const Tensor y = conv(pad(x, {border, border, border, border}, PadMode::reflect));
  if (!weight.defined()) return y;
  const Tensor middle = given ? given[0] : mean(y, {2, 3}, true);
  const Tensor scale = given ? given[1] : rsqrt(var(y, {2, 3}, 0, true) + 1e-5);
  if (taken) taken->insert(taken->end(), {middle, scale});
  return (y - middle) * (scale * weight) + bias;
}

Styler::Styler(int64_t width, int64_t blocks)
    : down(child("down", nn::ModuleList<StyledConv>())),
      inner(child("inner", nn::ModuleList<StyledConv>())),
      up(child("up", nn::ModuleList<StyledConv>())),
      blocks_(blocks) {
  down.push_back(StyledConv(3, width, 9, 1));
  down.push_back(StyledConv(width, 2 * width, 3, 2));
  down.push_back(StyledConv(2 * width, 4 * width, 3, 2));
  for (int64_t i = 0; i < 2 * blocks; ++i) inner.push_back(StyledConv(4 * width, 4 * width, 3, 1));
  up.push_back(StyledConv(4 * width, 2 * width, 3, 1));
  up.push_back(StyledConv(2 * width, width, 3, 1));
  up.push_back(StyledConv(width, 3, 9, 1, false));
}

Tensor Styler::run(const Tensor& pictures, const Tensors& given, Tensors* taken) const {
  size_t at = 0;
  const auto through = [&](const StyledConv& layer, const Tensor& x) {
    const Tensor* own = given.empty() ? nullptr : &given[std::min(at, given.size() - 2)];
    at += 2;
    return layer.run(x, own, taken);
  };
  Tensor x = pictures - 0.5;
  for (size_t i = 0; i < down.size(); ++i) x = relu(through(down[i], x));
  for (size_t i = 0; i < inner.size(); i += 2)
    x = x + through(inner[i + 1], relu(through(inner[i], x)));
  for (size_t i = 0; i < up.size(); ++i) {
    if (i + 1 < up.size()) x = interpolate(x, {.scale = {2}});
    x = through(up[i], x);
    if (i + 1 < up.size()) x = relu(x);
  }
  return sigmoid(x);
}

Tensors Styler::statistics(const Tensor& x) const {
  Tensors taken;
  run(x, {}, &taken);
  return taken;
}

namespace {

// Sides become multiples of 4, at least 16, by repeating the last row and column.
Tensor filled_up(const Tensor& x) {
  const auto more = [](int64_t side) { return std::max<int64_t>(16, (side + 3) / 4 * 4) - side; };
  return pad(x, {0, more(x.size(3)), 0, more(x.size(2))}, PadMode::replicate);
}

// Where tiles begin, so that each of `side` pixels has `margin` around its own.
std::vector<int64_t> tile_starts(int64_t size, int64_t side, int64_t margin) {
  std::vector<int64_t> starts = {0};
  while (starts.back() + side < size)
    starts.push_back(std::min(starts.back() + side - 2 * margin, size - side));
  return starts;
}

// The result of every tile but its margins (at the picture's borders there are none).
void add_tile(const Tensor& made, int64_t top, int64_t left, int64_t margin, io::Image& out) {
  const io::Image tile = picture_of_tensor(made);
  const auto first = [&](int64_t start) { return start == 0 ? 0 : margin; };
  for (int64_t y = first(top); y < tile.height && top + y < out.height; ++y)
    for (int64_t x = first(left); x < tile.width && left + x < out.width; ++x)
      std::copy_n(tile.at(static_cast<int>(x), static_cast<int>(y)), 3,
                  out.at(static_cast<int>(left + x), static_cast<int>(top + y)));
}

}  // namespace

// Memory is for pictures of one size at a time.
void StyledPictures::begin(int width, int height) {
  if (width == width_ && height == height_) return;
  width_ = width, height_ = height;
  at_once_.emplace([this](std::span<const Tensor> in) -> Tensors { return {net_(in[0])}; });
  of_tile_.emplace([this](std::span<const Tensor> tile) -> Tensors {
    return {net_.with_statistics(tile.back(), Tensors(tile.begin(), tile.end() - 1))};
  });
}

io::Image StyledPictures::operator()(const io::Image& picture) {
  const NoGrad no_grad;
  begin(picture.width, picture.height);
  io::Image out(picture.width, picture.height, 3);
  const Tensor x = filled_up(tensor_of_picture(picture));
  if (int64_t{picture.width} * picture.height <= whole_) {
    add_tile(at_once_->call({&x, 1})[0], 0, 0, 0, out);
    return out;
  }
  const double smaller =
      std::sqrt(static_cast<double>(whole_) / (double(picture.width) * picture.height));
  const auto side = [&](int own) { return std::max(16, static_cast<int>(own * smaller)); };
  statistics_ = net_.statistics(
      filled_up(tensor_of_picture(io::resize(picture, side(picture.width), side(picture.height)))));
  paint_in_tiles(x, out);
  return out;
}

void StyledPictures::paint_in_tiles(const Tensor& x, io::Image& out) {
  const int64_t margin = net_.reach(), tile = kTile + 2 * margin;
  const int64_t high = std::min(tile, x.size(2)), wide = std::min(tile, x.size(3));
  Tensors in = statistics_;
  in.emplace_back();
  for (const int64_t top : tile_starts(x.size(2), high, margin))
    for (const int64_t left : tile_starts(x.size(3), wide, margin)) {
      in.back() = contiguous(slice(slice(x, 2, top, high), 3, left, wide));
      add_tile(of_tile_->call(in)[0], top, left, margin, out);
    }
}

io::Image styled(const Styler& net, const io::Image& picture, int64_t whole) {
  return StyledPictures(net, whole)(picture);
}

io::Image with_colours_of(const io::Image& light, const io::Image& given) {
  const io::Image colours = io::with_channels(given, 3);
  check(light.channels == 3 && light.width == colours.width && light.height == colours.height,
        "colours: a picture of {} x {} and one of {} x {}", light.width, light.height,
        colours.width, colours.height);
  io::Image out(light.width, light.height, 3);
  for (size_t i = 0; i < out.pixels.size(); i += 3) {
    const auto luma = [](const uint8_t* p) { return 0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2]; };
    // R = Y + 1.402 Cr and so on: red, green and blue differ from Y by what Cb and Cr say.
    const double y = luma(&light.pixels[i]), own = luma(&colours.pixels[i]);
    for (size_t c = 0; c < 3; ++c)
      out.pixels[i + c] = static_cast<uint8_t>(
          std::lround(std::clamp(y + colours.pixels[i + c] - own, 0.0, 255.0)));
  }
  return out;
}

}  // namespace cairn::models
