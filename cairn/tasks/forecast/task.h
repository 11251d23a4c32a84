// Forecasts of time series: what the files of the task share.
#pragma once
#include <optional>

#include "cairn/data/linear_map.h"
#include "cairn/data/series_encoding.h"
#include "cairn/data/smoothing.h"
#include "cairn/metrics/forecast.h"
#include "cairn/models/forecast.h"
#include "cairn/tasks/task.h"
#include "cairn/train/supervised.h"

namespace cairn::tasks::forecast {

using train::Open, train::Option, train::Use, train::whole, train::between, train::one_of;
inline constexpr const char* kTask = "forecast";

struct Options : train::SupervisedOptions {
  Options() {
    batch.usual(32), lr.usual({{"linear", 1e-3}, {"", 5e-4}});
    weight_decay.usual({{"linear", 0.0}, {"", 0.01}}), clip.usual({{"linear", 0.0}, {"", 1.0}});
    steps.usual({{"linear", 200}}), eval_every.says("each epoch, or a quarter of the steps");
    epochs.usual({{"rnn", 6}, {"lstm", 6}, {"gru", 6}, {"patch", 6}});
    for (train::AnyOption* o :
         std::initializer_list<train::AnyOption*>{&width, &layers, &patch, &dropout})
      o->only_with({"rnn", "lstm", "gru", "patch"});
    heads.only_with({"patch"});
  }
  train::DataOption data{this, "waves",
                         "Columns of numbers, a row for each time: a CSV file (also .gz), or cells "
                         "between blanks; 'waves' are drawn"};
  Option<int64_t> horizon{this, "horizon", 24, whole(1, 10000), "Rows to forecast"};
  Option<int64_t> context{this, "context", Open{"512, or what the rows allow"}, whole(1, 4096),
                          "Rows to look back"};
  Option<std::vector<std::string>> target{this, "target", Open{"all"},
                                          "Columns to forecast; the others help"};
  Option<std::string> split_rows{this, "split_rows", Open{"70, 10 and 20 % of the rows"},
                                 "Rows of training, validation and test: A,B,C"};
  Option<std::string> model{this, "model", "linear",
                            one_of({"linear", "rnn", "lstm", "gru", "patch"}),
                            "What corrects the linear map; patch: a Transformer over patches"};
  Option<int64_t> width{this, "width", 64, whole(1, 65536), "Features of a patch"};
  Option<int64_t> layers{this, "layers", 2, whole(1, 1000), "Layers"};
  Option<int64_t> heads{this, "heads", 4, whole(1, 1000), "Attention heads"};
  Option<int64_t> patch{this, "patch", Open{"16, or what the context allows"}, whole(1, 4096),
                        "Rows that are read at once"};
  Option<double> dropout{this, "dropout", 0.2, between(0, 0.9), "Part of the features dropped"};
  Option<int64_t> season{this, "season", Open{"a day, week or year, by the times"},
                         whole(1, 100000),
                         "Rows after which things repeat, for the baselines and MASE"};
  Option<bool> calendar{this, "calendar", true,
                        "Hour, weekday and day of the year help, where times are stated"};
  Option<std::string> time{this, "time", Open{"the first, where it holds times"},
                           "Column of times"};
  Option<std::string> time_format{this, "time_format", Open{"ISO 8601"},
                                  "How times are written, as in '%m/%d/%Y %H:%M'"};
  Option<std::string> time_zone{this, "time_zone", Open{"one without summer time"},
                                "Whose clock times are of, as Europe/Berlin"};
  Option<Json> encoding{this, "encoding"};       // a fact: columns and their scales
  virtual bool judges() const { return false; }  // whether errors find anomalies
};

data::SeriesFormat format_of(const Options& o);
// On standard error, what of it was missing and is filled.
void say_filled(const data::SeriesEncoding& encoding, const data::Series& series);
models::ForecasterOptions network_options(const Options& o, const data::SeriesEncoding& e);
// For a run that is opened: what does not fit together is an error that names its configuration.
models::Forecaster open_network(const Options& o, const data::SeriesEncoding& e,
                                const std::string& file);

// What a forecast is compared with, in the order of the network's `baselines`.
inline const std::vector<std::string> kBaselines = {"naive", "seasonal_naive", "linear",
                                                    "smoothing"};
enum Baseline : size_t { kNaive, kSeasonal, kLinear, kSmoothing };

// Forecasts of the baselines, in standardised values. Each knows the rows before an origin alone.
class Baselines {
 public:
  Baselines(const data::EncodedSeries& series, int64_t season, const models::Forecaster& net);
  // `linear`: the map's forecasts of the batch. [baselines][origins * horizon * targets].
  std::vector<std::vector<float>> forecast(const std::vector<int64_t>& origins, int64_t horizon,
                                           const Tensor& x) const;

