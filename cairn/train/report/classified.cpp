#include "cairn/train/report/classified.h"

#include <algorithm>
#include <map>

#include "cairn/train/report/curves.h"

namespace cairn::train::report {
namespace {

constexpr size_t kShown = 14;           // examples that are shown one by one
constexpr size_t kMostMistakes = 2000;  // shown in all
constexpr int kTile = 96;               // pixels of a small picture
constexpr int kRow = 640;               // pixels of a row of pictures

Figure small(const Classified& c, const Guess& g, const std::string& caption) {
  const io::Image picture = c.picture(g.index);
  return figure(picture, caption, std::max(1, kTile / picture.width));
}

// By what was taken for what, the most frequent first.
std::vector<Figure> by_kind(const Classified& c, const std::vector<Guess>& wrong) {
  std::map<std::pair<int, int>, std::vector<io::Image>> kinds;
  for (size_t i = 0; i < std::min(kMostMistakes, wrong.size()); ++i)
    kinds[{wrong[i].label, wrong[i].guess}].push_back(c.picture(wrong[i].index));
  std::vector<std::pair<std::pair<int, int>, std::vector<io::Image>>> sorted(kinds.begin(),
                                                                             kinds.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.second.size() > b.second.size(); });
  std::vector<Figure> figures;
  for (const auto& [kind, pictures] : sorted) {
    const int columns =
        std::clamp<int>(kRow / (pictures[0].width + 1), 1, static_cast<int>(pictures.size()));
    figures.push_back(
        figure(io::grid(pictures, columns, 1, 128),
               fmt::format("{}, taken for {}: {}", c.classes[static_cast<size_t>(kind.first)],
                           c.classes[static_cast<size_t>(kind.second)], pictures.size())));
  }
  return figures;
}

}  // namespace

metrics::Confusion Classified::confusion() const {
  metrics::Confusion confusion(classes.size());
  for (const Guess& g : guesses) confusion.add(g.label, g.guess);
  return confusion;
}

metrics::Calibration Classified::calibration() const {
  metrics::Calibration calibration;
  for (const Guess& g : guesses) calibration.add(g.probability, g.is_right());
  return calibration;
}

std::vector<Guess> mistakes_of(const std::vector<Guess>& all) {
  std::vector<Guess> wrong;
  std::copy_if(all.begin(), all.end(), std::back_inserter(wrong),
               [](const Guess& g) { return !g.is_right(); });
  std::sort(wrong.begin(), wrong.end(), [](const Guess& a, const Guess& b) {
    return std::pair(-a.probability, a.index) < std::pair(-b.probability, b.index);
  });
  return wrong;
}

void write_guesses(Page& page, const Classified& c) {
  std::vector<Figure> shown;
  for (size_t i = 0; i < std::min(kShown, c.guesses.size()); ++i) {
    const Guess& g = c.guesses[i];
    shown.push_back(
        small(c, g,
              fmt::format("{} ({:.0f}\u00a0%){}", c.classes[g.guess], g.probability * 100,
                          g.is_right() ? "" : ", wrong: " + c.classes[g.label])));
  }
  page.thumbnails(shown);
}

void write_mistakes(Page& page, const Classified& c) {
  const auto wrong = mistakes_of(c.guesses);
  const auto all = static_cast<int64_t>(c.guesses.size());
  page.heading("Its surest mistakes");
  if (wrong.empty())
    return page.paragraph(fmt::format("None among {} {}.", with_thousands(all), c.plural));
  std::vector<Figure> shown;
  for (size_t i = 0; i < std::min(kShown, wrong.size()); ++i)
    shown.push_back(small(c, wrong[i],
                          fmt::format("{}, taken for {} ({:.0f}\u00a0%)", c.classes[wrong[i].label],
                                      c.classes[wrong[i].guess], wrong[i].probability * 100)));
  page.thumbnails(shown);
  const auto count = static_cast<int64_t>(wrong.size());
  const std::string all_or_first =
      wrong.size() > kMostMistakes
          ? fmt::format("The {} surest of {}", with_thousands(kMostMistakes), with_thousands(count))
          : fmt::format("All {}", with_thousands(count));
  page.folded(
      fmt::format("{} mistakes among {} {}, by kind", all_or_first, with_thousands(all), c.plural),
      by_kind(c, wrong));
}

}  // namespace cairn::train::report
