#include "cairn/data/table.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "cairn/base/close_name.h"
#include "cairn/base/error.h"
#include "cairn/base/philox.h"
#include "cairn/data/files.h"
#include "cairn/io/file.h"
#include "cairn/ops/functions.h"

namespace cairn::data {
namespace {

constexpr size_t kMostWords = 1000, kFewNumbers = 20;
// A column is of numbers but for slips of the pen where so many are and such a part of all.
constexpr size_t kManyNumbers = 20;
constexpr double kNearlyAll = 0.95;
constexpr double kFarthest = 1e12;  // deviations from the mean that a network can still take
constexpr int64_t kFruits = 2000;
constexpr uint64_t kFruitPurpose = 0x667275697473;

struct Fruit {
  const char* kind;
  float weight, length, width, sugar;  // g, mm, mm, g in 100 g
  std::array<const char*, 3> colours;
};
constexpr Fruit kKinds[] = {{"apple", 180, 72, 78, 10.4f, {"red", "green", "yellow"}},
                            {"pear", 170, 95, 66, 9.8f, {"green", "yellow", "brown"}},
                            {"lemon", 110, 78, 56, 2.5f, {"yellow", "yellow", "green"}},
                            {"plum", 62, 50, 46, 9.9f, {"blue", "red", "yellow"}}};

Table draw_fruits(uint64_t seed) {
  Table table{"fruits", {{"weight", "length", "width", "colour", "sugar", "kind"}, {}}};
  for (int64_t i = 0; i < kFruits; ++i) {
    PhiloxStream random(philox_derive(seed, kFruitPurpose), static_cast<uint64_t>(i));
    const Fruit& f = kKinds[random.below(4)];
    const float size = 1 + 0.12f * random.normal();  // large ones are large in every measure
    const auto about = [&](float value, float power) {
      return value * std::pow(std::max(size, 0.3f), power) * (1 + 0.05f * random.normal());
    };
    const float weight = about(f.weight, 3), length = about(f.length, 1), width = about(f.width, 1);
    const char* colour = f.colours[random.below(3)];
    const bool unknown = random.chance(0.03f);
    table.cells.rows.push_back({fmt::format("{:.0f}", weight), fmt::format("{:.1f}", length),
                                fmt::format("{:.1f}", width), unknown ? "" : colour,
                                fmt::format("{:.1f}", about(f.sugar, 0.5f)), f.kind});
  }
  return table;
}

bool is_unknown(const std::string& cell) {
  return cell.empty() || cell == "NA" || cell == "nan" || cell == "NaN" || cell == "?";
}

// As it is spelled: infinite for "1e400".
std::optional<double> spelled_number(const std::string& cell) {
  char* end = nullptr;
  const double value = std::strtod(cell.c_str(), &end);
  if (cell.empty() || *end) return {};
  return value;
}

std::optional<double> number_of(const std::string& cell) {
  const auto value = spelled_number(cell);
  return value && std::isfinite(*value) ? value : std::nullopt;
}

size_t column_of(const Table& table, const std::string& name) {
  const auto& names = table.cells.names;
  const auto it = std::find(names.begin(), names.end(), name);
  if (it != names.end()) return static_cast<size_t>(it - names.begin());
  const std::string near = close_name(name, names);
  fail("'{}' has no column '{}'{}", table.source, name,
       near.empty() ? "" : fmt::format("; did you mean '{}'?", near));
}

[[noreturn]] void fail_cell(const Table& table, size_t row, const std::string& column,
                            const std::string& reason) {
  fail("'{}', row {}, column '{}': '{}' {}", table.source, row + 1, column,
       table.cells.rows[row][column_of(table, column)], reason);
}

// What is in the cells of a column, unknown ones apart.
struct Found {
  std::vector<double> numbers;
  size_t words = 0;
  std::optional<size_t> word, beyond;  // the first row with a word, and with "inf" or "1e400"
  size_t largest = 0;                  // the row of the number that is farthest from 0

