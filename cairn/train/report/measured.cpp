#include "cairn/train/report/measured.h"

#include <algorithm>
#include <cmath>

#include "cairn/ops/functions.h"

namespace cairn::train::report {
namespace {

constexpr double kLetters = 12;     // pixels, of what stands in a cell
constexpr size_t kMostDots = 2000;  // of a cloud

}  // namespace

std::vector<Figure> confusion_figure(const metrics::Confusion& confusion,
                                     const std::vector<std::string>& classes) {
  if (classes.size() > kMostClasses || confusion.examples() == 0) return {};
  HeatMap map{
      "Which class is taken for which", "true class", "guess", classes, classes, {}, {}, 34};
  for (const auto& row : confusion.counts()) {
    int64_t all = 0;
    for (int64_t count : row) all += count;
    for (int64_t count : row) {
      map.values.push_back(all ? static_cast<double>(count) / static_cast<double>(all) : 0);
      map.print.push_back(count ? std::to_string(count) : "");
      map.cell = std::max(map.cell, 8 + static_cast<int>(text_width(map.print.back(), kLetters)));
    }
  }
  return {figure(map,
                 "Each row holds the examples of one class; "
                 "what is off the diagonal was taken for something else.")};
}

std::vector<Figure> confusion_figure(const Json& measured,
                                     const std::vector<std::string>& classes) {
  const auto counts = measured["confusion"].get<std::vector<std::vector<int64_t>>>();
  return confusion_figure(metrics::Confusion(counts), classes);
}

std::vector<Figure> class_scores_figure(const metrics::Confusion& confusion,
                                        const std::vector<std::string>& classes) {
  if (classes.size() > kMostClasses || confusion.examples() == 0) return {};
  HeatMap map{"How well each class is known", "class", "", classes,
              {"precision", "recall", "F1"},  {},      {}, 64};
  for (size_t c = 0; c < classes.size(); ++c) {
    const metrics::ClassScores s = confusion.scores_of(c);
    for (const double value : {s.precision, s.recall, s.f1}) {
      map.values.push_back(value);
      map.print.push_back(fmt::format("{:.3f}", value));
    }
  }
  map.gamma = 4;  // what is near 1 differs, too
  return {
      figure(map,
             "Precision: how much of what is called so is so. Recall: how much of what is so is "
             "called so. F1: their harmonic mean.")};
}

std::vector<Figure> calibration_figure(const metrics::Calibration& calibration) {
  Series said{"it", {}, {}};
  for (const auto& bin : calibration.bins())
    if (bin.count > 0) said.x.push_back(bin.confidence), said.y.push_back(bin.accuracy);
  if (said.x.empty()) return {};
  said.is_cloud = said.x.size() < 2;
  return {figure(LineChart{"Is it as right as it is sure?",
                           "how sure it is",
                           "how often it is right",
                           {said, {"as sure as right", {0, 1}, {0, 1}}},
                           0,
                           ""},
                 fmt::format("Below the line it is too sure of itself. Expected calibration error, "
                             "the mean distance from the line: {:.4f}",
                             calibration.error()))};
}

std::vector<Figure> regression_figure(const std::string& what, const std::vector<double>& truth,
                                      const std::vector<double>& said) {
  Series cloud{"one row", {}, {}, true};
  const size_t step = truth.size() / kMostDots + 1;
  double low = INFINITY, high = -INFINITY;
  for (size_t i = 0; i < truth.size(); i += step) {
    cloud.x.push_back(truth[i]), cloud.y.push_back(said[i]);
    low = std::min(low, truth[i]), high = std::max(high, truth[i]);
  }
  if (!(high > low)) return {};
  return {figure(LineChart{what + ", true and predicted",
                           "true",
                           "predicted",
                           {cloud, {"both equal", {low, high}, {low, high}}},
                           0,
                           ""})};
}

std::vector<Figure> said_figure(const data::TableEncoding& e, const Tensor& truth,
                                const Tensor& outputs) {
  if (!e.classifies())
    return regression_figure(e.target(), e.in_units(truth), e.in_units(flatten(outputs)));
  const auto right = truth.to_vector<int64_t>(), said = argmax(outputs, 1).to_vector<int64_t>();
  metrics::Confusion confusion(e.classes().size());
  for (size_t i = 0; i < right.size(); ++i) confusion.add(right[i], said[i]);
  return confusion_figure(confusion, e.classes());
}

}  // namespace cairn::train::report
