#include "cairn/data/smoothing.h"

#include <limits>

#include "cairn/base/error.h"

namespace cairn::data {

Smoothed::Smoothed(std::span<const float> values, int64_t season, const SmoothingRates& rates)
    : season_(season) {
  const auto count = static_cast<int64_t>(values.size());
  check(season >= 1 && count >= season, "smoothing: {} values, a season of {}", count, season);
  double level = 0;
  for (int64_t t = 0; t < season; ++t) level += values[t] / static_cast<double>(season);
  level_.reserve(values.size()), part_.reserve(values.size());
  for (int64_t t = 0; t < season; ++t)
    level_.push_back(level), part_.push_back(season > 1 ? values[t] - level : 0);
  for (int64_t t = season; t < count; ++t) {
    const double before = part_[t - season], value = values[t];
    const double miss = value - level - before;
    error_ += miss * miss;
    part_.push_back(season > 1 ? before + rates.season * miss : 0);
    level += rates.level * miss;
    level_.push_back(level);
  }
  if (count > season) error_ /= static_cast<double>(count - season);
}

double Smoothed::forecast(int64_t seen, int64_t step) const {
  check(seen >= season_ && seen <= static_cast<int64_t>(level_.size()) && step >= 0,
        "smoothing: after {} of {} values, {} steps on", seen, level_.size(), step);
  return level_[seen - 1] + part_[seen - season_ + step % season_];
}

SmoothingRates Smoothed::fit(std::span<const float> values, int64_t season) {
  SmoothingRates best;
  double least = std::numeric_limits<double>::infinity();
  for (const double level : {0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 1.0})
    for (const double part : {0.0, 0.01, 0.03, 0.1, 0.2, 0.3, 0.5}) {
      if (season == 1 && part > 0) continue;
      const double error = Smoothed(values, season, {level, part}).error();
      if (error < least) least = error, best = {level, part};
    }
  return best;
}

}  // namespace cairn::data
