#include <algorithm>

#include "cairn/data/picture.h"
#include "cairn/models/grad_cam.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/image_classification/task.h"
#include "cairn/train/report/classified.h"
#include "cairn/train/report/filters.h"
#include "cairn/train/report/measured.h"

namespace cairn::tasks::image_classification {
namespace {

using namespace train::report;

// Of every test picture, in order.
Classified guesses_on(Classifier& classifier, const data::ImageDatasetPtr& set) {
  constexpr int64_t kBatch = 250;
  Classified all{classifier.classes(), {}, [set](int64_t i) { return data::picture_of(*set, i); }};
  const auto classes = static_cast<int64_t>(all.classes.size());
  for (int64_t first = 0; first < set->size(); first += kBatch) {
    const int64_t count = std::min(kBatch, set->size() - first);
    const auto p =
        softmax(classifier.logits(classifier.batch_of(*set, first, count)), 1).to_vector<float>();
    for (int64_t i = 0; i < count; ++i) {
      const auto row = p.begin() + i * classes;
      const auto best = std::max_element(row, row + classes);
      all.guesses.push_back(
          {first + i, set->label(first + i), static_cast<int>(best - row), *best});
    }
  }
  return all;
}

std::vector<Figure> curves(const Lines& log) {
  const std::string seen = curve_of(log, "validation_loss", "").x.empty() ? "test" : "validation";
  auto figures = loss_charts(log, "cross-entropy", seen);
  for (Figure& f : charts({{LineChart{"Accuracy on unseen pictures",
                                      "step",
                                      "share right",
                                      {curve_of(log, seen + "_accuracy", seen)},
                                      0,
                                      ""},
                            ""}}))
    figures.push_back(std::move(f));
  return figures;
}

// What moved it to its surest mistakes.
void write_reasons(Page& page, Classifier& classifier, const data::ImageDataset& set,
                   const Classified& seen) {
  constexpr size_t kShown = 8;
  const auto wrong = mistakes_of(seen.guesses);
  const int scale = std::max(1, 96 / set.shape().width);
  std::vector<Figure> shown;
  for (size_t i = 0; i < std::min(kShown, wrong.size()); ++i) {
    const Tensor x = classifier.batch_of(set, wrong[i].index, 1);
    const Tensor map = models::grad_cam(classifier.network(), x, wrong[i].guess);
    if (!map.defined()) return;
    const std::string &is = seen.classes[static_cast<size_t>(wrong[i].label)],
                      &guess = seen.classes[static_cast<size_t>(wrong[i].guess)];
    const std::string what = fmt::format("{}: what spoke for {}", is, guess);
    shown.push_back(figure(highlighted(seen.picture(wrong[i].index), map), what, scale));
  }
  if (shown.empty()) return;
  page.heading("What it looked at (Grad-CAM) when it was wrong");
  page.thumbnails(shown);
}

}  // namespace

void report(Page& page, Classifier& classifier, const Lines& log) {
  const auto set = classifier.open("", data::Split::test);
  const Classified seen = guesses_on(classifier, set);
  const metrics::Confusion confusion = seen.confusion();
  const std::string right = fmt::format("{:.2f} %", confusion.accuracy() * 100);
  page.headline(right + " on " + short_name(set->name()));
  page.heading("What it says of pictures it never saw");
  write_guesses(page, seen);
  write_facts(page, classifier, log,
              {{"network", *classifier.options().model},
               {"pictures learned from", with_thousands(classifier.options().examples)},
               {"test pictures", with_thousands(set->size())},
               {"test accuracy", right}});
  auto figures = confusion_figure(confusion, seen.classes);
  for (auto& more :
       {class_scores_figure(confusion, seen.classes), calibration_figure(seen.calibration())})
    figures.insert(figures.end(), more.begin(), more.end());
  for (Figure& f : curves(log)) figures.push_back(std::move(f));
  page.figures(figures);
  write_mistakes(page, seen);
  write_reasons(page, classifier, *set, seen);
  if (set->size() > 0)
    write_filters(page, classifier.network(), classifier.batch_of(*set, 0, 1), seen.picture(0));
}

}  // namespace cairn::tasks::image_classification
