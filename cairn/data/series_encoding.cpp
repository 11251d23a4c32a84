#include "cairn/data/series_encoding.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "cairn/base/error.h"
#include "cairn/base/invalid_option.h"
#include "cairn/ops/functions.h"

namespace cairn::data {
namespace {

using Json = nlohmann::ordered_json;

// Two passes in f64: a float's sum of a million rows is a percent wrong.
SeriesEncoding::Column measure(const Series& s, int64_t column, int64_t rows, int64_t season) {
  SeriesEncoding::Column c{s.names[static_cast<size_t>(column)], 0, 0, 0};
  double count = 0, sum = 0, squares = 0, steps = 0, distance = 0;
  for (int64_t r = 0; r < rows; ++r)
    if (const double v = s.at(r, column); !std::isnan(v)) sum += v, ++count;
  check(count > 0, "'{}': column '{}' has no number in the {} training rows", s.source, c.name,
        rows);
  c.mean = sum / count;
  for (int64_t r = 0; r < rows; ++r) {
    const double v = s.at(r, column);
    if (std::isnan(v)) continue;
    squares += (v - c.mean) * (v - c.mean);
    const double before = r >= season ? s.at(r - season, column) : NAN;
    if (!std::isnan(before)) distance += std::abs(v - before), ++steps;
  }
  c.deviation = std::sqrt(squares / count);
  if (c.deviation <= 1e-12 * std::abs(c.mean)) c.deviation = 0;
  c.mase_scale = steps > 0 ? distance / steps : 0;
  return c;
}

// Places on a circle, so that midnight is beside eleven.
std::pair<double, double> calendar_place(const std::string& kind, const CivilTime& c) {
  const double hours = c.hour + c.minute / 60.0 + c.second / 3600.0;
  const double part = kind == "hour"      ? hours / 24
                      : kind == "weekday" ? (c.weekday + hours / 24) / 7
                                          : (c.day_of_year + hours / 24) / 365.25;
  return {std::sin(2 * M_PI * part), std::cos(2 * M_PI * part)};
}

std::vector<std::string> calendar_of(const Series& s) {
  std::vector<std::string> kinds;
  if (s.times.empty()) return kinds;
  const Micros span = s.times.back() - s.times.front();
  if (s.step > 0 && s.step < kDay) kinds.emplace_back("hour");
  if (s.step > 0 && s.step <= kDay) kinds.emplace_back("weekday");
  if (span > 365 * kDay) kinds.emplace_back("day_of_year");
  return kinds;
}

}  // namespace

SplitRows split_rows(const std::string& given, int64_t rows, const std::string& data) {
  if (given.empty()) {
    const int64_t train = rows * 7 / 10, test = rows * 2 / 10;
    return {train, rows - train - test, test};
  }
  std::vector<int64_t> parts;
  for (const char *at = given.data(), *end = at + given.size();;) {
    int64_t count = 0;
    const auto [stop, error] = std::from_chars(at, end, count);
    if (error != std::errc() || count < 0 || count > (int64_t{1} << 40))
      throw InvalidOption("split_rows", fmt::format("'{}' is not like 8640,2880,2880", given));
    parts.push_back(count);
    if (stop == end) break;
    if (*stop != ',' && *stop != ' ')
      throw InvalidOption("split_rows", fmt::format("'{}' is not like 8640,2880,2880", given));
    at = stop + 1;
  }
  if (parts.size() != 3)
    throw InvalidOption("split_rows", fmt::format("{} numbers; give three: rows of training, "
                                                  "validation and test",
                                                  parts.size()));
  if (parts[0] + parts[1] + parts[2] > rows)
    throw InvalidOption("split_rows", fmt::format("{} rows together, but '{}' has {}",
                                                  parts[0] + parts[1] + parts[2], data, rows));
  return {parts[0], parts[1], parts[2]};
}

SeriesEncoding SeriesEncoding::of(const Series& s, const std::vector<std::string>& targets,
                                  int64_t train_rows, int64_t season, bool calendar) {
  SeriesEncoding e;
  for (const std::string& name : targets) s.column(name);
  for (int64_t i = 0; i < s.columns(); ++i) {
    const std::string& name = s.names[static_cast<size_t>(i)];
    const bool wanted =
        targets.empty() || std::find(targets.begin(), targets.end(), name) != targets.end();
    const Column c = measure(s, i, train_rows, season);
    if (c.deviation == 0) e.left_out_.push_back(name);
    else (wanted ? e.targets_ : e.covariates_).push_back(c);
  }
  if (e.targets_.empty())
    fail("'{}': {} never changes in the {} training rows; there is nothing to forecast", s.source,
         targets.size() == 1 ? "'" + targets[0] + "'" : "every column", train_rows);
  if (calendar) e.calendar_ = calendar_of(s);
  return e;
}

Json SeriesEncoding::to_json() const {
  const auto list = [](const std::vector<Column>& columns) {
    Json all = Json::array();
    for (const Column& c : columns)
      all.push_back({{"name", c.name},
                     {"mean", c.mean},
                     {"deviation", c.deviation},
                     {"mase_scale", c.mase_scale}});
    return all;
  };
  return {{"targets", list(targets_)},
          {"covariates", list(covariates_)},
          {"left_out", left_out_},
          {"calendar", calendar_}};
}

SeriesEncoding SeriesEncoding::from_json(const Json& json, const std::string& file) {
  SeriesEncoding e;
  const auto read = [](const Json& list) {
    std::vector<Column> all;
    for (const Json& j : list)
      all.push_back({j.at("name"), j.at("mean"), j.at("deviation"), j.at("mase_scale")});
    return all;
  };
  try {
    e.targets_ = read(json.at("targets")), e.covariates_ = read(json.at("covariates"));
    e.left_out_ = json.at("left_out").get<std::vector<std::string>>();
    e.calendar_ = json.at("calendar").get<std::vector<std::string>>();
  } catch (const nlohmann::json::exception& error) {
    fail("'{}': the encoding of its series is damaged: {}", file, error.what());
  }
  check(!e.targets_.empty(), "'{}': the encoding of its series is damaged: it forecasts nothing",
        file);
  return e;
}

int64_t SeriesEncoding::features() const {
  return static_cast<int64_t>(targets_.size() + covariates_.size() + 2 * calendar_.size());
}

std::vector<std::string> SeriesEncoding::feature_names() const {
  std::vector<std::string> names;
  for (const Column& c : targets_) names.push_back(c.name);
  for (const Column& c : covariates_) names.push_back(c.name);
  for (const std::string& kind : calendar_) names.insert(names.end(), 2, kind);
  return names;
}

std::vector<SeriesEncoding::Column> SeriesEncoding::columns() const {
  std::vector<Column> all = targets_;
  all.insert(all.end(), covariates_.begin(), covariates_.end());
  return all;
}

std::string SeriesEncoding::in_words_filled(const Series& s) const {
  constexpr size_t kNamed = 5;
  int64_t cells = 0;
  std::vector<std::string> counts;
  std::string first;
  int64_t first_line = 0;
  for (const Column& c : columns()) {
    const auto it = s.missing.find(c.name);
    if (it == s.missing.end()) continue;
    const auto& [count, line] = it->second;
    cells += count, counts.push_back(fmt::format("'{}' {}", c.name, count));
    if (first.empty() || line < first_line) first = c.name, first_line = line;
  }
  if (cells + s.filled == 0) return "";
  std::string words = fmt::format("'{}': ", s.source);
  if (cells > 0) {
    const size_t others = counts.size() > kNamed ? counts.size() - kNamed : 0;
    counts.resize(counts.size() - others);
    words += fmt::format("{} cells are missing ({}{}; the first in line {}, column '{}')", cells,
                         fmt::join(counts, ", "),
                         others > 0 ? fmt::format(" and {} other columns", others) : "", first_line,
                         first);
  }
  if (s.filled > 0) words += fmt::format("{}{} rows are missing", cells > 0 ? ", " : "", s.filled);
  return words +
         "; each is filled with the value before it, or its column's mean where there is none, and "
         "what is missing is neither learned nor measured";
}

void SeriesEncoding::check_context(const Series& s, int64_t origin, int64_t context) const {
  for (const Column& c : columns()) {
    const int64_t place = s.column(c.name);
    bool known = false;
    for (int64_t r = std::max<int64_t>(0, origin - context); r < origin && !known; ++r)
      known = !std::isnan(s.at(r, place));
    check(known,
          "'{}': column '{}' has no value in the {} rows that the network looks back over; nothing "
          "can be forecast from them: put values in, or end the file where there are some",
          s.source, c.name, context);
  }
}

EncodedSeries SeriesEncoding::encode(const Series& s) const {
  EncodedSeries e{s.rows(), target_count(), features(), {}, {}};
  const std::vector<Column> columns = this->columns();
  std::vector<int64_t> places;
  for (const Column& c : columns) places.push_back(s.column(c.name));
  check(calendar_.empty() || !s.times.empty(),
        "'{}' states no times; the network was trained on a calendar", s.source);
  e.inputs.reserve(static_cast<size_t>(e.rows * e.features));
  std::vector<float> last(columns.size(), 0);  // the mean, until something is known
  for (int64_t r = 0; r < e.rows; ++r) {
    for (size_t i = 0; i < columns.size(); ++i) {
      const double v = (s.at(r, places[i]) - columns[i].mean) / columns[i].deviation;
      if (!std::isnan(v)) last[i] = static_cast<float>(v);
      e.inputs.push_back(last[i]);
      if (i < targets_.size()) e.truth.push_back(static_cast<float>(v));
    }
    if (calendar_.empty()) continue;
    const CivilTime c = civil(s.stamps.clock(s.times[static_cast<size_t>(r)]));
    for (const std::string& kind : calendar_) {
      const auto [sine, cosine] = calendar_place(kind, c);
      e.inputs.push_back(static_cast<float>(sine)), e.inputs.push_back(static_cast<float>(cosine));
    }
  }
  return e;
}

Tensor contexts(const EncodedSeries& s, const std::vector<int64_t>& origins, int64_t context) {
  const int64_t size = context * s.features;
  std::vector<float> x;
  x.reserve(origins.size() * static_cast<size_t>(size));
  for (const int64_t origin : origins) {
    check(origin >= context && origin <= s.rows, "series: a window of {} rows ends at row {} of {}",
          context, origin, s.rows);
    const auto end = s.inputs.begin() + origin * s.features;
    x.insert(x.end(), end - size, end);
  }
  return from_host(x.data(), {static_cast<int64_t>(origins.size()), context, s.features},
                   DType::f32);
}

Tensors horizons(const EncodedSeries& s, const std::vector<int64_t>& origins, int64_t horizon) {
  std::vector<float> y, mask;
  for (const int64_t origin : origins) {
    check(origin >= 0 && origin + horizon <= s.rows, "series: rows {} to {} of {}", origin,
          origin + horizon, s.rows);
    for (int64_t i = origin * s.targets; i < (origin + horizon) * s.targets; ++i) {
      const float v = s.truth[static_cast<size_t>(i)];
      y.push_back(std::isnan(v) ? 0 : v), mask.push_back(std::isnan(v) ? 0 : 1);
    }
  }
  const Shape shape = {static_cast<int64_t>(origins.size()), horizon, s.targets};
  return {from_host(y.data(), shape, DType::f32), from_host(mask.data(), shape, DType::f32)};
}

std::vector<int64_t> origins_in(int64_t first, int64_t rows, int64_t context, int64_t horizon,
                                int64_t most) {
  const int64_t begin = std::max(first, context), count = first + rows - horizon - begin + 1;
  std::vector<int64_t> all;
  const int64_t kept = std::min(std::max<int64_t>(count, 0), most);
  for (int64_t i = 0; i < kept; ++i) all.push_back(begin + i * count / kept);
  return all;
}

}  // namespace cairn::data
