#include "cairn/io/csv.h"

#include <algorithm>
#include <set>

#include "cairn/base/error.h"
#include "cairn/io/gzip.h"
#include "cairn/io/utf8.h"

namespace cairn::io {
namespace {

constexpr uint64_t kLimit = uint64_t{4} << 30;

// Cells of one record after another.
class Scanner {
 public:
  Scanner(std::string_view text, const std::string& name, char delimiter)
      : text_(text), name_(name), delimiter_(delimiter) {}

  // False at the end of the text. An empty line is no record.
  bool next(std::vector<std::string>& cells) {
    cells.clear();
    if (delimiter_ == ' ') return next_words(cells);
    while (at_ < text_.size() && (text_[at_] == '\n' || text_.substr(at_, 2) == "\r\n"))
      at_ += text_[at_] == '\n' ? 1 : 2, ++line_;
    if (at_ >= text_.size()) return false;
    begun_ = line_;
    while (take_cell(cells)) {}
    return true;
  }
  int64_t begun() const { return begun_; }  // the line that the record began in

 private:
  // What stands between blanks in the next line that has anything else.
  bool next_words(std::vector<std::string>& cells) {
    const auto is_blank = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
    while (cells.empty() && at_ < text_.size()) {
      const size_t end = std::min(text_.find('\n', at_), text_.size());
      begun_ = line_++;
      while (at_ < end) {
        const size_t begin = at_;
        while (at_ < end && !is_blank(text_[at_])) ++at_;
        if (at_ > begin) cells.emplace_back(text_.substr(begin, at_ - begin));
        else ++at_;
      }
      ++at_;
    }
    return !cells.empty();
  }

  // False when the record ended with it.
  bool take_cell(std::vector<std::string>& cells) {
    std::string& cell = cells.emplace_back();
    if (at_ < text_.size() && text_[at_] == '"') take_quoted(cell);
    else
      while (at_ < text_.size() && text_[at_] != delimiter_ && text_[at_] != '\n')
        cell += text_[at_++];
    if (at_ >= text_.size()) return false;
    if (text_[at_++] == delimiter_) return true;
    if (cell.ends_with('\r')) cell.pop_back();
    ++line_;
    return false;
  }

  void take_quoted(std::string& cell) {
    const int64_t opened = line_;
    for (++at_;; ++at_) {
      if (at_ >= text_.size())
        fail("'{}', line {}: a quote is opened and never closed", name_, opened);
      if (text_[at_] == '\n') ++line_;
      if (text_[at_] != '"') cell += text_[at_];
      else if (text_.substr(at_, 2) == "\"\"") cell += text_[at_++];
      else break;
    }
    ++at_;
    if (text_.substr(at_, 2) == "\r\n") ++at_;
    check(at_ >= text_.size() || text_[at_] == delimiter_ || text_[at_] == '\n',
          "'{}', line {}: text after a closing quote", name_, line_);
  }

  std::string_view text_;
  const std::string& name_;
  char delimiter_;
  size_t at_ = 0;
  int64_t line_ = 1, begun_ = 1;
};

}  // namespace

std::vector<std::string> cells_between(std::string_view line, char delimiter) {
  std::vector<std::string> cells;
  for (size_t at = 0;;) {
    const size_t end = line.find(delimiter, at);
    cells.emplace_back(line.substr(at, end == line.npos ? end : end - at));
    if (end == line.npos) return cells;
    at = end + 1;
  }
}

char find_delimiter(std::string_view text) {
  const size_t begin = std::min(text.find_first_not_of("\r\n \t"), text.size());
  const std::string_view line = text.substr(begin, text.find('\n', begin) - begin);
  for (const char c : {'\t', ';', ','})
    if (line.find(c) != line.npos) return c;
  return line.find(' ') != line.npos ? ' ' : ',';
}

void for_each_record(std::string_view text, const std::string& name, char delimiter,
                     FunctionRef<void(int64_t line, std::vector<std::string>& cells)> take) {
  text = without_mark(text);
  const size_t invalid = find_invalid_utf8(text);
  check(invalid == text.npos, "'{}', byte {}: not UTF-8", name, invalid);
  Scanner scanner(text, name, delimiter);
  for (std::vector<std::string> cells; scanner.next(cells);) take(scanner.begun(), cells);
}

namespace {

Csv parse_table(std::string_view text, const std::string& name, char delimiter) {
  Csv table;
  for_each_record(text, name, delimiter, [&](int64_t line, std::vector<std::string>& cells) {
    if (table.names.empty()) {
      table.names = std::move(cells);
      std::set<std::string> seen;
      for (const std::string& n : table.names) {
        check(!n.empty(), "'{}': a column has no name", name);
        check(seen.insert(n).second, "'{}': two columns are called '{}'", name, n);
      }
      return;
    }
    check(cells.size() == table.names.size(), "'{}', line {}: {} cells, but there are {} columns",
          name, line, cells.size(), table.names.size());
    table.rows.push_back(std::move(cells));
  });
  check(!table.names.empty(), "'{}' is empty; a table begins with the names of its columns", name);
  return table;
}

}  // namespace

Csv parse_csv(std::string_view text, const std::string& name) {
  return parse_table(text, name, ',');
}

Csv read_csv(const std::string& path) {
  const ByteVector bytes = read_maybe_gzip(path, kLimit);
  const bool tabs = path.ends_with(".tsv") || path.ends_with(".tsv.gz");
  return parse_table(text_of(bytes), path, tabs ? '\t' : ',');
}

bool is_csv_name(const std::string& path) {
  const std::string name = path.ends_with(".gz") ? path.substr(0, path.size() - 3) : path;
  return name.ends_with(".csv") || name.ends_with(".tsv");
}

std::string csv_cell(const std::string& text) {
  if (text.find_first_of(",\"\n\r") == text.npos) return text;
  std::string quoted = "\"";
  for (char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + '"';
}

std::string to_csv(const Csv& table) {
  std::string text;
  const auto write = [&](const std::vector<std::string>& cells) {
    for (size_t i = 0; i < cells.size(); ++i) text += (i ? "," : "") + csv_cell(cells[i]);
    text += '\n';
  };
  write(table.names);
  for (const auto& row : table.rows) write(row);
  return text;
}

}  // namespace cairn::io
