// Series from files, and those that the program draws.
#include <cmath>

#include "cairn/base/error.h"
#include "cairn/base/philox.h"
#include "cairn/data/files.h"
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

// One fault of a kind in rows [first, first + length) of column `i`.
void spoil(Series& s, int64_t first, int kind, size_t i, PhiloxStream& random) {
  static constexpr int64_t kLengths[] = {2, 12, 18, 12, 10};
  const Wave& w = kWaves[i];
  const double size = w.day + 3 * w.noise;
  const size_t columns = std::size(kWaves) + 1;
  const auto at = [&](int64_t row, size_t column) -> double& {
    return s.values[static_cast<size_t>(row) * columns + column];
  };
  const double stuck = at(first - 1, i);
  for (int64_t t = 0; t < kLengths[kind]; ++t) {
    double& value = at(first + t, i);
    if (kind == 0) value += 1.5 * size;                                 // a spike
    else if (kind == 1) value -= size;                                  // a shift
    else if (kind == 2) value = stuck;                                  // a sensor that is stuck
    else if (kind == 3) value += 0.8 * size * double{random.normal()};  // noise
    else value += 0.2 * size * static_cast<double>(t + 1);              // a drift
    at(first + t, columns - 1) = 1;
  }
}

// "waves" whose last fifth has faults, and a column that says where.
Series draw_faults(uint64_t seed) {
  Series waves = draw_waves(seed), s = waves;
  s.source = "faults", s.names.emplace_back("anomaly"), s.values.clear();
  for (int64_t r = 0; r < waves.rows(); ++r) {
    for (int64_t c = 0; c < waves.columns(); ++c) s.values.push_back(waves.at(r, c));
    s.values.push_back(0);
  }
  PhiloxStream random(philox_derive(seed, kWavesPurpose), 1);
  constexpr int kFaults = 10;
  constexpr int64_t kApart = kWaveRows / 5 / kFaults;
  for (int k = 0; k < kFaults; ++k)
    spoil(s, kWaveRows * 4 / 5 + k * kApart + 4 + random.below(kApart - 26), k % 5,
          static_cast<size_t>(k) % std::size(kWaves), random);
  return s;
}

bool is_drawn(const std::string& source, const char* name) {
  return source == name && !is_file(source);
}

}  // namespace

Series open_series(const std::string& source, const SeriesFormat& format, uint64_t seed) {
  if (is_drawn(source, "waves")) return draw_waves(seed);
  if (is_drawn(source, "faults")) return draw_faults(seed);
  check(!is_folder(source), "'{}' is a folder; series are in a CSV file", source);
  const io::ByteVector bytes = io::read_maybe_gzip(source, kLimit);
  return parse_series(io::text_of(bytes), source, format);
}

namespace {
// Some rows of a drawn series, as a file.
std::vector<std::string> write_rows(Series s, int64_t first, int64_t rows,
                                    const std::string& path) {
  const auto cells = [&](int64_t row) { return s.values.begin() + row * s.columns(); };
  s.values = {cells(first), cells(first + rows)};
  s.times = {s.times.begin() + first, s.times.begin() + first + rows};
  io::write_file_atomically(path, std::string_view(to_csv(s)));
  return {path};
}
}  // namespace

std::vector<std::string> write_waves(const std::string& folder) {
  return write_rows(draw_waves(1), 0, 21 * 24, folder + "/waves.csv");
}

std::vector<std::string> write_faults(const std::string& folder) {
  constexpr int64_t kRows = 25 * 24;
  return write_rows(draw_faults(1), kWaveRows - kRows, kRows, folder + "/faults.csv");
}

}  // namespace cairn::data
