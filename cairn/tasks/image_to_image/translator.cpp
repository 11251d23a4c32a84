#include <algorithm>

#include "cairn/base/round.h"
#include "cairn/dist/share_out.h"
#include "cairn/data/pictures.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/image_to_image/task.h"

namespace cairn::tasks::image_to_image {
namespace {

constexpr int64_t kBatch = 8;

models::PictureUNet network_of(const train::SavedModel& saved, const Options& o) {
  check(!o.shape.is_open() && o.shape->size() == 4, "'{}' is damaged: shape is missing",
        saved.config_file());
  const auto in_range = [](int64_t value, int64_t least, int64_t most) {
    return value >= least && value <= most;
  };
  check(in_range(o.inputs(), 1, 3) && in_range(o.outputs(), 1, 3) &&
            in_range((*o.shape)[2], 16, 1024) && models::unet_depth((*o.shape)[2]) >= 2,
        "'{}' is damaged: shape is {} channels, {} channels, side {}", saved.config_file(),
        o.inputs(), o.outputs(), (*o.shape)[2]);
  models::PictureUNet network(o.inputs(), o.outputs(), o.side(), o.width);
  train::load_weights(saved, network);
  network.eval();
  return network;
}

}  // namespace

void write_planes(const io::Image& image, float* planes) {
  const size_t plane = static_cast<size_t>(image.width) * image.height, channels = image.channels;
  for (size_t i = 0; i < plane; ++i)
    for (size_t c = 0; c < channels; ++c)
      planes[c * plane + i] = static_cast<float>(image.pixels[channels * i + c]) / 127.5f - 1;
}

io::Image image_of(const float* planes, int channels, int side) {
  io::Image image(side, side, channels);
  const size_t plane = static_cast<size_t>(side) * side;
  for (size_t i = 0; i < plane; ++i)
    for (int c = 0; c < channels; ++c)
      image.pixels[i * channels + c] = data::pixel_of(planes[static_cast<size_t>(c) * plane + i]);
  return image;
}

Maker::Maker(const models::PictureUNet& generator)
    : forward_([generator](std::span<const Tensor> in) -> Tensors { return {generator(in[0])}; }) {}

std::vector<io::Image> Maker::make(std::span<const io::Image> inputs) {
  const NoGrad no_grad;
  const io::Image& first = inputs[0];
  const size_t values = first.pixels.size();
  std::vector<float> planes(inputs.size() * values);
  for (size_t i = 0; i < inputs.size(); ++i) write_planes(inputs[i], &planes[i * values]);
  const Tensor x = tensor(
      planes, {static_cast<int64_t>(inputs.size()), first.channels, first.height, first.width});
  const Tensor y = forward_.call({&x, 1})[0];
  const auto made = y.to_vector<float>();
  std::vector<io::Image> images;
  for (size_t i = 0; i < inputs.size(); ++i)
    images.push_back(image_of(&made[i * made.size() / inputs.size()], static_cast<int>(y.size(1)),
                              static_cast<int>(y.size(2))));
  return images;
}

std::vector<io::Image> make_all(Maker& maker, const data::PairDataset& set) {
  const int64_t count = set->size();
  std::vector<io::Image> all(static_cast<size_t>(count));
  dist::share_out(
      ceil_div(count, kBatch),
      [&](int64_t number) {
        std::vector<io::Image> inputs;
        const int64_t first = number * kBatch;
        for (int64_t i = first; i < std::min(count, first + kBatch); ++i)
          inputs.push_back(set->get(i).input);
        const auto here = std::ssize(inputs);
        // The last few as many as the others: for one number of pictures one step is compiled.
        if (count > kBatch) inputs.resize(kBatch, inputs.back());
        std::vector<io::Image> made = maker.make(inputs);
        std::move(made.begin(), made.begin() + here, all.begin() + first);
      },
      [&](int64_t number, dist::Parcel& parcel) {
        for (int64_t i = number * kBatch; i < std::min(count, (number + 1) * kBatch); ++i) {
          io::Image& made = all[static_cast<size_t>(i)];
          parcel.pass(made.width), parcel.pass(made.height), parcel.pass(made.channels);
          parcel.pass(made.pixels);
        }
      });
  return all;
}

Translator::Translator(const train::SavedModel& saved)
    : Model(saved),
      options_(options_of<Options>(saved)),
      network_(network_of(saved, options_)),
      maker_(network_) {}

data::PairDataset Translator::open(const std::string& source, const std::string& split) const {
  Options o = options_;
  const Splits s = open_splits(o, source.empty() ? *o.data : source);
  if (split == "validation" && !s.validation)
    throw InvalidOption("split", "validation: no part of the pairs was held back");
  return split == "train" ? s.train : split == "validation" ? s.validation : s.test;
}

std::vector<Port> Translator::takes() {
  return {
      {"pictures", DType::f32, {kAnyBatch, options_.inputs(), options_.side(), options_.side()}}};
}

std::vector<Tensor> Translator::inputs(int64_t examples) {
  const auto set = open("", "train");
  const int64_t side = options_.side();
  std::vector<Tensor> batches;
  for (int64_t first = 0; first < std::min(examples, set->size()); first += kBatch) {
    const int64_t count = std::min(kBatch, set->size() - first);
    const size_t values = static_cast<size_t>(options_.inputs() * side * side);
    std::vector<float> planes(static_cast<size_t>(count) * values);
    for (int64_t i = 0; i < count; ++i)
      write_planes(set->get(first + i).input, &planes[static_cast<size_t>(i) * values]);
    batches.push_back(tensor(planes, {count, options_.inputs(), side, side}));
  }
  return batches;
}

io::Image Translator::given_in(const std::string& file) const {
  io::Image image = io::read_image(file);
  if (options_.side_by_side() && data::holds_two(image))
    image = data::half_of(image, options_.given == "left");
  const int side = options_.side();
  return data::fit_picture(image, {static_cast<int>(options_.inputs()), side, side});
}

Tensors Translator::read(const std::string& file) {
  const io::Image image = given_in(file);
  std::vector<float> planes(image.pixels.size());
  write_planes(image, planes.data());
  return {tensor(planes, {1, options_.inputs(), options_.side(), options_.side()})};
}

extern const Opener kOpener;
const Opener kOpener{kTask, open_as<Translator>};

}  // namespace cairn::tasks::image_to_image
