#include "cairn/data/series.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <set>

#include "cairn/base/error.h"
#include "cairn/base/invalid_option.h"
#include "cairn/io/csv.h"

namespace cairn::data {
namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t");
  return begin == text.npos ? "" : text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

bool is_missing(std::string_view cell) {
  static const std::set<std::string_view> kWords = {"",    "NA",   "N/A",  "nan",  "NaN",
                                                    "NAN", "null", "NULL", "None", "?"};
  return kWords.contains(cell);
}

// Infinity is none.
std::optional<double> number_of(std::string_view cell, char delimiter) {
  cell = trimmed(cell);
  if (is_missing(cell)) return kMissing;
  std::string with_point;
  if (delimiter == ';' && cell.find('.') == cell.npos && cell.find(',') != cell.npos) {
    with_point = cell;
    with_point[with_point.find(',')] = '.';
    cell = with_point;
  }
  if (cell.starts_with('+')) cell.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  if (error != std::errc() || end != cell.data() + cell.size() || !std::isfinite(value)) return {};
  return value;
}

// One pass over the records of a file.
class Reader {
 public:
  Reader(std::string_view text, const std::string& name, const SeriesFormat& format)
      : text_(text), name_(name), format_(format), delimiter_(io::find_delimiter(text)) {
    series_.source = name;
    series_.stamps = TimeStamps(format.time_format, format.time_zone);
  }

  Series read() {
    io::for_each_record(text_, name_, delimiter_,
                        [&](int64_t line, std::vector<std::string>& cells) { take(line, cells); });
    check(columns_ > 0, "'{}' is empty; series are columns of numbers", name_);
    check(!lines_.empty(), "'{}' has names and no rows below them", name_);
    drop_columns_without_numbers();
    return std::move(series_);
  }

 private:
  void take(int64_t line, const std::vector<std::string>& cells) {
    if (columns_ == 0 && begin(cells)) return;
    check(cells.size() == columns_, "'{}', line {}: {} cells, but there are {} columns", name_,
          line, cells.size(), columns_);
    if (time_) take_time(line, cells[*time_]);
    for (size_t i = 0; i < columns_; ++i)
      if (i != time_) take_number(line, i, cells[i]);
    lines_.push_back(line);
  }

  // The first record: whether it is names.
  bool begin(const std::vector<std::string>& cells) {
    columns_ = cells.size();
    const bool time_first = TimeStamps::looks_like_one(cells[0]) && columns_ > 1;
    bool names = false;
    for (size_t i = time_first ? 1 : 0; i < columns_; ++i)
      names = names || !number_of(cells[i], delimiter_);
    std::set<std::string> seen;
    for (size_t i = 0; i < columns_; ++i) {
      const std::string called = names ? std::string(trimmed(cells[i])) : std::to_string(i + 1);
      all_names_.push_back(called.empty() && i == 0 ? "index" : called);
      check(!all_names_.back().empty(), "'{}': column {} has no name", name_, i + 1);
      check(seen.insert(all_names_.back()).second, "'{}': two columns are called '{}'", name_,
            all_names_.back());
    }
    find_time(names, time_first);
    for (size_t i = 0; i < columns_; ++i)
      if (i != time_) series_.names.push_back(all_names_[i]);
    first_text_.resize(columns_), known_.resize(columns_);
    return names;
  }

  void find_time(bool names, bool time_first) {
    if (!names) {
      if (time_first) time_ = 0;
    } else if (!format_.time.empty()) {
      const auto it = std::find(all_names_.begin(), all_names_.end(), format_.time);
      if (it == all_names_.end())
        throw InvalidOption("time", no_such_name(format_.time, all_names_));
      time_ = static_cast<size_t>(it - all_names_.begin());
    } else if (!format_.time_format.empty()) {
      time_ = 0;
    }
    may_be_time_ = names && !time_;
    if (time_) series_.time_name = all_names_[*time_];
  }

  void take_time(int64_t line, const std::string& cell) {
    const std::string text(trimmed(cell));
    Micros time = 0;
    try {
      time = series_.stamps.read(text);
    } catch (const Error& e) { fail("'{}', line {}: '{}' {}", name_, line, text, e.what()); }
    if (!series_.times.empty()) {
      const int64_t before = lines_.back();
      check(time != series_.times.back(),
            "'{}', line {}: time '{}' is that of line {}; keep one row for each time", name_, line,
            text, before);
      check(time > series_.times.back(),
            "'{}', line {}: time '{}' is before that of line {}; sort the rows by time", name_,
            line, text, before);
    }
    series_.times.push_back(time);
  }

