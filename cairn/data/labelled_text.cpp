#include "cairn/data/labelled_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "cairn/base/close_name.h"
#include "cairn/base/error.h"
#include "cairn/base/philox.h"
#include "cairn/data/files.h"
#include "cairn/io/csv.h"
#include "cairn/io/file.h"
#include "cairn/io/gzip.h"
#include "cairn/io/lines.h"

namespace cairn::data {
namespace {

constexpr int64_t kRequests = 1200;
constexpr uint64_t kRequestPurpose = 0x726571756573;
constexpr size_t kMostClasses = 10000;

// What is asked for, with a place for something; the last four are of no other class's words.
struct Request {
  const char* label;
  const char* forms[4];
  const char* things[5];
};
constexpr Request kKinds[] = {
    {"weather",
     {"will it rain in {}", "how warm is it in {} today", "do I need a coat for {}",
      "what is the sky over {} like"},
     {"Oslo", "Rome", "Lima", "Cairo", "the mountains"}},
    {"music",
     {"play {}", "I want to hear {}", "put on {} please", "next song, but {}"},
     {"some jazz", "a waltz", "the Beatles", "rain sounds", "Rome by night"}},
    {"alarm",
     {"wake me at {}", "set an alarm for {}", "I have to get up at {}",
      "do not let me sleep past {}"},
     {"six", "half past seven", "noon", "nine tomorrow", "4 am"}},
    {"lights",
     {"it is too dark in {}", "turn on the lamp in {}", "make {} brighter", "switch off {}"},
     {"the kitchen", "the hall", "the bedroom", "the garden", "the lamp"}},
};

LabelledText numbered(LabelledText all, const std::vector<std::string>& labels) {
  all.classes = labels;
  std::sort(all.classes.begin(), all.classes.end());
  all.classes.erase(std::unique(all.classes.begin(), all.classes.end()), all.classes.end());
  check(all.classes.size() >= 2, "'{}': column '{}' has one class alone; two are wanted",
        all.source, all.label_column);
  check(all.classes.size() <= kMostClasses,
        "'{}': column '{}' has {} different classes, at most {} are possible", all.source,
        all.label_column, all.classes.size(), kMostClasses);
  for (const std::string& label : labels)
    all.labels.push_back(std::lower_bound(all.classes.begin(), all.classes.end(), label) -
                         all.classes.begin());
  return all;
}

LabelledText make_requests() {
  LabelledText all{"requests", "text", "label", {}, {}, {}};
  std::vector<std::string> labels;
  for (int64_t i = 0; i < kRequests; ++i) {
    PhiloxStream random(philox_derive(0, kRequestPurpose), static_cast<uint64_t>(i));
    const Request& kind = kKinds[random.below(std::size(kKinds))];
    std::string text = kind.forms[random.below(4)];
    text.replace(text.find("{}"), 2, kind.things[random.below(5)]);
    if (random.chance(0.3f)) text = "please " + text;
    if (random.chance(0.3f)) text += random.chance(0.5f) ? ", thanks" : " now";
    all.texts.push_back(std::move(text)), labels.emplace_back(kind.label);
  }
  return numbered(std::move(all), labels);
}

struct Rows {
  std::vector<std::vector<std::string>> cells;
  std::vector<int64_t> lines;
};

Rows read_rows(const std::string& data) {
  check(!is_folder(data), "'{}' is a folder; texts with classes are a file", data);
  const io::ByteVector bytes = io::read_maybe_gzip(data);
  const std::string_view content = io::text_of(bytes);
  char delimiter = io::find_delimiter(content);
  if (data.ends_with(".tsv") || data.ends_with(".tsv.gz")) delimiter = '\t';
  check(delimiter != ' ', "'{}': a text and a class are wanted, with a tab or comma between", data);
  Rows rows;
  const auto take = [&](int64_t line, std::vector<std::string>& cells) {
    check(rows.cells.empty() || cells.size() == rows.cells[0].size(),
          "'{}', line {}: {} cells, and {} in the first line", data, line, cells.size(),
          rows.cells.empty() ? 0 : rows.cells[0].size());
    rows.cells.push_back(std::move(cells)), rows.lines.push_back(line);
  };
  if (delimiter == '\t') {  // quotes are text there
    int64_t number = 0;
    for (const std::string& line : io::lines_of(content, data)) {
      ++number;
      auto cells = io::cells_between(line, '\t');
      if (!line.empty()) take(number, cells);
    }
  } else {
    io::for_each_record(content, data, delimiter, take);
  }
  check(!rows.cells.empty() && rows.cells[0].size() >= 2,
        "'{}': a text and a class in each row are wanted", data);
  return rows;
}

// Of a header's names, or by number.
size_t column_named(const std::vector<std::string>& names, const std::string& wanted,
                    const char* usual, size_t otherwise, const std::string& data) {
  const std::string& name = wanted.empty() ? usual : wanted;
  const auto it = std::find(names.begin(), names.end(), name);
  if (it != names.end()) return static_cast<size_t>(it - names.begin());
  if (wanted.empty()) return otherwise;
  for (size_t i = 0; i < names.size(); ++i)
    if (wanted == std::to_string(i + 1)) return i;
  const std::string near = close_name(wanted, names);
  fail("'{}' has no column '{}'{}", data, wanted,
       near.empty() ? "" : fmt::format("; did you mean '{}'?", near));
}

}  // namespace

LabelledText open_labelled_text(const std::string& data, const std::string& text,
                                const std::string& label) {
  if (data == "requests" && !is_file(data)) return make_requests();
  Rows rows = read_rows(data);
  const std::vector<std::string> names = rows.cells[0];
  const size_t label_at = column_named(names, label, "label", names.size() - 1, data);
  const size_t text_at = column_named(names, text, "text", label_at == 0 ? 1 : 0, data);
  check(label_at != text_at, "'{}': text and class are the same column, '{}'", data,
        names[text_at]);
  const bool header = std::none_of(rows.cells.begin() + 1, rows.cells.end(),
                                   [&](const auto& r) { return r[label_at] == names[label_at]; });
  std::set<std::string> seen;
  for (const std::string& name : names)
    check(!header || name.empty() || seen.insert(name).second, "'{}': two columns are called '{}'",
          data, name);
  LabelledText all{data, std::to_string(text_at + 1), std::to_string(label_at + 1), {}, {}, {}};
  if (header) all.text_column = names[text_at], all.label_column = names[label_at];
  std::vector<std::string> labels;
  for (size_t i = header ? 1 : 0; i < rows.cells.size(); ++i) {
    check(!rows.cells[i][label_at].empty(), "'{}', line {}: the class is empty", data,
          rows.lines[i]);
    all.texts.push_back(std::move(rows.cells[i][text_at]));
    labels.push_back(std::move(rows.cells[i][label_at]));
  }
  check(!labels.empty(), "'{}' has no rows below its names", data);
  return numbered(std::move(all), labels);
}

LabelledText LabelledText::some(const std::vector<int64_t>& rows) const {
  LabelledText few = *this;
  few.texts.clear(), few.labels.clear();
  for (const int64_t row : rows) {
    few.texts.push_back(texts[static_cast<size_t>(row)]);
    few.labels.push_back(labels[static_cast<size_t>(row)]);
  }
  return few;
}

LabelledText LabelledText::with_classes(const std::vector<std::string>& others) const {
  LabelledText all = *this;
  all.classes = others;
  for (int64_t& label : all.labels) {
    const std::string& name = classes[static_cast<size_t>(label)];
    const auto it = std::find(others.begin(), others.end(), name);
    check(it != others.end(), "'{}': class '{}' was not in what the network learned from", source,
          name);
    label = it - others.begin();
  }
  return all;
}

std::vector<std::string> write_requests(const std::string& folder) {
  const std::string path = folder + "/requests.txt";
  io::write_file_atomically(
      path, std::string_view("wake me at six, please\nplay some jazz\nis it dark in the hall\n"));
  return {path};
}

}  // namespace cairn::data
