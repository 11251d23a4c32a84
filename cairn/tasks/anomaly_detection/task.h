// Anomalies in time series: rows that a forecast of them did not expect.
#pragma once
#include "cairn/metrics/ranges.h"
#include "cairn/tasks/forecast/task.h"

namespace cairn::tasks::anomaly_detection {

using train::Open, train::Option, train::Use, train::between, train::one_of;
inline constexpr const char* kTask = "anomaly-detection";

struct Options : forecast::Options {
  Options() {
    data.usual({{"", "faults"}});
    context.says("four seasons, or what the rows allow");
  }
  bool judges() const override { return true; }
  Option<std::string> label{this, "label", Open{"anomaly, is_anomaly or label, if there is one"},
                            "Column that is not 0 in rows known to be anomalies"};
  Option<double> quantile{this, "quantile", 1.0, between(0.5, 1),
                          "The threshold: this quantile of the scores of clean validation rows"};
};

// A series without the column of labels, and what that says: rows that are anomalies.
struct Labelled {
  data::Series series;
  std::vector<uint8_t> labels;  // empty: unknown
};
Labelled open_labelled(const Options& o, const std::string& source);

// How unexpected rows are, one after another as they come: a row's score is the largest over the
// series of the root mean square, over the forecasts made 1 ... horizon rows before, of the error
// in units of its usual size. Values above the threshold are not believed: later forecasts read
// what was expected instead, for up to two horizons, after which it is the new usual. NaN: missing,
// or too early. [rows]
std::vector<double> scores_of(const models::Forecaster& net, data::EncodedSeries series,
                              int64_t first, int64_t rows, double threshold);

struct Judged {
  std::vector<double> scores;
  std::vector<uint8_t> marked;
};
Judged judge(const models::Forecaster& net, const data::EncodedSeries& series, int64_t first,
             int64_t rows);
// {examples, threshold, marked_ranges, ...}, with precision, recall and f1 where labels are known.
Json measure(const Judged& judged, std::span<const uint8_t> labels, double threshold);

std::string in_short(const Json& measured);
std::string in_words(const Json& measured);
Json train(Options o);

struct Detector : Model {
  explicit Detector(const train::SavedModel& saved);
  nn::Module& network() override { return net; }
  std::vector<Tensor> inputs(int64_t examples) override;
  std::vector<Port> takes() override;
  std::vector<std::string> gives() const override { return {"expected"}; }  // standardised
  Tensors read(const std::string& file) override;
  std::vector<std::string> names(const Tensors&) const override { return encoding.feature_names(); }

  Options options;
  data::SeriesEncoding encoding;
  models::Forecaster net;
};

void report(train::report::Page& page, Detector& d, const train::report::Lines& log);

}  // namespace cairn::tasks::anomaly_detection
