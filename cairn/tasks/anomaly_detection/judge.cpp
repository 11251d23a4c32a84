#include <algorithm>
#include <cmath>

#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/anomaly_detection/task.h"

namespace cairn::tasks::anomaly_detection {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

// The forecasts of the last `horizon` origins, the newest last.
class Expected {
 public:
  Expected(const models::Forecaster& net, const data::EncodedSeries& series)
      : net_(net),
        horizon_(net.options().horizon),
        targets_(series.targets),
        made_(static_cast<size_t>(horizon_)) {}

  void make(const data::EncodedSeries& series, int64_t origin) {
    const Tensor x = data::contexts(series, {origin}, net_.options().context);
    made_[static_cast<size_t>(origin % horizon_)] = {origin, net_(x).to_vector<float>()};
  }
  // Of a row and target: visit(step, value) for each forecast that was made of it.
  template <class Visit>
  void of(int64_t row, int64_t target, Visit visit) const {
    for (const auto& [origin, values] : made_) {
      const int64_t step = row - origin;
      if (values.empty() || step < 0 || step >= horizon_) continue;
      visit(step, double(values[static_cast<size_t>(step * targets_ + target)]));
    }
  }

 private:
  struct Made {
    int64_t origin = 0;
    std::vector<float> values;
  };
  const models::Forecaster& net_;
  int64_t horizon_, targets_;
  std::vector<Made> made_;
};

}  // namespace

std::vector<double> scores_of(const models::Forecaster& net, data::EncodedSeries s, int64_t first,
                              int64_t rows, double threshold) {
  const NoGrad no_grad;
  const int64_t horizon = net.options().horizon, context = net.options().context;
  const auto scale = net.error_scale.to_vector<float>();
  Expected expected(net, s);
  std::vector<double> scores;
  int64_t disbelieved = 0;
  for (int64_t row = std::max(context, first - horizon + 1); row < first + rows; ++row) {
    expected.make(s, row);
    double score = kNone;
    std::vector<float> guesses(static_cast<size_t>(s.targets));
    for (int64_t i = 0; i < s.targets; ++i) {
      const float truth = s.truth[static_cast<size_t>(row * s.targets + i)];
      double squares = 0, sum = 0, count = 0;
      expected.of(row, i, [&](int64_t step, double value) {
        const double e = (truth - value) / scale[static_cast<size_t>(step * s.targets + i)];
        squares += e * e, sum += value, ++count;
      });
      guesses[static_cast<size_t>(i)] = static_cast<float>(sum / count);
      if (!std::isnan(truth)) score = std::fmax(score, std::sqrt(squares / count));
    }
    if (row >= first) scores.push_back(score);
    disbelieved = score > threshold ? disbelieved + 1 : 0;
    if (disbelieved > 0 && disbelieved <= 2 * horizon)
      std::copy(guesses.begin(), guesses.end(), s.inputs.begin() + row * s.features);
  }
  scores.insert(scores.begin(), static_cast<size_t>(rows) - scores.size(), kNone);
  return scores;
}

Judged judge(const models::Forecaster& net, const data::EncodedSeries& s, int64_t first,
             int64_t rows) {
  const double threshold = net.threshold.item();
  Judged j{scores_of(net, s, first, rows, threshold), {}};
  for (const double score : j.scores) j.marked.push_back(score > threshold);
  return j;
}

Json measure(const Judged& j, std::span<const uint8_t> labels, double threshold) {
  const auto marked = metrics::ranges_of(j.marked);
  Json r = {{"examples", j.scores.size()},
            {"threshold", threshold},
            {"marked_rows", std::count(j.marked.begin(), j.marked.end(), 1)},
            {"marked_ranges", marked.size()}};
  if (labels.empty()) {
    for (const char* name : {"precision", "recall", "f1"}) r[name] = nullptr;
    return r;
  }
  const auto truth = metrics::ranges_of(labels);
  const auto scores = metrics::range_scores(truth, marked);
  double both = 0, of_marked = 0, of_true = 0;
  for (size_t i = 0; i < labels.size(); ++i) {
    both += labels[i] && j.marked[i], of_marked += j.marked[i], of_true += labels[i];
  }
  r.update({{"precision", scores.precision},
            {"recall", scores.recall},
            {"f1", scores.f1},
            {"anomalies", truth.size()},
            {"found", scores.found},
            {"row_precision", of_marked > 0 ? both / of_marked : 0},
            {"row_recall", of_true > 0 ? both / of_true : 0},
            {"definitions",
             {{"precision",
               "mean over marked ranges of their part that lies in true ones, divided by the "
               "number of pieces (Tatbul et al. 2018, flat bias); 0 to 1"},
              {"recall",
               "mean over true ranges: half for being found at all, half their part that is marked "
               "divided by the number of pieces; 0 to 1"},
              {"f1", "harmonic mean of precision and recall"}}}});
  return r;
}

std::string in_short(const Json& r) {
  const auto marked =
      fmt::format("{} of {} rows marked", r["marked_rows"].dump(), r["examples"].dump());
  if (r["precision"].is_null()) return marked + "; no labels say what is right";
  return fmt::format("precision {:.3f}, recall {:.3f}, f1 {:.3f}; {} of {} anomalies found, {}",
                     r["precision"].get<double>(), r["recall"].get<double>(), r["f1"].get<double>(),
                     r["found"].dump(), r["anomalies"].dump(), marked);
}

std::string in_words(const Json& r) {
  std::string text = in_short(r);
  if (r.contains("definitions"))
    for (const auto& [name, meaning] : r["definitions"].items())
      text += fmt::format("\n{}: {}", name, meaning.get<std::string>());
  return text;
}

}  // namespace cairn::tasks::anomaly_detection
