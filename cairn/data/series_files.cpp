// Series from files, and those that the program draws.
#include <cmath>
#include <filesystem>

#include "cairn/base/error.h"
#include "cairn/base/philox.h"
#include "cairn/data/series.h"
#include "cairn/io/file.h"
#include "cairn/io/gzip.h"

namespace cairn::data {
namespace {

constexpr uint64_t kLimit = uint64_t{4} << 30, kWavesPurpose = 0x7761766573;
constexpr int64_t kWaveRows = 2400;  // a hundred days

struct Wave {
  const char* name;
  double level, trend, day, week, noise;  // trend: over all rows
  int peak;                               // hour of the day
};
constexpr Wave kWaves[] = {{"heat", 20, 6, 5, 0, 0.8, 14},
                           {"visits", 300, -40, 120, 60, 18, 18},
                           {"load", 5, 1, 1.5, 0.8, 0.25, 9}};

Series draw_waves(uint64_t seed) {
  Series s;
  s.source = "waves", s.time_name = "time", s.step = kHour;
  for (const Wave& w : kWaves) s.names.emplace_back(w.name);
  PhiloxStream random(philox_derive(seed, kWavesPurpose), 0);
  double noise[std::size(kWaves)] = {};
  for (int64_t t = 0; t < kWaveRows; ++t) {
    s.times.push_back(micros_of(2024, 1, 1) + t * kHour);
    for (size_t i = 0; i < std::size(kWaves); ++i) {
      const Wave& w = kWaves[i];
      noise[i] = 0.6 * noise[i] + w.noise * random.normal();
      const double angle = 2 * M_PI * static_cast<double>(t - w.peak) / 24;
      const bool weekend = t / 24 % 7 >= 5;
      s.values.push_back(w.level + w.trend * static_cast<double>(t) / kWaveRows +
                         w.day * (std::cos(angle) + 0.3 * std::cos(2 * angle)) -
                         (weekend ? w.week : 0) + noise[i]);
    }
  }
  return s;
}

}  // namespace

Series open_series(const std::string& source, const SeriesFormat& format, uint64_t seed) {
  if (source == "waves" && !std::filesystem::is_regular_file(source)) return draw_waves(seed);
  check(!std::filesystem::is_directory(source), "'{}' is a folder; series are in a CSV file",
        source);
  const io::ByteVector bytes = io::read_maybe_gzip(source, kLimit);
  return parse_series(io::text_of(bytes), source, format);
}

std::vector<std::string> write_waves(const std::string& folder) {
  Series s = draw_waves(1);
  constexpr int64_t kRows = 21 * 24;
  s.values.resize(static_cast<size_t>(kRows * s.columns())), s.times.resize(kRows);
  const std::string path = folder + "/waves.csv";
  io::write_file_atomically(path, std::string_view(to_csv(s)));
  return {path};
}

}  // namespace cairn::data
