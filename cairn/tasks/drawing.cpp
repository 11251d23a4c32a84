#include "cairn/tasks/drawing.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "cairn/io/file.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/outputs.h"
#include "cairn/train/samples.h"

namespace cairn::tasks {
namespace {

using namespace train::report;

constexpr size_t kGrids = 4;  // of the training
constexpr int64_t kWalk = 9;  // pictures from one noise to another
constexpr int64_t kWalks = 4;
constexpr int kColumns = 8;
constexpr int64_t kPictures = 32;

int scale_of(const data::ImageShape& shape) { return shape.width <= 40 ? 2 : 1; }

// In even steps; as long on the way as noise is.
data::Pictures walks(Drawer& drawer) {
  constexpr uint64_t kSeed = 1;
  const int64_t classes = std::max<int64_t>(drawer.num_labels(), 1), z = drawer.painter().noise();
  const Tensor from = models::noise_rows(kSeed, 0, kWalks, z),
               to = models::noise_rows(kSeed, kWalks, kWalks, z);
  Tensors noise;
  std::vector<int64_t> labels;
  for (int64_t row = 0; row < kWalks; ++row) {
    const Tensor a = slice(from, 0, row, 1), b = slice(to, 0, row, 1);
    for (int64_t i = 0; i < kWalk; ++i) {
      const double part = static_cast<double>(i) / (kWalk - 1);
      noise.push_back((a * (1 - part) + b * part) * (1 / std::hypot(part, 1 - part)));
      labels.push_back(row * 2 % classes);
    }
  }
  return drawer.painter().draw(contiguous(cat(noise, 0)), labels);
}

data::Pictures real_ones(const data::ImageDataset& set, int64_t count) {
  data::Pictures all{set.shape(), {}};
  std::vector<uint8_t> one(static_cast<size_t>(set.shape().size()));
  for (int64_t i = 0; i < std::min(count, set.size()); ++i) {
    set.image(i, one.data());
    all.pixels.insert(all.pixels.end(), one.begin(), one.end());
  }
  return all;
}

}  // namespace

int64_t Drawer::class_of(const std::string& label) const {
  const auto& names = classes();
  const auto it = std::find(names.begin(), names.end(), label);
  if (it != names.end()) return it - names.begin();
  int64_t number = -1;
  const char* end = label.data() + label.size();
  if (std::from_chars(label.data(), end, number).ptr == end && number >= 0 &&
      number < static_cast<int64_t>(names.size()))
    return number;
  throw InvalidOption("label", no_such_name(label, names));
}

int draw_grid(Drawer& drawer, const DrawOptions& o) {
  o.validate();
  if (o.out->empty()) throw InvalidOption("out", "say which PNG file to write");
  expect_ending(o.out, o.out, {".png"});
  io::check_writable(o.out);
  const int64_t classes = drawer.num_labels();
  if (!o.label.is_open() && classes == 0)
    throw InvalidOption("label", fmt::format("'{}' draws without labels; train with the option "
                                             "conditional to choose them",
                                             drawer.path()));
  std::vector<int64_t> labels = models::labels_in_turn(o.count, classes);
  if (!o.label.is_open()) std::fill(labels.begin(), labels.end(), drawer.class_of(o.label));
  const bool by_class = classes > 0 && o.label.is_open() && classes <= o.count;
  const int columns =
      by_class ? static_cast<int>(classes) : static_cast<int>(std::ceil(std::sqrt(*o.count)));
  io::write_png(o.out, data::grid_of(drawer.painter().draw(o.seed, 0, labels), columns));
  return 0;
}

void write_drawn_and_real(Page& page, Drawer& drawer, const std::string& by) {
  constexpr uint64_t kSeed = 2;
  const auto set =
      drawer.as_learned(data::evenly_chosen(drawer.open("", data::Split::train), kPictures));
  const int scale = scale_of(drawer.shape());
  page.heading("Drawn, and real");
  page.figures(
      {figure(data::grid_of(drawer.painter().draw(
                                kSeed, 0, models::labels_in_turn(kPictures, drawer.num_labels())),
                            kColumns),
              "by " + by + ", none chosen by hand", scale),
       figure(data::grid_of(real_ones(*set, kPictures), kColumns), "from the data", scale)});
}

void write_over_time(Page& page, const Drawer& drawer) {
  const auto files = train::samples_of(drawer.path(), "png");
  if (files.empty()) return;
  const data::ImageShape shape = drawer.shape();
  page.heading("The same noise, drawn again and again while it learned");
  std::vector<Figure> figures;
  // Early changes are the large ones.
  for (const size_t i : spread_over(files.size(), kGrids, 2)) {
    const auto& file = files[i];
    const io::Image grid = io::read_image(file.path);
    // The upper half of a square grid is enough.
    const int height = std::min(grid.height, 4 * (shape.height + 2) + 2);
    io::Image top(grid.width, height, grid.channels);
    std::copy_n(grid.pixels.begin(), top.pixels.size(), top.pixels.begin());
    figures.push_back(figure(
        top,
        file.step ? fmt::format("step {}", with_thousands(file.step)) : "before the first step",
        scale_of(shape)));
  }
  page.figures(figures);
}

void write_walk(Page& page, Drawer& drawer) {
  page.heading("A walk through the noise");
  page.figures(
      {figure(data::grid_of(walks(drawer), kWalk),
              "Left and right are two random points; between them every point is a picture, "
              "too: it has learned a space of pictures, not a list.",
              scale_of(drawer.shape()))});
}

}  // namespace cairn::tasks
