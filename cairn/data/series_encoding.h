// Which columns of a series are forecast, which only help, and their scales: measured on the
// training rows alone and kept with the network.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "cairn/data/series.h"
#include "cairn/tensor/tensor.h"

namespace cairn::data {

// Rows of training, validation and test, one after another. Windows of validation and test reach
// back before their first row for what they read, never for what they must say.
struct SplitRows {
  int64_t train = 0, validation = 0, test = 0;
};
// "8640,2880,2880"; "" for 70, 10 and 20 %. Throws InvalidOption split_rows.
SplitRows split_rows(const std::string& given, int64_t rows, const std::string& data);

// A series as networks take it: standardised, with what is missing filled from before.
struct EncodedSeries {
  int64_t rows = 0, targets = 0, features = 0;
  std::vector<float> inputs;  // [rows, features]: targets, then covariates, then the calendar
  std::vector<float> truth;   // [rows, targets]; NaN: missing
};

class SeriesEncoding {
 public:
  struct Column {
    std::string name;
    double mean = 0, deviation = 1;  // of the known training rows; deviation by n, not n - 1
    double mase_scale = 0;  // mean |y_t - y_(t - season)| of the training rows, in units; 0: none
  };

  SeriesEncoding() = default;
  // `targets`: columns to forecast; empty: all. Those that never change in the training rows have
  // no scale and are left out. `calendar`: hour, weekday and day of the year join the inputs, those
  // that change. Throws Error when nothing is left, or a training without a known value.
  static SeriesEncoding of(const Series& series, const std::vector<std::string>& targets,
                           int64_t train_rows, int64_t season, bool calendar);
  static SeriesEncoding from_json(const nlohmann::ordered_json& json, const std::string& file);
  nlohmann::ordered_json to_json() const;

  const std::vector<Column>& targets() const { return targets_; }
  const std::vector<Column>& covariates() const { return covariates_; }
  const std::vector<std::string>& left_out() const { return left_out_; }
  int64_t target_count() const { return static_cast<int64_t>(targets_.size()); }
  int64_t features() const;
  std::vector<std::string> feature_names() const;  // the column, or kind of calendar, of each
  // Columns are found by name. Throws Error for one that is not there.
  EncodedSeries encode(const Series& series) const;
  // How many cells of which columns that count encode() fills, and with what, for people; "": none.
  std::string in_words_filled(const Series& series) const;
  // Throws Error for a column without any value in the `context` rows before `origin`: what stands
  // there would all be made up.
  void check_context(const Series& series, int64_t origin, int64_t context) const;
  double in_units(size_t target, double value) const {
    return value * targets_[target].deviation + targets_[target].mean;
  }

 private:
  std::vector<Column> columns() const;  // targets, then covariates

  std::vector<Column> targets_, covariates_;
  std::vector<std::string> left_out_, calendar_;  // calendar_: "hour", "weekday", "day_of_year"
};

// x [origins, context, features]: the rows before each origin.
Tensor contexts(const EncodedSeries& series, const std::vector<int64_t>& origins, int64_t context);
// y [origins, horizon, targets]: the rows from each origin on, 0 where missing; and a mask of 1
// where they are known.
Tensors horizons(const EncodedSeries& series, const std::vector<int64_t>& origins, int64_t horizon);

// Origins whose rows from the origin on lie in [first, first + rows), at most `most` of them,
// evenly apart; those that cannot look back so far are left out.
std::vector<int64_t> origins_in(int64_t first, int64_t rows, int64_t context, int64_t horizon,
                                int64_t most = INT64_MAX);

}  // namespace cairn::data
