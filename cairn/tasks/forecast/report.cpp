#include <algorithm>
#include <cmath>

#include "cairn/tasks/forecast/task.h"
#include "cairn/train/report/curves.h"

namespace cairn::tasks::forecast {
namespace {

using namespace train::report;

// What was, what came, and what was forecast, around an origin.
Figure forecast_figure(Predictor& p, const data::EncodedSeries& s, int64_t origin, size_t target) {
  const Forecast f = p.forecast(s, origin);
  const auto horizon = static_cast<int64_t>(f.point.size());
  const int64_t back = std::min<int64_t>(*p.options.context, 2 * horizon);
  Series truth{"truth", {}, {}}, guess{"forecast", {}, {}}, low{"0.1", {}, {}}, high{"0.9", {}, {}};
  for (int64_t r = origin - back; r < origin + horizon; ++r) {
    truth.x.push_back(static_cast<double>(r - origin + 1));
    truth.y.push_back(
        p.encoding.in_units(target, s.truth[static_cast<size_t>(r * s.targets) + target]));
  }
  for (size_t h = 0; h < f.point.size(); ++h)
    for (auto [series, value] : {std::pair{&guess, f.point[h][target]},
                                 {&low, f.quantiles[h][target].front()},
                                 {&high, f.quantiles[h][target].back()}})
      series->x.push_back(static_cast<double>(h + 1)), series->y.push_back(value);
  return figure(LineChart{.title = p.encoding.targets()[target].name,
                          .x_label = "rows from the forecast on",
                          .y_label = "in the file's units",
                          .series = {truth, guess, low, high}},
                fmt::format("Made after row {}; four of five true values should lie between the "
                            "0.1 and the 0.9 quantile.",
                            origin));
}

Figure error_by_step(const Evaluation& e) {
  LineChart chart{
      .title = "Error by step", .x_label = "step", .y_label = "mse, standardised", .series = {}};
  constexpr std::pair<size_t, const char*> kShown[] = {
      {0, "network"}, {1 + kLinear, "linear"}, {1 + kSeasonal, "season"}};
  for (const auto& [b, name] : kShown) {
    Series line{name, {}, {}};
    for (size_t h = 0; h < e.mse_by_step[b].size(); ++h)
      line.x.push_back(static_cast<double>(h + 1)), line.y.push_back(e.mse_by_step[b][h]);
    chart.series.push_back(line);
  }
  return figure(chart, "The further ahead, the harder; season: repeating the last one.");
}

// How often errors of one step are how large.
Figure histogram(const std::vector<double>& residuals, const std::string& name) {
  double mean = 0, deviation = 0;
  const auto n = static_cast<double>(residuals.size());
  for (const double r : residuals) mean += r / n;
  for (const double r : residuals) deviation += (r - mean) * (r - mean) / n;
  deviation = std::max(std::sqrt(deviation), 1e-9);
  constexpr int kBins = 24;
  std::vector<double> counts(kBins, 0);
  for (const double r : residuals)
    ++counts[static_cast<size_t>(
        std::clamp<double>((r - mean) / deviation * kBins / 8 + kBins / 2, 0, kBins - 1))];
  Series line{name, {}, {}};
  for (int b = 0; b < kBins; ++b) {
    line.x.push_back(mean + deviation * 8 * (b + 0.5 - kBins / 2) / kBins);
    line.y.push_back(counts[static_cast<size_t>(b)] / n);
  }
  return figure(LineChart{.title = "Residuals of " + name,
                          .x_label = "error one step ahead, standardised",
                          .y_label = "part of all",
                          .series = {line}},
                fmt::format("Mean {:.3f}, deviation {:.3f}.", mean, deviation));
}

// Of neighbours `lag` rows apart: what a better forecast could still use.
Figure autocorrelation(const std::vector<double>& residuals, const std::string& name,
                       int64_t most) {
  double mean = 0, variance = 0;
  const auto n = static_cast<int64_t>(residuals.size());
  for (const double r : residuals) mean += r / static_cast<double>(n);
  for (const double r : residuals) variance += (r - mean) * (r - mean);
  Series line{name, {}, {}};
  for (int64_t lag = 1; lag <= std::min(most, n - 1); ++lag) {
    double sum = 0;
    for (int64_t t = lag; t < n; ++t)
      sum += (residuals[static_cast<size_t>(t)] - mean) *
             (residuals[static_cast<size_t>(t - lag)] - mean);
    line.x.push_back(static_cast<double>(lag));
    line.y.push_back(variance > 0 ? sum / variance : 0);
  }
  return figure(LineChart{.title = "Autocorrelation of the residuals of " + name,
                          .x_label = "rows apart",
                          .y_label = "correlation",
                          .series = {line},
                          .reference = 1.96 / std::sqrt(static_cast<double>(n)),
                          .reference_name = "chance"},
                "Above the line there is something left to learn.");
}

// Classical decomposition: a mean over a season, the mean of each phase around it, the rest.
std::vector<Figure> decomposition(const data::EncodedSeries& s, size_t target, int64_t season,
                                  const std::string& name) {
  const int64_t rows = s.rows, half = std::max<int64_t>(season / 2, 1);
  const auto value = [&](int64_t r) {
    return static_cast<double>(s.inputs[static_cast<size_t>(r * s.features) + target]);
  };
  std::vector<double> trend(static_cast<size_t>(rows), NAN), phase(static_cast<size_t>(season), 0),
      counts(static_cast<size_t>(season), 0);
  for (int64_t r = half; r + half < rows; ++r) {
    double sum = 0;
    for (int64_t k = -half; k <= half; ++k)
      sum += value(r + k) * (season % 2 == 0 && std::abs(k) == half ? 0.5 : 1);
    trend[static_cast<size_t>(r)] =
        sum / static_cast<double>(season % 2 == 0 ? 2 * half : 2 * half + 1);
    phase[static_cast<size_t>(r % season)] += value(r) - trend[static_cast<size_t>(r)];
    ++counts[static_cast<size_t>(r % season)];
  }
  for (size_t i = 0; i < phase.size(); ++i) phase[i] /= std::max(counts[i], 1.0);
  Series slow{"trend", {}, {}}, repeated{"season", {}, {}}, rest{"rest", {}, {}};
  const int64_t every = std::max<int64_t>(1, rows / 400);
  for (int64_t r = half; r + half < rows; r += every) {
    const double t = trend[static_cast<size_t>(r)];
    slow.x.push_back(static_cast<double>(r)), slow.y.push_back(t);
    rest.x.push_back(static_cast<double>(r));
    rest.y.push_back(value(r) - t - phase[static_cast<size_t>(r % season)]);
  }
  for (size_t i = 0; i < phase.size(); ++i)
    repeated.x.push_back(static_cast<double>(i)), repeated.y.push_back(phase[i]);
  std::vector<Figure> figures = {figure(LineChart{.title = name + ": trend and rest",
                                                  .x_label = "row",
                                                  .y_label = "standardised",
                                                  .series = {slow, rest}},
                                        fmt::format("Trend: the mean over {} rows.", season))};
  if (season > 1)
    figures.push_back(figure(LineChart{.title = name + ": season",
                                       .x_label = fmt::format("row of {}", season),
                                       .y_label = "standardised",
                                       .series = {repeated}},
                             "The mean distance from the trend at each place."));
  return figures;
}

}  // namespace

void report(Page& page, Predictor& p, const Lines& log) {
  const auto s = p.encoding.encode(p.own_series());
  const bool tests =
      data::split_rows(p.options.split_rows, s.rows, p.options.data).test >= p.options.horizon;
  const std::string split = tests ? "test" : "validation";
  auto origins = p.origins(s, split);
  const auto e = evaluate(p.net, p.encoding, s, origins, p.options.season);
  const Json& m = e.measured;
  const auto ratio = m["mse"].get<double>() / std::max(m["naive_mse"].get<double>(), 1e-12);
  page.headline(
      fmt::format("{} rows ahead, the squared error is {:.0f} % of what repeating the "
                  "last value makes",
                  *p.options.horizon, 100 * ratio));
  page.heading("Forecasts and what came");
  std::vector<Figure> shown;
  for (size_t i = 0; i < std::min<size_t>(4, p.encoding.targets().size()); ++i)
    shown.push_back(forecast_figure(p, s, origins[origins.size() * (i + 1) / 5], i));
  page.figures(shown);
  write_facts(
      page, p, log,
      {{"mse", fmt::format("{:.4f}", m["mse"].get<double>())},
       {"mae", fmt::format("{:.4f}", m["mae"].get<double>())},
       {"inside the 80 % interval", fmt::format("{:.1f} %", 100 * m["coverage80"].get<double>())},
       {"windows", with_thousands(m["examples"].get<int64_t>())}});
  for (const auto& [name, meaning] : m["definitions"].items())
    page.paragraph(name + ": " + meaning.get<std::string>());
  page.heading("Where it errs");
  const std::string first = p.encoding.targets()[0].name;
  page.figures({error_by_step(e), histogram(e.residuals[0], first),
                autocorrelation(e.residuals[0], first, 3 * *p.options.season + 10)});
  page.heading("What the series are made of");
  page.figures(decomposition(s, 0, p.options.season, first));
  page.heading("How it learned");
  page.figures(loss_charts(log, "loss", "validation"));
}

}  // namespace cairn::tasks::forecast
