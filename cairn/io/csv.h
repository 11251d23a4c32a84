// Comma-separated values (RFC 4180): a header of names, then rows. Quoted cells may hold commas,
// quotes ("") and line ends; lines end in \n or \r\n; a byte-order mark is passed over.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace cairn::io {

struct Csv {
  std::vector<std::string> names;
  std::vector<std::vector<std::string>> rows;  // each as long as names
};

// Throws Error that names the text and the line: no header, an empty or repeated name, a row of
// another length, an open quote, bytes that are no UTF-8.
Csv parse_csv(std::string_view text, const std::string& name);
Csv read_csv(const std::string& path);  // also .gz

// A cell, in quotes where it needs them.
std::string csv_cell(const std::string& text);
std::string to_csv(const Csv& table);

}  // namespace cairn::io
