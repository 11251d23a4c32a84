// Comma-separated values (RFC 4180): a header of names, then rows. Quoted cells may hold commas,
// quotes ("") and line ends; lines end in \n or \r\n; a byte-order mark is passed over.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/base/function_ref.h"

namespace cairn::io {

// What stands between the cells of a text, by its first line that is not empty: a tab, ';', ',' or
// (none of them) runs of blanks, written ' '.
char find_delimiter(std::string_view text);

// Calls `take` with each record that is not empty: the line it begins in, and its cells, which may
// be moved from. With ' ' cells are what stands between blanks, and there are no quotes. Throws
// Error that names the text and the line: an open quote, bytes that are no UTF-8.
void for_each_record(std::string_view text, const std::string& name, char delimiter,
                     FunctionRef<void(int64_t line, std::vector<std::string>& cells)> take);

// The cells of one line where quotes are letters, as in TSV files of sentences.
std::vector<std::string> cells_between(std::string_view line, char delimiter);

struct Csv {
  std::vector<std::string> names;
  std::vector<std::vector<std::string>> rows;  // each as long as names
};

// Throws Error that names the text and the line: no header, an empty or repeated name, a row of
// another length, an open quote, bytes that are no UTF-8.
Csv parse_csv(std::string_view text, const std::string& name);
Csv read_csv(const std::string& path);      // also .gz
bool is_csv_name(const std::string& path);  // ends with .csv, .tsv, or these and .gz

// A cell, in quotes where it needs them.
std::string csv_cell(const std::string& text);
std::string to_csv(const Csv& table);

}  // namespace cairn::io
