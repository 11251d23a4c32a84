#include "cairn/tasks/image_gan/report.h"

#include <algorithm>
#include <filesystem>

#include "cairn/io/jsonl.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/image_gan/sampler.h"
#include "cairn/train/report/curves.h"
#include "cairn/train/run_folder.h"

namespace cairn::tasks::image_gan {
namespace {

using namespace train::report;

constexpr size_t kGrids = 4;  // of the training, shown side by side
constexpr int64_t kWalk = 9;  // pictures from one noise to another
constexpr int64_t kWalks = 4;
constexpr int kColumns = 8;
constexpr int64_t kPictures = 32;

int scale_of(const data::ImageShape& shape) { return shape.width <= 40 ? 2 : 1; }

// step-000400.png -> "step 400"
std::string moment(const std::filesystem::path& file) {
  const std::string name = file.stem().string();
  const size_t dash = name.find('-');
  if (dash == name.npos) return name;
  const size_t digits = std::min(name.find_first_not_of('0', dash + 1), name.size() - 1);
  return name.substr(0, dash) + " " + name.substr(digits);
}

void over_time(Page& page, const std::string& run, const Recipe& recipe) {
  std::vector<std::filesystem::path> files;
  if (!std::filesystem::is_directory(run + "/samples")) return;
  for (const auto& entry : std::filesystem::directory_iterator(run + "/samples"))
    if (entry.path().extension() == ".png") files.push_back(entry.path());
  if (files.empty()) return;
  std::sort(files.begin(), files.end());
  page.heading("The same noise, drawn again and again while it learned");
  std::vector<Figure> figures;
  const size_t shown = std::min(kGrids, files.size());
  for (size_t i = 0; i < shown; ++i) {
    // Early changes are the large ones: half of the pictures from the first quarter.
    const double part = shown == 1 ? 1 : static_cast<double>(i) / static_cast<double>(shown - 1);
    const auto& file =
        files[static_cast<size_t>(part * part * static_cast<double>(files.size() - 1))];
    const io::Image grid = io::read_image(file.string());
    // The upper half of a square grid is enough.
    const int height = std::min(grid.height, 4 * (recipe.shape.height + 2) + 2);
    io::Image top(grid.width, height, grid.channels);
    std::copy_n(grid.pixels.begin(), top.pixels.size(), top.pixels.begin());
    figures.push_back(figure(top, moment(file), 1 + (recipe.shape.width <= 32 && shown <= 4)));
  }
  page.figures(figures);
}

// Rows of pictures, each from one noise to another in even steps.
Pictures walks(const Sampler& s) {
  const NoGrad no_grad;
  const Recipe& r = s.recipe;
  const int64_t classes = std::max<int64_t>(r.labels(), 1);
  const Tensor from = noise_rows(r.seed + 1, 0, kWalks, r.z),
               to = noise_rows(r.seed + 1, kWalks, kWalks, r.z);
  Pictures all{r.shape, {}};
  for (int64_t row = 0; row < kWalks; ++row) {
    const Tensor a = slice(from, 0, row, 1), b = slice(to, 0, row, 1);
    for (int64_t i = 0; i < kWalk; ++i) {
      const double part = static_cast<double>(i) / (kWalk - 1);
      const Tensor z = a * (1 - part) + b * part;
      const Tensor x =
          r.labels() ? s.generator(z, full({1}, static_cast<double>(row * 2 % classes), DType::i64))
                     : s.generator(z);
      for (float v : x.to_vector<float>()) all.pixels.push_back(pixel_of(v));
    }
  }
  return all;
}

Pictures real_ones(const data::ImageDataset& set, int64_t count) {
  Pictures all{set.shape(), {}};
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

}  // namespace

void report(Page& page, const std::string& run) {
  const Sampler sampler = load_sampler(run);
  const Recipe& recipe = sampler.recipe;
  const auto lines = io::read_jsonl(run + "/metrics.jsonl");
  page.facts({{"model", recipe.model + (recipe.conditional ? ", conditional" : "")},
              {"generator's parameters", with_thousands(sampler.generator.num_parameters())},
              {"steps", with_thousands(recipe.steps)},
              {"training", seconds_of(lines)}});
  over_time(page, run, recipe);
  const auto set = data::open_image_dataset(recipe.data, data::Split::train, {recipe.image_size});
  const int scale = scale_of(recipe.shape);
  page.heading("Drawn, and real");
  page.figures({figure(grid_of(draw(sampler.generator, recipe.seed + 2, 0,
                                    labels_in_turn(kPictures, recipe.labels())),
                               kColumns),
                       "by the generator, none chosen by hand", scale),
                figure(grid_of(real_ones(*set, kPictures), kColumns), "from the data", scale)});
  page.heading("A walk through the noise");
  page.figures(
      {figure(grid_of(walks(sampler), kWalk),
              "Left and right are two random points; between them every point is a picture, "
              "too: the generator has learned a space of pictures, not a list.",
              scale)});
  page.figures({figure(LineChart{"The two losses",
                                 "step",
                                 "loss",
                                 {curve_of(lines, "loss_discriminator", "discriminator"),
                                  curve_of(lines, "loss_generator", "generator")},
                                 0,
                                 ""},
                       "Neither falls to zero: each network is the other's moving target."),
                figure(LineChart{"Diversity of the samples",
                                 "step",
                                 "of the real pictures'",
                                 {curve_of(lines, "diversity", "diversity")},
                                 1,
                                 "as diverse as the data"},
                       "Near 0 the generator would have collapsed to one picture.")});
  signals(page, lines);
}

}  // namespace cairn::tasks::image_gan
