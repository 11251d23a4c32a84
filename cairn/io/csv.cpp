#include "cairn/io/csv.h"

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
  Scanner(std::string_view text, const std::string& name) : text_(text), name_(name) {}
  int64_t line() const { return line_; }

  // False at the end of the text. An empty line is no record.
  bool next(std::vector<std::string>& cells) {
    while (at_ < text_.size() && (text_[at_] == '\n' || text_.substr(at_, 2) == "\r\n"))
      at_ += text_[at_] == '\n' ? 1 : 2, ++line_;
    if (at_ >= text_.size()) return false;
    cells.clear();
    begun_ = line_;
    while (take_cell(cells)) {}
    return true;
  }
  int64_t begun() const { return begun_; }

 private:
  // False when the record ended with it.
  bool take_cell(std::vector<std::string>& cells) {
    std::string& cell = cells.emplace_back();
    if (at_ < text_.size() && text_[at_] == '"') take_quoted(cell);
    else
      while (at_ < text_.size() && text_[at_] != ',' && text_[at_] != '\n') cell += text_[at_++];
    if (at_ >= text_.size()) return false;
    if (text_[at_++] == ',') return true;
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
    check(at_ >= text_.size() || text_[at_] == ',' || text_[at_] == '\n',
          "'{}', line {}: text after a closing quote", name_, line_);
  }

  std::string_view text_;
  const std::string& name_;
  size_t at_ = 0;
  int64_t line_ = 1, begun_ = 1;
};

}  // namespace

Csv parse_csv(std::string_view text, const std::string& name) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  const size_t invalid = find_invalid_utf8(text);
  check(invalid == text.npos, "'{}', byte {}: not UTF-8", name, invalid);
  Scanner scanner(text, name);
  Csv table;
  check(scanner.next(table.names), "'{}' is empty; a table begins with the names of its columns",
        name);
  std::set<std::string> seen;
  for (const std::string& n : table.names) {
    check(!n.empty(), "'{}': a column has no name", name);
    check(seen.insert(n).second, "'{}': two columns are called '{}'", name, n);
  }
  for (std::vector<std::string> cells; scanner.next(cells);) {
    check(cells.size() == table.names.size(), "'{}', line {}: {} cells, but there are {} columns",
          name, scanner.begun(), cells.size(), table.names.size());
    table.rows.push_back(cells);
  }
  return table;
}

Csv read_csv(const std::string& path) {
  const ByteVector bytes = read_maybe_gzip(path, kLimit);
  return parse_csv(text_of(bytes), path);
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
