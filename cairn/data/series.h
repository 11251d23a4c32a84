// Time series: columns of numbers over time, from a CSV file or drawn by the program.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/data/time_stamps.h"

namespace cairn::data {

struct SeriesFormat {
  std::string time = {};  // name of the column of times; "": the first, where ISO times stand in it
  std::string time_format = {}, time_zone = {};  // see TimeStamps
  // Columns that must be numbers; others of text are left out. Empty: all must be.
  std::vector<std::string> wanted = {};
};

struct Series {
  std::string source;
  std::vector<std::string> names;     // of the columns of numbers
  std::vector<double> values;         // [rows, columns]; NaN: missing
  std::vector<Micros> times;          // of each row in UTC; empty: none are stated
  std::string time_name;              // of the column of times
  std::vector<std::string> left_out;  // columns of text
  int64_t filled = 0;                 // rows that the file lacks, put in as missing
  struct Missing {
    int64_t cells = 0, first_line = 0;
  };
  std::map<std::string, Missing> missing;  // of the file's columns, those with cells that are

  // How far rows are apart: a step of time, or of months; neither: not regular, or no times.
  Micros step = 0;
  int64_t months = 0;
  bool by_clock = false;  // days of the zone's clock, of which some have 23 or 25 hours
  TimeStamps stamps;

  int64_t columns() const { return static_cast<int64_t>(names.size()); }
  int64_t rows() const { return columns() ? static_cast<int64_t>(values.size()) / columns() : 0; }
  double at(int64_t row, int64_t column) const {
    return values[static_cast<size_t>(row * columns() + column)];
  }
  // Throws Error naming the nearest.
  int64_t column(const std::string& name) const;
  // Of a row, or of one that is yet to come; "" where that is not known.
  std::string time_of(int64_t row) const;
  // Rows to a season as people live by: hours to a day, days to a week, months to a year; 1 where
  // times say nothing.
  int64_t season() const;
};

// A table of numbers whose cells stand between commas, ';', tabs or blanks, whose first row is
// names unless it is numbers (then columns are called "1", "2", ...). Missing: nothing, "NA",
// "nan", "null", "?". Where most rows are equally far apart in time and the others a multiple of
// that, the rows between are put in as missing, up to a tenth of all. Throws Error naming file,
// line and column: rows of another length, text, infinity, a column without a number, times that
// are repeated, not in order, or not on the zone's clock.
Series parse_series(std::string_view text, const std::string& name,
                    const SeriesFormat& format = {});
// `source`: a file (also .gz), or "waves": three series that the program draws, hourly with daily
// and weekly seasons, a trend and noise, for which `seed` draws others of their kind; or "faults":
// the same with ten faults in the last fifth, and a column "anomaly" that is 1 in their rows.
Series open_series(const std::string& source, const SeriesFormat& format = {}, uint64_t seed = 0);

// Three weeks of other "waves", as a file to try a network on; returns its path.
std::vector<std::string> write_waves(const std::string& folder);
// The last 25 days of other "faults".
std::vector<std::string> write_faults(const std::string& folder);

// As a CSV file.
std::string to_csv(const Series& series);

}  // namespace cairn::data
