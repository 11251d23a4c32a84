#include <algorithm>
#include <cmath>
#include <numeric>

#include "cairn/base/round.h"
#include "cairn/dist/share_out.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/forecast/task.h"

namespace cairn::tasks::forecast {
namespace {

constexpr size_t kBatch = 32;

std::vector<std::vector<int64_t>> batches_of(const std::vector<int64_t>& origins) {
  std::vector<std::vector<int64_t>> all;
  for (size_t i = 0; i < origins.size(); i += kBatch)
    all.emplace_back(origins.begin() + static_cast<int64_t>(i),
                     origins.begin() + static_cast<int64_t>(std::min(i + kBatch, origins.size())));
  return all;
}

// A value's known truth and two forecasts of it, and where its window's unit reaches.
struct Seen {
  float truth, linear, corrected, unit, low, high;  // low, high: offsets of 0.1 and 0.9
};
using Window = std::vector<Seen>;

std::vector<Window> seen_by(const models::Forecaster& net, const data::EncodedSeries& s,
                            const std::vector<int64_t>& origins) {
  const int64_t horizon = net.options().horizon;
  const auto offsets = sort(net.offsets, 2).values.to_vector<float>();
  const Tensor counts = net.corrects + 0.0;
  const auto forecast = [&](const Tensor& x, double corrects) {
    assign(net.corrects, full({1}, corrects));
    return net(x).to_vector<float>();
  };
  const auto batches = batches_of(origins);
  std::vector<Window> windows(origins.size());
  const auto look = [&](int64_t number) {
    const auto& batch = batches[static_cast<size_t>(number)];
    const Tensor x = data::contexts(s, batch, net.options().context);
    const auto linear = forecast(x, 0), corrected = forecast(x, 1),
               unit = net.unit(x).to_vector<float>();
    const auto values = static_cast<size_t>(horizon * s.targets);
    const auto targets = static_cast<size_t>(s.targets);
    for (size_t n = 0; n < batch.size(); ++n) {
      Window& window = windows[static_cast<size_t>(number) * kBatch + n];
      for (size_t i = 0; i < values; ++i) {
        const float truth = s.truth[static_cast<size_t>(batch[n]) * targets + i];
        if (std::isnan(truth)) continue;
        window.push_back({truth, linear[n * values + i], corrected[n * values + i],
                          unit[n * targets + i % targets], offsets[i * metrics::kLevelCount],
                          offsets[(i + 1) * metrics::kLevelCount - 1]});
      }
    }
  };
  dist::share_out(std::ssize(batches), look, [&](int64_t number, dist::Parcel& parcel) {
    for (size_t n = 0; n < batches[static_cast<size_t>(number)].size(); ++n)
      parcel.pass(windows[static_cast<size_t>(number) * kBatch + n]);
  });
  assign(net.corrects, counts);
  return windows;
}

// Whether the corrected forecasts are better by one standard error, over blocks of windows.
bool correction_helps(const std::vector<Window>& windows, size_t block) {
  std::vector<double> gains;
  for (size_t i = 0; i < windows.size(); i += block) {
    double gain = 0, values = 0;
    for (size_t w = i; w < std::min(i + block, windows.size()); ++w)
      for (const Seen& v : windows[w]) {
        const double a = v.truth - v.linear, b = v.truth - v.corrected;
        gain += a * a - b * b, ++values;
      }
    if (values > 0) gains.push_back(gain / values);
  }
  const auto n = static_cast<double>(gains.size());
  double mean = 0, variance = 0;
  for (const double g : gains) mean += g / n;
  for (const double g : gains) variance += (g - mean) * (g - mean) / std::max(1.0, n - 1);
  return mean > std::sqrt(variance / std::max(1.0, n));
}

// The factor of the offsets with which 80 % of the values are inside.
double calibration_of(const std::vector<Window>& windows, bool corrected) {
  std::vector<double> needed;
  for (const Window& window : windows)
    for (const Seen& v : window) {
      const double r = (v.truth - (corrected ? v.corrected : v.linear)) / v.unit;
      const double reach = r >= 0 ? v.high : -v.low;
      if (reach > 1e-6) needed.push_back(std::abs(r) / reach);
      else needed.push_back(1e6);
    }
  if (needed.empty()) return 1;
  const auto at =
      needed.begin() + static_cast<int64_t>(0.8 * static_cast<double>(needed.size() - 1));
  std::nth_element(needed.begin(), at, needed.end());
  return std::clamp(*at, 1e-3, 1e3);
}

}  // namespace

Json validate(const models::Forecaster& net, const data::EncodedSeries& s,
              const std::vector<int64_t>& origins, const std::vector<int64_t>& known) {
  const NoGrad no_grad;
  const auto windows = seen_by(net, s, origins);
  const int64_t apart = origins.size() > 1 ? std::max<int64_t>(1, origins[1] - origins[0]) : 1;
  const int64_t block = ceil_div(net.options().horizon, apart);
  const bool helps =
      net.options().model != "linear" && correction_helps(windows, static_cast<size_t>(block));
  // A network's errors on what it learned from say nothing; those of a linear map hardly differ,
  // and all seasons tell more than the last one.
  const double calibration = calibration_of(helps ? windows : seen_by(net, s, known), helps);
  assign(net.corrects, full({1}, helps ? 1 : 0));
  assign(net.calibration, full({1}, calibration));
  double squared = 0, absolute = 0, inside = 0, count = 0;
  for (const Window& window : windows)
    for (const Seen& v : window) {
      const double error = v.truth - (helps ? v.corrected : v.linear);
      squared += error * error, absolute += std::abs(error), ++count;
      inside += error >= v.low * v.unit * calibration && error <= v.high * v.unit * calibration;
    }
  check(count > 0, "forecast: no known value in the rows of validation");
  const auto batches = batches_of(origins);
  std::vector<double> losses(batches.size());
  dist::share_out(
      std::ssize(batches),
      [&](int64_t i) {
        const auto& batch = batches[static_cast<size_t>(i)];
        const Tensor x = data::contexts(s, batch, net.options().context);
        const Tensors y = data::horizons(s, batch, net.options().horizon);
        losses[static_cast<size_t>(i)] = net.quantile_loss(x, net(x), y[0], y[1]).item();
      },
      [&](int64_t i, dist::Parcel& parcel) { parcel.pass(losses[static_cast<size_t>(i)]); });
  const double quantile_loss = std::accumulate(losses.begin(), losses.end(), 0.0);
  return {{"examples", origins.size()},
          {"loss", squared / count + quantile_loss / static_cast<double>(batches.size())},
          {"mse", squared / count},
          {"mae", absolute / count},
          {"coverage80", inside / count}};
}

Evaluation evaluate(const models::Forecaster& net, const data::SeriesEncoding& e,
                    const data::EncodedSeries& s, const std::vector<int64_t>& origins,
                    int64_t season) {
  const NoGrad no_grad;
  const int64_t horizon = net.options().horizon;
  std::vector<metrics::ForecastErrors::Scale> scales;
  for (const auto& c : e.targets()) scales.push_back({c.mean, c.deviation, c.mase_scale});
  std::vector<metrics::ForecastErrors> errors(
      1 + kBaselines.size(), metrics::ForecastErrors(scales, static_cast<size_t>(horizon)));
  const Baselines baselines(s, season, net);
  const auto offsets = net.baselines.to_vector<float>();
  const auto values = static_cast<size_t>(horizon * s.targets);
  const auto targets = static_cast<size_t>(s.targets);
  constexpr size_t kLevels = metrics::kLevelCount;
  Evaluation result;
  result.residuals.resize(targets);
  struct Looked {
    std::vector<float> guess, unit, quantiles;
    std::vector<std::vector<float>> others{kBaselines.size()};
  };
  const auto batches = batches_of(origins);
  std::vector<Looked> all(batches.size());
  const auto look = [&](int64_t i) {
    const auto& batch = batches[static_cast<size_t>(i)];
    const Tensor x = data::contexts(s, batch, net.options().context), point = net(x);
    all[static_cast<size_t>(i)] = {point.to_vector<float>(), net.unit(x).to_vector<float>(),
                                   net.quantiles(x, point).to_vector<float>(),
                                   baselines.forecast(batch, horizon, x)};
  };
  dist::share_out(std::ssize(all), look, [&](int64_t i, dist::Parcel& parcel) {
    Looked& of = all[static_cast<size_t>(i)];
    for (auto* values : {&of.guess, &of.unit, &of.quantiles}) parcel.pass(*values);
    for (auto& values : of.others) parcel.pass(values);
  });
  for (size_t k = 0; k < batches.size(); ++k) {
    const auto& batch = batches[k];
    const auto& [guess, unit, quantiles, others] = all[k];
    for (size_t n = 0; n < batch.size(); ++n)
      for (size_t i = 0; i < values; ++i) {
        const size_t at = n * values + i, target = i % targets, step = i / targets;
        const float truth = s.truth[static_cast<size_t>(batch[n]) * targets + i];
        if (std::isnan(truth)) continue;
        errors[0].add(target, step, truth, guess[at], {&quantiles[at * kLevels], kLevels});
        if (step == 0) result.residuals[target].push_back(truth - guess[at]);
        for (size_t b = 0; b < others.size(); ++b) {
          float around[kLevels];
          for (size_t k = 0; k < kLevels; ++k)
            around[k] = others[b][at] +
                        unit[n * targets + target] * offsets[(b * values + i) * kLevels + k];
          errors[b + 1].add(target, step, truth, others[b][at], around);
        }
      }
  }
  check(errors[0].values() > 0, "forecast: no known value in the rows to measure on");
  result.measured = {{"examples", origins.size()}, {"horizon", horizon}, {"season", season}};
  result.measured.update(errors[0].result());
  for (size_t b = 0; b < kBaselines.size(); ++b)
    result.measured.update(errors[b + 1].result(kBaselines[b] + "_"));
  result.measured["series"] = e.target_count();
  result.measured["series_left_out"] = e.left_out();
  result.measured["definitions"] = metrics::definitions(season);
  for (const auto& some : errors) result.mse_by_step.push_back(some.mse_by_step());
  return result;
}

namespace {
std::string number(const Json& r, const std::string& key) {
  return !r.contains(key) || r[key].is_null() ? "none"
                                              : fmt::format("{:.4f}", r[key].get<double>());
}
}  // namespace

std::string in_short(const Json& r) {
  return fmt::format("mse {}, mae {}, coverage80 {}", number(r, "mse"), number(r, "mae"),
                     number(r, "coverage80"));
}

std::string in_words(const Json& r) {
  std::string text = in_short(r);
  text += fmt::format("\n{:<12}{:>10}", "", "network");
  for (const std::string& name : kBaselines) text += fmt::format("{:>16}", name);
  for (const auto& [name, meaning] : r["definitions"].items()) {
    text += fmt::format("\n{:<12}{:>10}", name, number(r, name));
    for (const std::string& b : kBaselines)
      text += fmt::format("{:>16}", number(r, b + "_" + name));
  }
  for (const auto& [name, meaning] : r["definitions"].items())
    text += fmt::format("\n{}: {}", name, meaning.get<std::string>());
  if (!r["series_left_out"].empty())
    text += fmt::format("\nleft out, since they never change in the training rows: {}",
                        fmt::join(r["series_left_out"].get<std::vector<std::string>>(), ", "));
  return text;
}

}  // namespace cairn::tasks::forecast
