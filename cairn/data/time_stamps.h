// Time stamps as tables have them: ISO 8601 unless a format is stated, since "07/01/2016" is July
// to one reader and January to the next.
#pragma once
#include <cstdint>
#include <memory>
#include <string>

namespace date {
class time_zone;
}

namespace cairn::data {

// Microseconds since 1970-01-01T00:00.
using Micros = int64_t;
inline constexpr Micros kSecond = 1'000'000, kHour = 3600 * kSecond, kDay = 24 * kHour;

class TimeStamps {
 public:
  // `format`: "" for ISO 8601 (2016-07, 2016-07-01, 2016-07-01 02:00[:30[.5]]; also T, Z, +02:00),
  // or as strftime writes it ("%m/%d/%Y %H:%M"); without a day: the first. `zone`: whose clock is
  // meant where a stamp states no offset ("Europe/Berlin"); "": a clock that is never put forward
  // or back. Throws InvalidOption time_zone for a zone that the system does not know.
  explicit TimeStamps(std::string format = "", const std::string& zone = "");

  // In UTC (without a zone and an offset: as written). Throws Error with the reason alone: not of
  // the format, no such day, an hour that the zone's summer time leaves out or has twice.
  Micros read(const std::string& text) const;
  // What the clock of the zone shows; without a zone: `utc`.
  Micros clock(Micros utc) const;
  // ISO 8601, with the offset where there is a zone.
  std::string write(Micros utc) const;
  bool has_zone() const { return zone_ != nullptr; }

  // Whether a cell is likely to be meant as an ISO time: begins with four digits and '-'.
  static bool looks_like_one(const std::string& text);

 private:
  Micros to_utc(Micros clock) const;
  std::string format_;
  const date::time_zone* zone_ = nullptr;
};

struct CivilTime {
  int year;
  unsigned month, day, hour, minute, second, micros;
  unsigned weekday;  // 0: Monday
  unsigned day_of_year;
};
CivilTime civil(Micros clock);
Micros micros_of(int year, unsigned month, unsigned day);

}  // namespace cairn::data
