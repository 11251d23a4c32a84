#include <algorithm>

#include "cairn/tasks/image_to_image/task.h"
#include "cairn/train/report/curves.h"
#include "cairn/train/samples.h"

namespace cairn::tasks::image_to_image {
namespace {

using namespace train::report;

constexpr size_t kLooks = 6, kGrids = 4, kMostPairs = 500;

// What is given, what was made, what it should be.
Figure pair_figure(const data::PicturePair& pair, const io::Image& made, int scale) {
  std::vector<io::Image> three;
  for (const io::Image* image : {&pair.input, &made, &pair.target})
    three.push_back(io::with_channels(*image, 3));
  const Json r = measured(data::from_items(std::vector{pair}), {made});
  return figure(io::grid(three, 3), in_words(r), scale);
}

void over_time(Page& page, const Translator& t, int scale) {
  const auto files = train::samples_of(t.path(), "png");
  if (files.empty()) return;
  page.heading("The same pairs while it learned");
  std::vector<Figure> figures;
  for (const size_t i : spread_over(files.size(), kGrids, 2))
    figures.push_back(figure(io::read_image(files[i].path),
                             fmt::format("step {}", with_thousands(files[i].step)), scale));
  page.figures(figures);
}

void curves(Page& page, const Lines& lines) {
  std::vector<std::pair<LineChart, std::string>> all = {
      {LineChart{"The two losses",
                 "step",
                 "loss",
                 {curve_of(lines, "loss_discriminator", "discriminator"),
                  curve_of(lines, "loss_generator", "generator")},
                 0,
                 ""},
       "The generator's holds the weighted error of its pictures, too."}};
  for (const char* split : {"validation", "train"}) {
    const Series error = curve_of(lines, fmt::format("{}_loss", split), split);
    if (error.x.empty()) continue;
    all.push_back({LineChart{"Mean absolute error", "step", "of the range", {error}, 0, ""},
                   "Of pairs that were watched. It rewards blur: look at the pictures, too."});
    break;
  }
  const auto figures = charts(all);
  if (figures.empty()) return;
  page.heading("How the two learned");
  page.figures(figures);
}

}  // namespace

void report(Page& page, Translator& t, const Lines& log) {
  const Options& o = t.options();
  const auto set = t.open("", "test");
  const std::vector<io::Image> made = make_all(t.maker(), set);
  Json seen = measured(set, made);
  seen["frechet"] = frechet(set, made);
  const int scale = o.side() <= 48 ? 2 : 1;
  page.headline(fmt::format("Pictures made from others, learned from {}: {}", short_name(o.data),
                            in_words(seen)));
  page.heading("What is given, what is made of it, and what it should be");
  std::vector<Figure> all;
  for (size_t i = 0; i < std::min(made.size(), kMostPairs); ++i)
    all.push_back(pair_figure(set->get(static_cast<int64_t>(i)), made[i], scale));
  page.figures({all.begin(), all.begin() + static_cast<int64_t>(std::min(kLooks, all.size()))});
  page.folded(fmt::format("All {} test pairs", all.size()), all);
  page.facts({{"pairs", with_thousands(set->size())},
              {"side", fmt::format("{} pixels", o.side())},
              {"generator's parameters", with_thousands(t.network().num_parameters())},
              {"steps", with_thousands(o.steps)},
              {"training", seconds_of(log)}});
  over_time(page, t, scale);
  curves(page, log);
}

}  // namespace cairn::tasks::image_to_image
