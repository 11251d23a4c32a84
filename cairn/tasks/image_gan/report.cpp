#include <algorithm>

#include "cairn/ops/functions.h"
#include "cairn/tasks/image_gan/task.h"
#include "cairn/train/samples.h"

namespace cairn::tasks::image_gan {
namespace {

using namespace train::report;

constexpr size_t kGrids = 4;  // of the training
constexpr int64_t kWalk = 9;  // pictures from one noise to another
constexpr int64_t kWalks = 4;
constexpr int kColumns = 8;
constexpr int64_t kPictures = 32;

int scale_of(const data::ImageShape& shape) { return shape.width <= 40 ? 2 : 1; }

void over_time(Page& page, const Sampler& sampler) {
  const auto files = train::samples_of(sampler.path(), "png");
  if (files.empty()) return;
  const data::ImageShape shape = sampler.options().image_shape();
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

// Rows of pictures, each from one noise to another in even steps.
data::Pictures walks(Sampler& s) {
  const Options& o = s.options();
  const int64_t classes = std::max<int64_t>(o.labels(), 1);
  const Tensor from = models::noise_rows(o.seed + 1, 0, kWalks, o.z),
               to = models::noise_rows(o.seed + 1, kWalks, kWalks, o.z);
  Tensors noise;
  std::vector<int64_t> labels;
  for (int64_t row = 0; row < kWalks; ++row) {
    const Tensor a = slice(from, 0, row, 1), b = slice(to, 0, row, 1);
    for (int64_t i = 0; i < kWalk; ++i) {
      const double part = static_cast<double>(i) / (kWalk - 1);
      noise.push_back(a * (1 - part) + b * part);
      labels.push_back(row * 2 % classes);
    }
  }
  return s.painter().draw(contiguous(cat(noise, 0)), labels);
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

void signals(Page& page, const Lines& lines) {
  std::vector<std::string> seen;
  for (const auto& line : lines)
    if (line.contains("signals"))
      for (const auto& s : line["signals"])
        seen.push_back(
            fmt::format("step {}: {}", line.value("step", int64_t{0}), s.get<std::string>()));
  if (seen.empty()) return;
  page.heading("Signs of trouble");
  for (const std::string& s : seen) page.paragraph(s);
}

void curves(Page& page, const Lines& lines) {
  const auto figures =
      charts({{LineChart{"The two losses",
                         "step",
                         "loss",
                         {curve_of(lines, "loss_discriminator", "discriminator"),
                          curve_of(lines, "loss_generator", "generator")},
                         0,
                         ""},
               "Means over the steps since the point before. Neither falls to zero: each network "
               "is the other's moving target."},
              {LineChart{"Diversity of the samples",
                         "step",
                         "of the real pictures'",
                         {curve_of(lines, "diversity", "diversity")},
                         1,
                         "as diverse as the data"},
               "Near 0 the generator would have collapsed to one picture."}});
  if (figures.empty()) return;
  page.heading("How the two learned");
  page.figures(figures);
}

}  // namespace

void report(Page& page, Sampler& sampler, const Lines& log) {
  const Options& o = sampler.options();
  page.headline(fmt::format("Pictures like those of {}, drawn from noise; {}", short_name(o.data),
                            counted(o.steps, "step")));
  const auto set = o.open("", data::Split::train);
  const int scale = scale_of(o.image_shape());
  page.heading("Drawn, and real");
  page.figures(
      {figure(data::grid_of(sampler.painter().draw(o.seed + 2, 0,
                                                   models::labels_in_turn(kPictures, o.labels())),
                            kColumns),
              "by the generator, none chosen by hand", scale),
       figure(data::grid_of(real_ones(*set, kPictures), kColumns), "from the data", scale)});
  write_facts(page, sampler, log,
              {{"model", *o.model + (o.conditional ? ", conditional" : "")},
               {"steps", with_thousands(o.steps)}});
  over_time(page, sampler);
  page.heading("A walk through the noise");
  page.figures(
      {figure(data::grid_of(walks(sampler), kWalk),
              "Left and right are two random points; between them every point is a picture, "
              "too: the generator has learned a space of pictures, not a list.",
              scale)});
  curves(page, log);
  signals(page, log);
}

}  // namespace cairn::tasks::image_gan
