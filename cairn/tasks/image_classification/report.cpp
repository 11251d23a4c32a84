#include <algorithm>
#include <cmath>

#include "cairn/io/jsonl.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/image_classification/task.h"
#include "cairn/train/report/curves.h"

namespace cairn::tasks::image_classification {
namespace {

using namespace train::report;

constexpr size_t kMistakes = 12;     // shown
constexpr size_t kMostClasses = 30;  // of a confusion matrix that is readable
constexpr int kTile = 56;            // pixels of a small picture

// [count, channels, height, width] values as tiles, in colour where there are three channels, each
// tile from its own smallest to its largest value.
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

void confusion(Page& page, const Json& result, const std::vector<std::string>& classes) {
  if (classes.size() > kMostClasses) return;
  const auto counts = result["confusion"].get<std::vector<std::vector<int64_t>>>();
  HeatMap map{
      "Which class is taken for which", "true class", "guess", classes, classes, {}, {}, 34};
  for (const auto& row : counts) {
    int64_t all = 0;
    for (int64_t c : row) all += c;
    for (int64_t c : row) {
      map.values.push_back(all ? static_cast<double>(c) / static_cast<double>(all) : 0);
      map.print.push_back(c ? std::to_string(c) : "");
    }
  }
  page.figures({figure(map,
                       "Each row holds all test pictures of one class; what is off the "
                       "diagonal was taken for something else.")});
}

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
  classifier.activations(classifier.batch_of(set, 0, 1));  // not compiled: hooks see values
  conv.remove_hook(hook);
  Tensor weights = conv.named_parameters(false)[0].second;
  if (weights.size(1) != 1 && weights.size(1) != 3) weights = mean(weights, {1}, true);
  const int64_t shown = std::min<int64_t>(32, weights.size(0));
  const int across = std::max(1, 448 / set.shape().width);
  page.heading("What the first layer looks for");
  page.figures(
      {figure(data::picture_of(set, 0), "A test picture", std::max(1, 140 / set.shape().width)),
       figure(tiles(slice(weights, 0, 0, shown), 8), fmt::format("{} learned filters", shown), 9),
       figure(
           tiles(unsqueeze(slice(select(relu(seen), 0, 0), 0, 0, shown), 1), std::min(8, across)),
           "The picture through each of them: where a filter answers, it is bright", 2)});
}

struct Mistake {
  int64_t index;
  int label, guess;
  float probability;
};

std::vector<Mistake> mistakes_of(Classifier& classifier, const data::ImageDataset& set) {
  std::vector<Mistake> all;
  constexpr int64_t kBatch = 250;
  const int64_t classes = static_cast<int64_t>(set.classes().size());
  for (int64_t first = 0; first < set.size(); first += kBatch) {
    const int64_t count = std::min(kBatch, set.size() - first);
    const auto p =
        softmax(classifier.logits(classifier.batch_of(set, first, count)), 1).to_vector<float>();
    for (int64_t i = 0; i < count; ++i) {
      const auto row = p.begin() + i * classes;
      const auto best = std::max_element(row, row + classes);
      const int guess = static_cast<int>(best - row);
      if (guess != set.label(first + i))
        all.push_back({first + i, set.label(first + i), guess, *best});
    }
  }
  std::sort(all.begin(), all.end(), [](const Mistake& a, const Mistake& b) {
    return std::pair(-a.probability, a.index) < std::pair(-b.probability, b.index);
  });
  return all;
}

void mistakes(Page& page, Classifier& classifier, const data::ImageDataset& set) {
  const auto all = mistakes_of(classifier, set);
  const int64_t looked = set.size();
  page.heading("Its surest mistakes");
  if (all.empty()) return page.paragraph(fmt::format("None among {} test pictures.", looked));
  std::vector<Figure> shown;
  for (size_t i = 0; i < std::min(kMistakes, all.size()); ++i)
    shown.push_back(figure(data::picture_of(set, all[i].index),
                           fmt::format("{}, taken for {} ({:.0f} %)", set.classes()[all[i].label],
                                       set.classes()[all[i].guess], all[i].probability * 100),
                           std::max(1, kTile / set.shape().width)));
  page.figures(shown);
  page.paragraph(fmt::format("{} mistakes among {} test pictures.", all.size(), looked));
}

}  // namespace

void report(Page& page, Classifier& classifier) {
  const auto folder = train::RunFolder::open(classifier.path(), kTask);
  const auto set = classifier.open("", data::Split::test);
  const Json result = classifier.evaluate("", data::Split::test);
  const auto lines = io::read_jsonl(folder.metrics());
  const double right = result["accuracy"].get<double>() * 100;
  const std::string took = seconds_of(lines);
  page.headline(fmt::format("{:.2f} % right on {} pictures of {} that it never saw{}", right,
                            with_thousands(set->size()), set->name(),
                            took.empty() ? "" : ", learned in " + took));
  page.facts({{"network", *classifier.options().model},
              {"parameters", with_thousands(classifier.network().num_parameters())},
              {"test accuracy", fmt::format("{:.2f} %", right)},
              {"training", took}});
  const std::string seen = curve_of(lines, "validation_loss", "").x.empty() ? "test" : "validation";
  auto curves = loss_charts(lines, "cross-entropy", seen);
  for (Figure& f : charts({{LineChart{"Accuracy on pictures it does not learn from",
                                      "step",
                                      "share right",
                                      {curve_of(lines, seen + "_accuracy", seen)},
                                      0,
                                      ""},
                            ""}}))
    curves.push_back(std::move(f));
  if (!curves.empty()) page.figures(curves);
  confusion(page, result, classifier.classes());
  features(page, classifier, *set);
  mistakes(page, classifier, *set);
}

}  // namespace cairn::tasks::image_classification
