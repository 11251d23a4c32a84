#include <algorithm>
#include <charconv>
#include <cmath>

#include "cairn/base/philox.h"
#include "cairn/data/picture.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/image_gan/task.h"

namespace cairn::tasks::image_gan {
namespace {

constexpr uint64_t kNoisePurpose = 0x6e6f697365;
constexpr int64_t kDrawBatch = 256;

}  // namespace

Tensor noise_rows(uint64_t seed, int64_t first, int64_t count, int64_t z) {
  const uint64_t key = philox_derive(seed, kNoisePurpose);
  std::vector<float> values;
  values.reserve(static_cast<size_t>(count * z));
  for (int64_t i = 0; i < count; ++i) {
    PhiloxStream random(key, static_cast<uint64_t>(first + i));
    for (int64_t j = 0; j < z; ++j) values.push_back(random.normal());
  }
  return from_host(values.data(), {count, z}, DType::f32);
}

uint8_t pixel_of(float value) {
  return static_cast<uint8_t>(std::lround(std::clamp((value + 1) * 127.5f, 0.0f, 255.0f)));
}

std::vector<int64_t> labels_in_turn(int64_t count, int64_t classes) {
  std::vector<int64_t> labels(static_cast<size_t>(count), 0);
  if (classes > 0)
    for (int64_t i = 0; i < count; ++i) labels[static_cast<size_t>(i)] = i % classes;
  return labels;
}

io::Image grid_of(const Pictures& pictures, int columns) {
  std::vector<io::Image> images;
  for (int64_t i = 0; i < pictures.count(); ++i)
    images.push_back(data::picture_of(
        &pictures.pixels[static_cast<size_t>(i * pictures.shape.size())], pictures.shape));
  return io::grid(images, columns);
}

Painter::Painter(const models::Generator& generator)
    : generator_(generator), images_([generator](std::span<const Tensor> in) -> Tensors {
        return {generator.size.classes > 0 ? generator(in[0], in[1]) : generator(in[0])};
      }) {}

Pictures Painter::draw(const Tensor& noise, const std::vector<int64_t>& labels) {
  const NoGrad no_grad;
  const auto& size = generator_.size;
  const int side = static_cast<int>(size.side);
  Pictures drawn{{static_cast<int>(size.channels), side, side}, {}};
  const Tensor in[] = {noise, from_host(labels.data(), {noise.size(0)}, DType::i64)};
  for (float value : images_.call(in)[0].to_vector<float>())
    drawn.pixels.push_back(pixel_of(value));
  return drawn;
}

Pictures Painter::draw(uint64_t seed, int64_t first, const std::vector<int64_t>& labels) {
  const auto total = static_cast<int64_t>(labels.size());
  Pictures all;
  for (int64_t at = 0; at < total; at += kDrawBatch) {
    const int64_t count = std::min(kDrawBatch, total - at);
    const Pictures some =
        draw(noise_rows(seed, first + at, count, generator_.size.z),
             std::vector<int64_t>(labels.begin() + at, labels.begin() + at + count));
    all.shape = some.shape;
    all.pixels.insert(all.pixels.end(), some.pixels.begin(), some.pixels.end());
  }
  return all;
}

Sampler::Sampler(const train::SavedModel& saved)
    : Model(saved),
      options_(options_of<Options>(saved)),
      generator_((check(!options_.shape.is_open() && !options_.classes.is_open(),
                        "'{}' is damaged: shape or classes are missing", saved.config_file()),
                  options_.size())),
      painter_(generator_) {
  train::load_weights(saved, generator_);
  generator_.eval();
}

std::vector<Tensor> Sampler::inputs(int64_t examples) {
  return {noise_rows(options_.seed, 0, examples, options_.z)};
}

std::vector<Port> Sampler::takes() {
  std::vector<Port> ports = {{"noise", DType::f32, {kAnyBatch, options_.z}}};
  if (options_.conditional) ports.push_back({"labels", DType::i64, {kAnyBatch}});
  return ports;
}

Tensors Sampler::forward(std::span<const Tensor> in) {
  return {options_.conditional ? generator_(in[0], in[1]) : generator_(in[0])};
}

data::ImageDatasetPtr Sampler::open(const std::string& source, data::Split split) const {
  return data::open_image_dataset(source.empty() ? *options_.data : source, split,
                                  {.shape = options_.image_shape()});
}

int64_t Sampler::class_of(const std::string& label) const {
  const auto& names = *options_.classes;
  const auto it = std::find(names.begin(), names.end(), label);
  if (it != names.end()) return it - names.begin();
  int64_t number = -1;
  const char* end = label.data() + label.size();
  if (std::from_chars(label.data(), end, number).ptr == end && number >= 0 &&
      number < static_cast<int64_t>(names.size()))
    return number;
  throw InvalidOption("label", no_such_name(label, names));
}

void generate(Sampler& sampler, const GenerateOptions& o) {
  o.validate();
  if (o.out->empty()) throw InvalidOption("out", "say which PNG file to write");
  const Options& run = sampler.options();
  if (!o.label.is_open() && !run.conditional)
    throw InvalidOption("label", fmt::format("'{}' draws without labels; train with the option "
                                             "conditional to choose them",
                                             sampler.path()));
  std::vector<int64_t> labels = labels_in_turn(o.count, run.labels());
  if (!o.label.is_open()) std::fill(labels.begin(), labels.end(), sampler.class_of(o.label));
  const bool by_class = run.conditional && o.label.is_open() && run.labels() <= o.count;
  const int columns =
      by_class ? static_cast<int>(run.labels()) : static_cast<int>(std::ceil(std::sqrt(*o.count)));
  io::write_png(o.out, grid_of(sampler.painter().draw(o.seed, 0, labels), columns));
}

}  // namespace cairn::tasks::image_gan