  void take_number(int64_t line, size_t column, const std::string& cell) {
    if (column == 0 && may_be_time_ && lines_.empty() && becomes_time(line, cell)) return;
    const auto number = number_of(cell, delimiter_);
    if (!number && !first_text_[column])
      first_text_[column] = fmt::format("'{}', line {}, column '{}': '{}' is no number", name_,
                                        line, all_names_[column], cell);
    known_[column] = known_[column] || (number && !std::isnan(*number));
    if (number && std::isnan(*number))
      if (Series::Missing& m = series_.missing[all_names_[column]]; m.cells++ == 0)
        m.first_line = line;
    series_.values.push_back(number.value_or(kMissing));
  }

  // The first column, whose name said nothing, holds times.
  bool becomes_time(int64_t line, const std::string& cell) {
    may_be_time_ = false;
    if (columns_ == 1 || !TimeStamps::looks_like_one(std::string(trimmed(cell)))) return false;
    time_ = 0, series_.time_name = all_names_[0];
    series_.names.erase(series_.names.begin());
    take_time(line, cell);
    return true;
  }

  bool wanted(const std::string& name) const {
    return format_.wanted.empty() ||
           std::find(format_.wanted.begin(), format_.wanted.end(), name) != format_.wanted.end();
  }

  void drop_columns_without_numbers() {
    std::vector<bool> keep;
    for (size_t i = 0; i < columns_; ++i) {
      if (i == time_) continue;
      const bool numbers = !first_text_[i] && known_[i];
      keep.push_back(numbers);
      if (numbers) continue;
      if (wanted(all_names_[i])) fail_column(i);
      series_.left_out.push_back(all_names_[i]);
    }
    check(std::find(keep.begin(), keep.end(), true) != keep.end(),
          "'{}' has no column of numbers beside its times", name_);
    if (series_.left_out.empty()) return;
    std::vector<double> values;
    for (size_t i = 0; i < series_.values.size(); ++i)
      if (keep[i % keep.size()]) values.push_back(series_.values[i]);
    series_.values = std::move(values);
    std::erase_if(series_.names, [&](const std::string& n) {
      const auto& out = series_.left_out;
      return std::find(out.begin(), out.end(), n) != out.end();
    });
  }

  [[noreturn]] void fail_column(size_t i) const {
    if (!first_text_[i])
      fail("'{}': column '{}' has no number at all; name the others with the option target", name_,
           all_names_[i]);
    fail("{}{}", *first_text_[i],
         i == 0 && !time_
             ? " (if these are times, say how they are written with the option time-format)"
             : "; name the columns of numbers with the option target");
  }

