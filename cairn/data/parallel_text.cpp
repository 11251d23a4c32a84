#include "cairn/data/parallel_text.h"

#include <algorithm>
#include <filesystem>

#include "cairn/base/error.h"
#include "cairn/base/invalid_option.h"
#include "cairn/base/json.h"
#include "cairn/base/philox.h"
#include "cairn/data/files.h"
#include "cairn/io/csv.h"
#include "cairn/io/json.h"
#include "cairn/io/lines.h"

namespace cairn::data {
namespace {

namespace fs = std::filesystem;
using Pairs = std::vector<TextPair>;

std::string without_gz(std::string name) {
  if (name.ends_with(".gz")) name.resize(name.size() - 3);
  return name;
}

// For pairs whose sides are found by their languages' names; columns of a .tsv may be of one.
void refuse_same_language(const std::string& source, const std::string& target) {
  if (!source.empty() && source == target)
    throw InvalidOption("target", fmt::format("is '{}', as the source is: there is nothing to "
                                              "translate; name another language",
                                              target));
}

// A date as people write it, and as year-month-day.
TextPair date_pair(PhiloxStream& random) {
  static const char* const kMonths[] = {"January",   "February", "March",    "April",
                                        "May",       "June",     "July",     "August",
                                        "September", "October",  "November", "December"};
  const auto below = [&](uint32_t n) { return static_cast<int64_t>(random.below(n)); };
  const int64_t year = 1900 + below(150), month = below(12), day = 1 + below(28);
  const char* name = kMonths[month];
  const char* ending = day % 10 == 1 && day != 11   ? "st"
                       : day % 10 == 2 && day != 12 ? "nd"
                       : day % 10 == 3 && day != 13 ? "rd"
                                                    : "th";
  std::string words;
  switch (below(4)) {
    case 0: words = fmt::format("{} {} {}", day, name, year); break;
    case 1: words = fmt::format("{} {}{}, {}", name, day, ending, year); break;
    case 2: words = fmt::format("the {}{} of {} {}", day, ending, name, year); break;
    default: words = fmt::format("{}. {}. {}", day, month + 1, year); break;
  }
  return {words, fmt::format("{}-{:02}-{:02}", year, month + 1, day)};
}

ParallelText made_dates() {
  ParallelText text;
  PhiloxStream random(20240229);
  for (int i = 0; i < 4000; ++i) text.train.push_back(date_pair(random));
  for (int i = 0; i < 200; ++i) text.validation.push_back(date_pair(random));
  for (int i = 0; i < 200; ++i) text.test.push_back(date_pair(random));
  return text;
}

// Source before target, or as the first line says where it names both languages.
Pairs read_tabs(const std::string& path, const std::string& source, const std::string& target) {
  struct Column {
    std::string name;
    size_t at;
  };
  Column from{"source", 0}, to{"target", 1};
  const auto take_names = [&](const std::vector<std::string>& names) {
    const auto place = [&](const std::string& name) {
      return static_cast<size_t>(std::find(names.begin(), names.end(), name) - names.begin());
    };
    const size_t a = place(source), b = place(target);
    if (source.empty() || target.empty() || a == names.size() || b == names.size()) return false;
    refuse_same_language(source, target);
    from = {source, a}, to = {target, b};
    return true;
  };
  Pairs pairs;
  int64_t number = 0;
  for (const std::string& line : io::read_lines(path)) {
    auto cells = io::cells_between(line, '\t');
    if (++number == 1 && take_names(cells)) continue;
    check(cells.size() > 1, "'{}', line {}: no tab between source and target", path, number);
    for (const Column& c : {from, to})
      check(c.at < cells.size(), "'{}', line {}: no column '{}', {} of {}", path, number, c.name,
            c.at + 1, cells.size());
    pairs.push_back({std::move(cells[from.at]), std::move(cells[to.at])});
  }
  return pairs;
}

Pairs read_objects(const std::string& path, const std::string& source, const std::string& target) {
  check(!source.empty() && !target.empty(),
        "'{}': name the languages by the option source and the option target, as the keys of its "
        "objects have them",
        path);
  refuse_same_language(source, target);
  Pairs pairs;
  int64_t number = 0;
  for (const std::string& line : io::read_lines(path)) {
    ++number;
    if (line.empty()) continue;
    const Json all = io::parse_json(line, fmt::format("'{}', line {},", path, number));
    check(all.is_object(), "'{}', line {}: no JSON object", path, number);
    const Json& entry =
        all.contains("translation") && all["translation"].is_object() ? all["translation"] : all;
    const auto side = [&](const std::string& key) {
      check(entry.contains(key) && entry[key].is_string(), "'{}', line {}: no text under \"{}\"",
            path, number, key);
      return entry[key].get<std::string>();
    };
    pairs.push_back({side(source), side(target)});
  }
  return pairs;
}

Pairs read_aligned(const std::string& source, const std::string& target) {
  std::vector<std::string> a = io::read_lines(source), b = io::read_lines(target);
  check(a.size() == b.size(),
        "'{}' has {} lines and '{}' {}; line by line one must be the translation of the other",
        source, a.size(), target, b.size());
  Pairs pairs(a.size());
  for (size_t i = 0; i < a.size(); ++i) pairs[i] = {std::move(a[i]), std::move(b[i])};
  return pairs;
}

Pairs read_file_of_pairs(const std::string& path, const std::string& source,
                         const std::string& target) {
  return without_gz(path).ends_with(".tsv") ? read_tabs(path, source, target)
                                            : read_objects(path, source, target);
}

// The one file of a folder whose name begins with one of these and ends so; "": there is none.
std::string file_of(const std::string& folder, const std::vector<std::string>& beginnings,
                    const std::string& ending) {
  std::vector<std::string> found;
  for (const fs::path& entry : entries_of(folder)) {
    const std::string name = entry.filename().string();
    const bool begins = std::any_of(beginnings.begin(), beginnings.end(),
                                    [&](const auto& b) { return name.starts_with(b); });
    if (begins && without_gz(name).ends_with(ending)) found.push_back(entry.string());
  }
  check(found.size() < 2, "the folder '{}' has both '{}' and '{}'; leave one of them there", folder,
        found.empty() ? "" : found[0], found.size() < 2 ? "" : found[1]);
  return found.empty() ? "" : found[0];
}

Pairs part_of_folder(const std::string& folder, const std::vector<std::string>& beginnings,
                     const std::string& source, const std::string& target) {
  const std::string a = file_of(folder, beginnings, "." + source);
  const std::string b = file_of(folder, beginnings, "." + target);
  check(a.empty() == b.empty(), "the folder '{}' has '{}' but no such file that ends with .{}",
        folder, a.empty() ? b : a, a.empty() ? source : target);
  if (!a.empty()) {
    refuse_same_language(source, target);
    return read_aligned(a, b);
  }
  for (const char* ending : {".tsv", ".jsonl"})
    if (const std::string one = file_of(folder, beginnings, ending); !one.empty())
      return read_file_of_pairs(one, source, target);
  return {};
}

}  // namespace

ParallelText open_parallel_text(const std::string& data, const std::string& source,
                                const std::string& target) {
  if (data == "dates") {
    refuse_same_language(source, target);
    return made_dates();
  }
  ParallelText text;
  if (is_folder(data)) {
    check(!source.empty() && !target.empty(),
          "'{}': name the languages (source and target), as the files' names end", data);
    text.train = part_of_folder(data, {"train"}, source, target);
    text.validation = part_of_folder(data, {"val", "dev"}, source, target);
    text.test = part_of_folder(data, {"test"}, source, target);
    check(!text.train.empty() || !text.test.empty() || !text.validation.empty(),
          "the folder '{}' has neither train*.{} and train*.{} nor train*.tsv or train*.jsonl",
          data, source, target);
  } else {
    text.train = read_file_of_pairs(data, source, target);
  }
  return text;
}

int64_t leave_out_empty(std::vector<TextPair>& pairs) {
  return static_cast<int64_t>(
      std::erase_if(pairs, [](const TextPair& p) { return p.source.empty() || p.target.empty(); }));
}

}  // namespace cairn::data