 private:
  const data::EncodedSeries& series_;
  int64_t season_;
  Tensor linear_;
  std::vector<data::Smoothed> smoothed_;
};
// Rates of exponential smoothing, from training rows.
Tensor fit_smoothing(const data::EncodedSeries& series, int64_t train_rows, int64_t season);

// Quantiles of the baselines' errors on the windows of `origins`, in units of each window:
// [baselines, horizon, targets, levels].
Tensor baseline_offsets(const data::EncodedSeries& series, const std::vector<int64_t>& origins,
                        const Baselines& baselines, const models::Forecaster& net);

// What a training validates by, on windows evenly apart: chooses whether the correction counts (it
// does where it is better by one standard error, over blocks of `horizon` rows) and the factor that
// lets 80 % of the values lie between the 0.1 and the 0.9 quantile, and gives {examples, loss, mse,
// mae, coverage80}. `known`: windows of training and validation, on which the factor is found while
// the linear map forecasts alone; one stretch of time is often calmer or rougher than what follows
// (conformal prediction over all of the past: Barber et al. 2023).
Json validate(const models::Forecaster& net, const data::EncodedSeries& series,
              const std::vector<int64_t>& origins, const std::vector<int64_t>& known);

// Everything about windows: mse ... coverage80 of the network and, with their names before, of the
// baselines.
struct Evaluation {
  Json measured;
  std::vector<std::vector<double>> mse_by_step;  // the network's, then the baselines'
  std::vector<std::vector<double>> residuals;    // of each target one step ahead, standardised
};
Evaluation evaluate(const models::Forecaster& net, const data::SeriesEncoding& encoding,
                    const data::EncodedSeries& series, const std::vector<int64_t>& origins,
                    int64_t season);

std::string in_short(const Json& measured);  // in a line
std::string in_words(const Json& measured);  // beside the baselines, with what each number is

// A training of series whatever is made of it: options that the data leave open, network, session.
struct Trained {
  const models::Forecaster& net;
  const data::SeriesEncoding& encoding;
  const data::EncodedSeries& series;
  const data::SplitRows& split;
};
struct Hooks {
  std::function<void(const Trained&)> validated = {};  // after each validation
  std::function<Json(const Trained&)> measure;         // of the kept weights, on test rows if any
};
Json train_forecaster(const char* task, Options& o, const data::Series& series, const Hooks& hooks);
Json train(Options o);

// Of the next `horizon` rows after an origin, in the units of the file: [horizon][targets].
struct Forecast {
  std::vector<std::vector<double>> point;
  std::vector<std::vector<std::vector<double>>> quantiles;  // [horizon][targets][levels]
};

struct Predictor : Model {
  explicit Predictor(const train::SavedModel& saved);
  nn::Module& network() override { return net; }
  std::vector<Tensor> inputs(int64_t examples) override;
  std::vector<Port> takes() override;
  std::vector<std::string> gives() const override { return {"forecast", "quantiles"}; }
  Tensors forward(std::span<const Tensor> in) override;  // in the units of the file
  Tensors read(const std::string& file) override;
  std::vector<std::string> names(const Tensors&) const override { return encoding.feature_names(); }
  data::Series own_series() const;
  Forecast forecast(const data::EncodedSeries& series, int64_t origin);
  // Windows of the run's own data: split "train", "validation" or "test".
  std::vector<int64_t> origins(const data::EncodedSeries& own, const std::string& split) const;

  Options options;
  data::SeriesEncoding encoding;
  models::Forecaster net;
};

void report(train::report::Page& page, Predictor& p, const train::report::Lines& log);

}  // namespace cairn::tasks::forecast