  std::string_view text_;
  const std::string& name_;
  const SeriesFormat& format_;
  char delimiter_;
  size_t columns_ = 0;  // of the file
  std::vector<std::string> all_names_;
  std::optional<size_t> time_;
  bool may_be_time_ = false;
  std::vector<std::optional<std::string>> first_text_;
  std::vector<bool> known_;
  std::vector<int64_t> lines_;
  Series series_;
};

std::vector<Micros> clocks_of(const Series& s) {
  std::vector<Micros> all;
  for (const Micros t : s.times) all.push_back(s.stamps.clock(t));
  return all;
}

int64_t months_of(Micros clock) {
  const CivilTime c = civil(clock);
  return int64_t{c.year} * 12 + c.month;
}

// Months between rows, all at the same time of the same day of the month; 0: they are not.
int64_t step_of_months(const std::vector<Micros>& clocks) {
  const auto in_month = [](Micros clock) {
    const CivilTime c = civil(clock);
    return clock - micros_of(c.year, c.month, 1);
  };
  const int64_t step = months_of(clocks[1]) - months_of(clocks[0]);
  for (size_t i = 1; i < clocks.size(); ++i)
    if (months_of(clocks[i]) - months_of(clocks[i - 1]) != step ||
        in_month(clocks[i]) != in_month(clocks[0]))
      return 0;
  return step;
}

// The most common distance, if all others are multiples of it and few rows lack; else 0.
Micros step_of(const std::vector<Micros>& times) {
  std::map<Micros, int64_t> counts;
  for (size_t i = 1; i < times.size(); ++i) ++counts[times[i] - times[i - 1]];
  const Micros step =
      std::max_element(counts.begin(), counts.end(), [](const auto& a, const auto& b) {
        return a.second < b.second;
      })->first;
  const auto rows = static_cast<int64_t>(times.size());
  if (std::any_of(counts.begin(), counts.end(), [&](const auto& c) { return c.first % step != 0; }))
    return 0;
  const int64_t missing = (times.back() - times.front()) / step + 1 - rows;
  return missing * 10 <= rows ? step : 0;
}

// Rows that the file lacks, as missing.
void fill_gaps(Series& s, const std::vector<Micros>& grid) {
  const auto columns = static_cast<size_t>(s.columns());
  std::vector<double> values;
  std::vector<Micros> times;
  for (size_t i = 0; i < grid.size(); ++i) {
    const int64_t lacking = i == 0 ? 0 : (grid[i] - grid[i - 1]) / s.step - 1;
    for (int64_t k = 1; k <= lacking; ++k) times.push_back(s.times[i - 1] + k * s.step);
    values.insert(values.end(), static_cast<size_t>(lacking) * columns, kMissing);
    times.push_back(s.times[i]);
    const auto row = s.values.begin() + static_cast<int64_t>(i * columns);
    values.insert(values.end(), row, row + static_cast<int64_t>(columns));
  }
  s.filled = static_cast<int64_t>(times.size() - grid.size());
  s.values = std::move(values), s.times = std::move(times);
}

void find_step(Series& s) {
  if (s.times.size() < 2) return;
  const std::vector<Micros> clocks = clocks_of(s);
  s.step = step_of(s.times);
  const std::vector<Micros>* grid = &s.times;
  if (s.step == 0 && s.stamps.has_zone())
    s.step = step_of(clocks), grid = &clocks, s.by_clock = s.step != 0;
  if (s.step != 0) fill_gaps(s, *grid);
  else s.months = step_of_months(clocks);
}

}  // namespace

Series parse_series(std::string_view text, const std::string& name, const SeriesFormat& format) {
  Series series = Reader(text, name, format).read();
  find_step(series);
  return series;
}

int64_t Series::column(const std::string& name) const {
  const auto it = std::find(names.begin(), names.end(), name);
  if (it != names.end()) return it - names.begin();
  const std::string near = nearest_name(name, names);
  fail("'{}' has no column of numbers '{}'{}", source, name,
       near.empty() ? "" : fmt::format("; did you mean '{}'?", near));
}

std::string Series::time_of(int64_t row) const {
  const auto known = static_cast<int64_t>(times.size());
  if (row < known) return stamps.write(times[static_cast<size_t>(row)]);
  if (known == 0 || (step == 0 && months == 0)) return "";
  const int64_t beyond = row - known + 1;
  if (step != 0 && !by_clock) return stamps.write(times.back() + beyond * step);
  const Micros last = stamps.clock(times.back());
  if (step != 0) return TimeStamps().write(last + beyond * step);
  const CivilTime c = civil(last);
  const int64_t month = months_of(last) - 1 + beyond * months;
  const auto first_of = [](int64_t m) {
    return micros_of(static_cast<int>(m / 12), static_cast<unsigned>(m % 12 + 1), 1);
  };
  return TimeStamps().write(first_of(month) + last - micros_of(c.year, c.month, 1));
}

int64_t Series::season() const {
  if (months > 0) return months <= 12 && 12 % months == 0 ? 12 / months : 1;
  if (step <= 0) return 1;
  if (step < kDay) return kDay % step == 0 && kDay / step > 1 ? kDay / step : 1;
  if (step == kDay) return 7;
  return step == 7 * kDay ? 52 : 1;
}

std::string to_csv(const Series& s) {
  io::Csv table;
  if (!s.times.empty()) table.names.push_back(s.time_name);
  table.names.insert(table.names.end(), s.names.begin(), s.names.end());
  for (int64_t r = 0; r < s.rows(); ++r) {
    auto& cells = table.rows.emplace_back();
    if (!s.times.empty()) cells.push_back(s.time_of(r));
    for (int64_t c = 0; c < s.columns(); ++c)
      cells.push_back(std::isnan(s.at(r, c)) ? "" : fmt::format("{:.6g}", s.at(r, c)));
  }
  return io::to_csv(table);
}

}  // namespace cairn::data
