// Tables: rows of numbers and words, from a CSV file or drawn by the program, and how they become
// what a network takes.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "cairn/io/csv.h"
#include "cairn/tensor/tensor.h"

namespace cairn::data {

struct Table {
  std::string source;
  io::Csv cells;
  int64_t size() const { return static_cast<int64_t>(cells.rows.size()); }
};
// `source`: a CSV file (also .gz), or "fruits": a table that the program draws (kind, colour and
// measures of apples, pears, lemons and plums), for which `seed` draws others of its kind.
Table open_table(const std::string& source, uint64_t seed = 0);

// Which columns are numbers and which are words, and their scales: measured on a table, kept with
// the network. Cells that are empty, "NA", "nan" or "?" are unknown: the mean, or no word.
class TableEncoding {
 public:
  TableEncoding() = default;
  // Words are columns with a cell that is no number. A target of words, or of few whole numbers
  // (at most 20 different ones), is a class. Throws Error naming column and reason, and row and
  // cell where a few cells among many numbers are none, or one is not finite.
  static TableEncoding of(const Table& table, const std::string& target);
  static TableEncoding from_json(const nlohmann::ordered_json& json, const std::string& file);
  nlohmann::ordered_json to_json() const;

  int64_t inputs() const;                        // numbers that a row becomes
  std::vector<std::string> input_names() const;  // the column of each of them
  const std::string& target() const { return target_.name; }
  bool classifies() const { return !target_.words.empty(); }
  const std::vector<std::string>& classes() const { return target_.words; }
  // [rows, inputs()]: numbers with mean 0 and deviation 1, words as 0 or 1. Columns are found by
  // name. Throws Error naming file, row and column.
  std::vector<float> encode(const Table& table) const;
  // The number of the class of each row, or its value with mean 0 and deviation 1.
  std::vector<int64_t> labels(const Table& table) const;
  std::vector<float> values(const Table& table) const;
  double in_units(double value) const { return value * target_.deviation + target_.mean; }
  std::vector<double> in_units(const Tensor& values) const;

  // x [rows, inputs()] f32 and, when asked for, y [rows]: labels i64, or values f32.
  Tensors tensors(const Table& table, bool with_target) const;
  // What a network's outputs [rows, classes] or [rows, 1] say: names of classes, or numbers.
  std::vector<std::string> decode(const Tensor& outputs) const;

 private:
  struct Column {
    std::string name;
    double mean = 0, deviation = 1;
    std::vector<std::string> words;  // none: numbers
  };
  static Column measure(const Table& table, size_t column, bool few_are_words);
  static float scaled(const Table& table, size_t row, const Column& c, const std::string& cell);
  std::vector<Column> columns_;
  Column target_;
};

// Ten rows of another "fruits", as a file to try a network on; returns its path.
std::vector<std::string> write_fruits(const std::string& folder);

// These rows of each tensor.
Tensors rows_of(const Tensors& tensors, const std::vector<int64_t>& rows);

}  // namespace cairn::data
