#include "cairn/data/time_stamps.h"

#include <date/tz.h>

#include <charconv>
#include <optional>
#include <sstream>

#include "cairn/base/error.h"
#include "cairn/base/invalid_option.h"

namespace cairn::data {
namespace {

using std::chrono::microseconds;
using Local = date::local_time<microseconds>;

Local local_of(Micros clock) { return Local(microseconds(clock)); }

// Takes an ISO 8601 stamp apart from left to right; every step may fail.
class IsoReader {
 public:
  explicit IsoReader(std::string_view text) : text_(text) {}
  // The clock's time and, where one is stated, its offset from UTC.
  struct Stamp {
    Micros clock;
    std::optional<Micros> offset;
  };
  std::optional<Stamp> read() {
    int year = 0, month = 0, day = 1;  // a month alone: its first day
    if (!digits(4, year) || !take('-') || !digits(2, month)) return {};
    if (!text_.empty() && (!take('-') || !digits(2, day))) return {};
    const date::year_month_day ymd{date::year(year), date::month(unsigned(month)),
                                   date::day(unsigned(day))};
    if (!ymd.ok()) return {};
    Stamp stamp{microseconds(date::sys_days(ymd).time_since_epoch()).count(), {}};
    if (text_.empty()) return stamp;
    if (!take('T') && !take(' ')) return {};
    if (!read_time(stamp.clock) || !read_offset(stamp.offset) || !text_.empty()) return {};
    return stamp;
  }

 private:
  bool take(char c) {
    if (!text_.starts_with(c)) return false;
    text_.remove_prefix(1);
    return true;
  }
  bool digits(size_t count, int& value) {
    if (text_.size() < count || text_.find_first_not_of("0123456789") < count) return false;
    std::from_chars(text_.data(), text_.data() + count, value);
    text_.remove_prefix(count);
    return true;
  }
  bool read_time(Micros& clock) {
    int hour = 0, minute = 0, second = 0;
    if (!digits(2, hour) || !take(':') || !digits(2, minute)) return false;
    if (take(':') && !digits(2, second)) return false;
    if (hour > 23 || minute > 59 || second > 59) return false;
    clock += hour * kHour + minute * 60 * kSecond + second * kSecond;
    if (!take('.') && !take(',')) return true;
    int digit = 0;
    if (!digits(1, digit)) return false;
    Micros unit = kSecond;
    do unit /= 10, clock += digit * unit;
    while (digits(1, digit));
    return true;
  }
  bool read_offset(std::optional<Micros>& offset) {
    if (text_.empty()) return true;
    if (take('Z')) {
      offset = 0;
      return true;
    }
    const bool behind = text_.starts_with('-');
    int hour = 0, minute = 0;
    if (!take('+') && !take('-')) return false;
    if (!digits(2, hour)) return false;
    take(':');
    if (!text_.empty() && !digits(2, minute)) return false;
    if (hour > 15 || minute > 59) return false;
    offset = (behind ? -1 : 1) * (hour * kHour + minute * 60 * kSecond);
    return true;
  }
  std::string_view text_;
};

bool states_day(const std::string& format) {
  for (const char* day : {"%d", "%e", "%j", "%D", "%F", "%x", "%c", "%a", "%A", "%u", "%w"})
    if (format.find(day) != format.npos) return true;
  return false;
}

}  // namespace

TimeStamps::TimeStamps(std::string format, const std::string& zone) : format_(std::move(format)) {
  if (zone.empty()) return;
  try {
    zone_ = date::locate_zone(zone);
  } catch (const std::exception&) {
    throw InvalidOption("time_zone", fmt::format("'{}' is no time zone that this system knows; "
                                                 "they are called like Europe/Berlin",
                                                 zone));
  }
}

Micros TimeStamps::to_utc(Micros clock) const {
  if (!zone_) return clock;
  const date::local_info info = zone_->get_info(local_of(clock));
  if (info.result == date::local_info::nonexistent)
    fail("is an hour that {} leaves out when summer time begins", zone_->name());
  if (info.result == date::local_info::ambiguous)
    fail(
        "is an hour that {} has twice when summer time ends; write its offset, "
        "as in 2016-10-30T02:30+02:00",
        zone_->name());
  return clock - microseconds(info.first.offset).count();
}

Micros TimeStamps::read(const std::string& text) const {
  if (format_.empty()) {
    const auto stamp = IsoReader(text).read();
    if (!stamp)
      fail(
          "is no time as ISO 8601 writes it (2016-07-01 02:00:00); say how it is written with the "
          "option time-format, as in '%m/%d/%Y %H:%M'");
    return stamp->offset ? stamp->clock - *stamp->offset : to_utc(stamp->clock);
  }
  const bool day = states_day(format_);
  std::istringstream in(day ? text : text + " 1");
  Local time;
  std::string abbreviation;
  std::chrono::minutes offset{0};
  date::from_stream(in, (day ? format_ : format_ + " %d").c_str(), time, &abbreviation, &offset);
  if (in.fail() || in.peek() != std::istringstream::traits_type::eof())
    fail("is no time of the format '{}'", format_);
  const Micros clock = time.time_since_epoch().count();
  if (format_.find("%z") != format_.npos || format_.find("%Ez") != format_.npos)
    return clock - microseconds(offset).count();
  return to_utc(clock);
}

Micros TimeStamps::clock(Micros utc) const {
  if (!zone_) return utc;
  const auto info = zone_->get_info(date::sys_time<microseconds>(microseconds(utc)));
  return utc + microseconds(info.offset).count();
}

std::string TimeStamps::write(Micros utc) const {
  const Micros shown = clock(utc);
  const CivilTime c = civil(shown);
  std::string text = fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}", c.year, c.month, c.day,
                                 c.hour, c.minute, c.second);
  if (c.micros) text += fmt::format(".{:06}", c.micros);
  if (!zone_) return text;
  const Micros minutes = (shown - utc) / (60 * kSecond);
  return text + fmt::format("{}{:02}:{:02}", minutes < 0 ? '-' : '+', std::abs(minutes) / 60,
                            std::abs(minutes) % 60);
}

bool TimeStamps::looks_like_one(const std::string& text) {
  return text.size() >= 7 && text.find_first_not_of("0123456789") == 4 && text[4] == '-';
}

CivilTime civil(Micros clock) {
  const Local time = local_of(clock);
  const date::local_days day = date::floor<date::days>(time);
  const date::year_month_day ymd(day);
  const Micros rest = (time - Local(day)).count();
  const auto second = static_cast<unsigned>(rest / kSecond);
  const auto new_year = date::local_days(ymd.year() / date::January / 1);
  return {int(ymd.year()),
          unsigned(ymd.month()),
          unsigned(ymd.day()),
          second / 3600,
          second / 60 % 60,
          second % 60,
          static_cast<unsigned>(rest % kSecond),
          date::weekday(day).iso_encoding() - 1,
          static_cast<unsigned>((day - new_year).count())};
}

Micros micros_of(int year, unsigned month, unsigned day) {
  const date::sys_days days =
      date::year_month_day(date::year(year), date::month(month), date::day(day));
  return microseconds(days.time_since_epoch()).count();
}

}  // namespace cairn::data
