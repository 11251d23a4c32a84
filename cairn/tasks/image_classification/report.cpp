#include <algorithm>
#include <cmath>
#include <map>

#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/image_classification/task.h"
#include "cairn/train/report/curves.h"
#include "cairn/train/report/measured.h"

namespace cairn::tasks::image_classification {
namespace {

using namespace train::report;

constexpr size_t kLooks = 14;           // test pictures at the top, with what it says of them
constexpr size_t kMistakes = 14;        // shown one by one
constexpr size_t kMostMistakes = 2000;  // shown in all
constexpr int kTile = 96;               // pixels of a small picture

}  // namespace

io::Image tiles(const Tensor& maps, int columns) {
  const auto v = contiguous(maps).to_vector<float>();
  const data::ImageShape shape{maps.size(1) == 3 ? 3 : 1, static_cast<int>(maps.size(2)),
                               static_cast<int>(maps.size(3))};
  std::vector<io::Image> all;
  std::vector<uint8_t> chw(static_cast<size_t>(shape.size()));
  for (auto at = v.begin(); at != v.end(); at += shape.size()) {
    const auto [low, high] = std::minmax_element(at, at + shape.size());
    const float range = std::max(*high - *low, 1e-12f);
    for (size_t k = 0; k < chw.size(); ++k)
      chw[k] = static_cast<uint8_t>(std::lround((at[k] - *low) / range * 255));
    all.push_back(data::picture_of(chw.data(), shape));
  }
  return io::grid(all, columns, 1, 128);
}

namespace {

// The first convolution of a network in the order of its modules.
std::string first_convolution(const nn::Module& network) {
  for (const auto& [name, module] : network.named_modules())
    if (module.type() == "Conv2d") return name;
  return "";
}

void features(Page& page, Classifier& classifier, const data::ImageDataset& set) {
  const std::string name = first_convolution(classifier.network());
  if (name.empty() || set.size() == 0) return;
  const nn::Module conv = classifier.network().find(name);
  Tensor seen;
  const int hook = conv.on_forward([&](const Tensors&, const Tensor& out) {
    seen = out;
    return Tensor();
  });
  // Not compiled: hooks see values.
  Classifier::ActivationReader run(classifier);
  run(classifier.batch_of(set, 0, 1));
  conv.remove_hook(hook);
  Tensor weights = conv.named_parameters(false)[0].second;
  if (weights.size(1) != 1 && weights.size(1) != 3) weights = mean(weights, {1}, true);
  const int64_t shown = std::min<int64_t>(32, weights.size(0));
  const int across = std::max(1, 448 / set.shape().width);
  // Filters of 3 x 3 and of 11 x 11 pixels get the same room.
  const int magnified = std::max<int>(1, 30 / static_cast<int>(weights.size(2)));
  page.heading("What the first layer looks for");
  page.figures(
      {figure(data::picture_of(set, 0), "A test picture", std::max(1, 168 / set.shape().width)),
       figure(tiles(slice(weights, 0, 0, shown), 8), fmt::format("{} learned filters", shown),
              magnified),
       figure(
           tiles(unsqueeze(slice(select(relu(seen), 0, 0), 0, 0, shown), 1), std::min(8, across)),
           "The picture through each of them: where a filter answers, it is bright", 2)});
}

// What the network says of one test picture.
struct Guess {
  int64_t index;
  int label, guess;
  float probability;
  bool is_right() const { return guess == label; }
};

// Of every test picture, in order.
std::vector<Guess> guesses_on(Classifier& classifier, const data::ImageDataset& set) {
  std::vector<Guess> all;
  constexpr int64_t kBatch = 250;
  const auto classes = static_cast<int64_t>(set.classes().size());
  for (int64_t first = 0; first < set.size(); first += kBatch) {
    const int64_t count = std::min(kBatch, set.size() - first);
    const auto p =
        softmax(classifier.logits(classifier.batch_of(set, first, count)), 1).to_vector<float>();
    for (int64_t i = 0; i < count; ++i) {
      const auto row = p.begin() + i * classes;
      const auto best = std::max_element(row, row + classes);
      all.push_back({first + i, set.label(first + i), static_cast<int>(best - row), *best});
    }
  }
  return all;
}

std::vector<Guess> mistakes_of(const std::vector<Guess>& all) {
  std::vector<Guess> wrong;
  std::copy_if(all.begin(), all.end(), std::back_inserter(wrong),
               [](const Guess& l) { return !l.is_right(); });
  std::sort(wrong.begin(), wrong.end(), [](const Guess& a, const Guess& b) {
    return std::pair(-a.probability, a.index) < std::pair(-b.probability, b.index);
  });
  return wrong;
}

void guesses(Page& page, const data::ImageDataset& set, const std::vector<Guess>& all) {
  std::vector<Figure> shown;
  for (size_t i = 0; i < std::min(kLooks, all.size()); ++i)
    shown.push_back(figure(
        data::picture_of(set, all[i].index),
        fmt::format("{} ({:.0f}\u00a0%){}", set.classes()[all[i].guess], all[i].probability * 100,
                    all[i].is_right() ? "" : ", wrong: " + set.classes()[all[i].label]),
        std::max(1, kTile / set.shape().width)));
  page.heading("What it says of pictures it never saw");
  page.thumbnails(shown);
}

// All of them, by what was taken for what, the most frequent first.
std::vector<Figure> by_kind(const data::ImageDataset& set, const std::vector<Guess>& wrong) {
  std::map<std::pair<int, int>, std::vector<io::Image>> kinds;
  for (size_t i = 0; i < std::min(kMostMistakes, wrong.size()); ++i)
    kinds[{wrong[i].label, wrong[i].guess}].push_back(data::picture_of(set, wrong[i].index));
  std::vector<std::pair<std::pair<int, int>, std::vector<io::Image>>> sorted(kinds.begin(),
                                                                             kinds.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.second.size() > b.second.size(); });
  const int columns = std::max(1, 640 / (set.shape().width + 1));
  std::vector<Figure> figures;
  for (const auto& [kind, pictures] : sorted)
    figures.push_back(
        figure(io::grid(pictures, std::min(columns, static_cast<int>(pictures.size())), 1, 128),
               fmt::format("{}, taken for {}: {}", set.classes()[static_cast<size_t>(kind.first)],
                           set.classes()[static_cast<size_t>(kind.second)], pictures.size())));
  return figures;
}

void mistakes(Page& page, const data::ImageDataset& set, const std::vector<Guess>& all) {
  const auto wrong = mistakes_of(all);
  page.heading("Its surest mistakes");
  if (wrong.empty())
    return page.paragraph(fmt::format("None among {} test pictures.", with_thousands(set.size())));
  std::vector<Figure> shown;
  for (size_t i = 0; i < std::min(kMistakes, wrong.size()); ++i)
    shown.push_back(
        figure(data::picture_of(set, wrong[i].index),
               fmt::format("{}, taken for {} ({:.0f}\u00a0%)", set.classes()[wrong[i].label],
                           set.classes()[wrong[i].guess], wrong[i].probability * 100),
               std::max(1, kTile / set.shape().width)));
  page.thumbnails(shown);
  const auto count = static_cast<int64_t>(wrong.size());
  const std::string all_or_first =
      wrong.size() > kMostMistakes
          ? fmt::format("The {} surest of {}", with_thousands(kMostMistakes), with_thousands(count))
          : fmt::format("All {}", with_thousands(count));
  page.folded(fmt::format("{} mistakes among {} test pictures, by kind", all_or_first,
                          with_thousands(set.size())),
              by_kind(set, wrong));
}

std::vector<Figure> curves(const Lines& lines) {
  const std::string seen = curve_of(lines, "validation_loss", "").x.empty() ? "test" : "validation";
  auto figures = loss_charts(lines, "cross-entropy", seen);
  for (Figure& f : charts({{LineChart{"Accuracy on unseen pictures",
                                      "step",
                                      "share right",
                                      {curve_of(lines, seen + "_accuracy", seen)},
                                      0,
                                      ""},
                            ""}}))
    figures.push_back(std::move(f));
  return figures;
}

}  // namespace

void report(Page& page, Classifier& classifier) {
  const auto set = classifier.open("", data::Split::test);
  const auto lines = lines_of(classifier.path());
  const std::vector<Guess> all = guesses_on(classifier, *set);
  metrics::Confusion confusion(classifier.classes().size());
  for (const Guess& look : all) confusion.add(look.label, look.guess);
  const double right = confusion.accuracy() * 100;
  page.headline(fmt::format("{:.2f} % on {}{}", right, short_name(set->name()),
                            took(lines, classifier.saved().config)));
  guesses(page, *set, all);
  page.facts({{"network", *classifier.options().model},
              {"parameters", with_thousands(classifier.network().num_parameters())},
              {"pictures learned from", with_thousands(classifier.options().examples)},
              {"test pictures", with_thousands(set->size())},
              {"test accuracy", fmt::format("{:.2f} %", right)},
              {"training", seconds_of(lines)}});
  auto figures = confusion_figure(confusion, classifier.classes());
  for (Figure& f : curves(lines)) figures.push_back(std::move(f));
  page.figures(figures);
  mistakes(page, *set, all);
  features(page, classifier, *set);
}

}  // namespace cairn::tasks::image_classification