  bool all_numbers() const { return !word && !beyond; }
};

Found found_in(const Table& table, size_t column) {
  Found f;
  double most = -1;
  for (size_t r = 0; r < table.cells.rows.size(); ++r) {
    const std::string& cell = table.cells.rows[r][column];
    if (is_unknown(cell)) continue;
    if (const auto number = number_of(cell)) {
      f.numbers.push_back(*number);
      if (std::abs(*number) > most) most = std::abs(*number), f.largest = r;
    } else if (spelled_number(cell)) {
      if (!f.beyond) f.beyond = r;
    } else if (++f.words == 1) {
      f.word = r;
    }
  }
  return f;
}

// One stray cell must not make words of numbers: each of them would be a word of its own.
void check_strays(const Table& table, const std::string& column, const Found& f,
                  bool would_be_classes) {
  const size_t numbers = f.numbers.size(), all = numbers + f.words;
  if (f.beyond && numbers >= f.words)
    fail_cell(table, *f.beyond, column,
              "is no finite number; mend it, or leave the cell empty (unknown)");
  const bool nearly_all = numbers >= kManyNumbers &&
                          static_cast<double>(numbers) >= kNearlyAll * static_cast<double>(all);
  if (!f.word || would_be_classes || !nearly_all) return;
  fail_cell(table, *f.word, column,
            fmt::format("is no number, as {} of {} cells there are; mend it, leave the cell empty "
                        "(unknown), or leave out the column",
                        numbers, all));
}

}  // namespace

Table open_table(const std::string& source, uint64_t seed) {
  if (source == "fruits" && !is_file(source)) return draw_fruits(seed);
  check(!is_folder(source), "'{}' is a folder; a table is a CSV file", source);
  Table table{source, io::read_csv(source)};
  check(table.size() > 0, "'{}' has no rows below its names", source);
  return table;
}

TableEncoding::Column TableEncoding::measure(const Table& table, size_t column,
                                             bool few_are_words) {
  Column c{table.cells.names[column], 0, 1, {}};
  std::set<std::string> words;
  for (const auto& row : table.cells.rows)
    if (!is_unknown(row[column])) words.insert(row[column]);
  check(!words.empty(), "'{}': column '{}' is all unknown", table.source, c.name);
  const Found found = found_in(table, column);
  const auto& numbers = found.numbers;
  const bool few = few_are_words && words.size() <= kFewNumbers &&
                   std::ranges::all_of(numbers, [](double v) { return v == std::floor(v); });
  check_strays(table, c.name, found, few);
  if (!found.all_numbers() || few) {
    check(words.size() <= kMostWords,
          "'{}': column '{}' has {} different words, at most {} are possible; leave it out",
          table.source, c.name, words.size(), kMostWords);
    c.words.assign(words.begin(), words.end());
    return c;
  }
  const double n = static_cast<double>(numbers.size());
  for (double v : numbers) c.mean += v / n;
  double variance = 0;
  for (double v : numbers) variance += (v - c.mean) * (v - c.mean) / n;
  if (!std::isfinite(variance))
    fail_cell(table, found.largest, c.name,
              "is too large to learn from; mend it, or write the column in other units");
  if (variance > 0) c.deviation = std::sqrt(variance);
  return c;
}

TableEncoding TableEncoding::of(const Table& table, const std::string& target) {
  TableEncoding e;
  const size_t wanted = column_of(table, target);
  for (size_t i = 0; i < table.cells.names.size(); ++i)
    if (i != wanted) e.columns_.push_back(measure(table, i, false));
  check(!e.columns_.empty(), "'{}' has one column; there is nothing to predict it from",
        table.source);
  e.target_ = measure(table, wanted, true);
  check(e.target_.words.size() != 1, "'{}': column '{}' is always '{}'; there is nothing to learn",
        table.source, target, e.target_.words.empty() ? "" : e.target_.words[0]);
  return e;
}

nlohmann::ordered_json TableEncoding::to_json() const {
  const auto json_of = [](const Column& c) -> nlohmann::ordered_json {
    if (!c.words.empty()) return {{"name", c.name}, {"words", c.words}};
    return {{"name", c.name}, {"mean", c.mean}, {"deviation", c.deviation}};
  };
  nlohmann::ordered_json columns = nlohmann::ordered_json::array();
  for (const Column& c : columns_) columns.push_back(json_of(c));
  return {{"columns", columns}, {"target", json_of(target_)}};
}

TableEncoding TableEncoding::from_json(const nlohmann::ordered_json& json,
                                       const std::string& file) {
  const auto column_from = [](const nlohmann::ordered_json& j) {
    Column c{j.at("name"), j.value("mean", 0.0), j.value("deviation", 1.0), {}};
    if (j.contains("words")) c.words = j["words"].get<std::vector<std::string>>();
    return c;
  };
  TableEncoding e;
  try {
    for (const auto& j : json.at("columns")) e.columns_.push_back(column_from(j));
    e.target_ = column_from(json.at("target"));
  } catch (const nlohmann::json::exception& error) {
    fail("'{}': the encoding of its table is damaged: {}", file, error.what());
  }
  return e;
}

int64_t TableEncoding::inputs() const {
  size_t count = 0;
  for (const Column& c : columns_) count += c.words.empty() ? 1 : c.words.size();
  return static_cast<int64_t>(count);
}

std::vector<std::string> TableEncoding::input_names() const {
  std::vector<std::string> names;
  for (const Column& c : columns_)
    names.insert(names.end(), c.words.empty() ? 1 : c.words.size(), c.name);
  return names;
}

float TableEncoding::scaled(const Table& table, size_t row, const Column& c,
                            const std::string& cell) {
  const auto number = number_of(cell);
  if (!number)
    fail_cell(table, row, c.name, spelled_number(cell) ? "is no finite number" : "is no number");
  const double far = (*number - c.mean) / c.deviation;
  if (!(std::abs(far) <= kFarthest))
    fail_cell(table, row, c.name,
              fmt::format("is too large: the training's numbers were about {:.6g}", c.mean));
  return static_cast<float>(far);
}

std::vector<float> TableEncoding::encode(const Table& table) const {
  std::vector<size_t> places;
  for (const Column& c : columns_) places.push_back(column_of(table, c.name));
  std::vector<float> all;
  all.reserve(table.cells.rows.size() * static_cast<size_t>(inputs()));
  for (size_t r = 0; r < table.cells.rows.size(); ++r)
    for (size_t i = 0; i < columns_.size(); ++i) {
      const Column& c = columns_[i];
      const std::string& cell = table.cells.rows[r][places[i]];
      for (const std::string& word : c.words) all.push_back(cell == word ? 1.0f : 0.0f);
      if (!c.words.empty()) continue;
      all.push_back(is_unknown(cell) ? 0.0f : scaled(table, r, c, cell));
    }
  return all;
}

std::vector<int64_t> TableEncoding::labels(const Table& table) const {
  const size_t place = column_of(table, target_.name);
  std::vector<int64_t> all;
  for (size_t r = 0; r < table.cells.rows.size(); ++r) {
    const auto& words = target_.words;
    const auto it = std::find(words.begin(), words.end(), table.cells.rows[r][place]);
    if (it == words.end()) fail_cell(table, r, target_.name, "is no class of the training");
    all.push_back(it - words.begin());
  }
  return all;
}

std::vector<float> TableEncoding::values(const Table& table) const {
  const size_t place = column_of(table, target_.name);
  std::vector<float> all;
  for (size_t r = 0; r < table.cells.rows.size(); ++r) {
    all.push_back(scaled(table, r, target_, table.cells.rows[r][place]));
  }
  return all;
}

Tensors TableEncoding::tensors(const Table& table, bool with_target) const {
  Tensors xy = {from_host(encode(table).data(), {table.size(), inputs()}, DType::f32)};
  if (!with_target) return xy;
  if (classifies()) xy.push_back(from_host(labels(table).data(), {table.size()}, DType::i64));
  else xy.push_back(from_host(values(table).data(), {table.size()}, DType::f32));
  return xy;
}

std::vector<std::string> TableEncoding::decode(const Tensor& outputs) const {
  std::vector<std::string> texts;
  if (classifies())
    for (int64_t c : argmax(outputs, 1).to_vector<int64_t>())
      texts.push_back(target_.words[static_cast<size_t>(c)]);
  else
    for (float v : flatten(outputs).to_vector<float>())
      texts.push_back(fmt::format("{:.6g}", in_units(v)));
  return texts;
}

std::vector<double> TableEncoding::in_units(const Tensor& values) const {
  std::vector<double> all;
  for (float v : values.to_vector<float>()) all.push_back(in_units(static_cast<double>(v)));
  return all;
}

std::vector<std::string> write_fruits(const std::string& folder) {
  io::Csv fruits = open_table("fruits", 1).cells;
  fruits.rows.resize(10);
  const std::string path = folder + "/fruits.csv";
  io::write_file_atomically(path, std::string_view(io::to_csv(fruits)));
  return {path};
}

Tensors rows_of(const Tensors& tensors, const std::vector<int64_t>& rows) {
  const Tensor index = from_host(rows.data(), {static_cast<int64_t>(rows.size())}, DType::i64);
  Tensors chosen;
  for (const Tensor& t : tensors) chosen.push_back(index_select(t, 0, index));
  return chosen;
}

}  // namespace cairn::data
