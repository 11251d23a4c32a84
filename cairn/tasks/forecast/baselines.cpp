#include <algorithm>
#include <cmath>

#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/forecast/task.h"

namespace cairn::tasks::forecast {
namespace {

std::vector<float> column_of(const data::EncodedSeries& s, int64_t target, int64_t rows) {
  std::vector<float> all;
  for (int64_t r = 0; r < rows; ++r)
    all.push_back(s.inputs[static_cast<size_t>(r * s.features + target)]);
  return all;
}

// Of sorted values, between neighbours in a straight line (numpy's default).
float quantile(const std::vector<float>& sorted, double level) {
  const double at = level * static_cast<double>(sorted.size() - 1);
  const auto low = static_cast<size_t>(at);
  const size_t high = std::min(low + 1, sorted.size() - 1);
  return sorted[low] + static_cast<float>(at - std::floor(at)) * (sorted[high] - sorted[low]);
}

}  // namespace

Tensor fit_smoothing(const data::EncodedSeries& s, int64_t train_rows, int64_t season) {
  std::vector<float> rates;
  for (int64_t i = 0; i < s.targets; ++i) {
    const auto fitted = data::Smoothed::fit(column_of(s, i, train_rows), season);
    rates.push_back(static_cast<float>(fitted.level));
    rates.push_back(static_cast<float>(fitted.season));
  }
  return from_host(rates.data(), {s.targets, 2}, DType::f32);
}

Baselines::Baselines(const data::EncodedSeries& series, int64_t season,
                     const models::Forecaster& net)
    : series_(series), season_(season), linear_(net.linear) {
  const auto rates = net.smoothing.to_vector<float>();
  for (size_t i = 0; i < static_cast<size_t>(series.targets); ++i)
    smoothed_.emplace_back(column_of(series, static_cast<int64_t>(i), series.rows), season,
                           data::SmoothingRates{rates[2 * i], rates[2 * i + 1]});
}

std::vector<std::vector<float>> Baselines::forecast(const std::vector<int64_t>& origins,
                                                    int64_t horizon, const Tensor& x) const {
  const NoGrad no_grad;
  const auto value = [&](int64_t row, int64_t target) {
    return series_.inputs[static_cast<size_t>(row * series_.features + target)];
  };
  std::vector<std::vector<float>> all(kBaselines.size());
  for (const int64_t origin : origins)
    for (int64_t h = 0; h < horizon; ++h)
      for (int64_t i = 0; i < series_.targets; ++i) {
        all[kNaive].push_back(value(origin - 1, i));
        all[kSeasonal].push_back(value(origin - season_ + h % season_, i));
        all[kSmoothing].push_back(
            static_cast<float>(smoothed_[static_cast<size_t>(i)].forecast(origin, h)));
      }
  const Tensor values = slice(x, 2, 0, series_.targets);
  const Tensor last = slice(values, 1, x.size(1) - 1, 1);
  const Tensor change = matmul(transpose(values - last, 1, 2), transpose(linear_, 0, 1));
  all[kLinear] = (last + transpose(change, 1, 2)).to_vector<float>();
  return all;
}

Tensor baseline_offsets(const data::EncodedSeries& s, const std::vector<int64_t>& origins,
                        const Baselines& baselines, const models::Forecaster& net) {
  const NoGrad no_grad;
  const int64_t horizon = net.options().horizon, context = net.options().context;
  const auto places = static_cast<size_t>(horizon * s.targets);
  std::vector<std::vector<std::vector<float>>> errors(kBaselines.size(),
                                                      std::vector<std::vector<float>>(places));
  for (const int64_t origin : origins) {
    const Tensor x = data::contexts(s, {origin}, context);
    const auto unit = net.unit(x).to_vector<float>();
    const auto guesses = baselines.forecast({origin}, horizon, x);
    for (size_t p = 0; p < places; ++p) {
      const float y = s.truth[static_cast<size_t>(origin * s.targets) + p];
      if (std::isnan(y)) continue;
      for (size_t b = 0; b < guesses.size(); ++b)
        errors[b][p].push_back((y - guesses[b][p]) / unit[p % unit.size()]);
    }
  }
  std::vector<float> offsets;
  for (auto& of_baseline : errors)
    for (auto& some : of_baseline) {
      std::sort(some.begin(), some.end());
      for (const double level : metrics::kLevels)
        offsets.push_back(some.empty() ? 0 : quantile(some, level));
    }
  return from_host(offsets.data(),
                   {static_cast<int64_t>(kBaselines.size()), horizon, s.targets,
                    static_cast<int64_t>(metrics::kLevelCount)},
                   DType::f32);
}

}  // namespace cairn::tasks::forecast
