#include "cairn/data/class_names.h"

#include <map>
#include <sstream>

#include "cairn/base/error.h"
#include "cairn/data/files.h"
#include "cairn/data/idx.h"
#include "cairn/io/file.h"
#include "cairn/io/utf8.h"

namespace cairn::data {
namespace {

constexpr uint64_t kMostBytes = 16 << 20;

std::string trimmed(const std::string& text) {
  const size_t begin = text.find_first_not_of(" \t\r"), end = text.find_last_not_of(" \t\r");
  return begin == text.npos ? "" : text.substr(begin, end - begin + 1);
}

std::vector<std::string> lines_of(const std::string& path) {
  std::vector<std::string> lines;
  std::istringstream text(std::string(io::without_mark(io::read_text_file(path, kMostBytes))));
  for (std::string line; std::getline(text, line);)
    if (!trimmed(line).empty()) lines.push_back(line);
  return lines;
}

// Without quotes around it, or a comment behind it.
std::string scalar(const std::string& text) {
  const std::string value = trimmed(text);
  if (!value.empty() && (value[0] == '\'' || value[0] == '"'))
    return value.substr(1, value.find(value[0], 1) - 1);
  return trimmed(value.substr(0, std::min(value.find(" #"), value.size())));
}

// "[cat, 'dog']", which may go on over lines.
std::vector<std::string> flow_list(const std::string& text) {
  std::vector<std::string> names;
  std::string one;
  char quote = 0;
  for (const char c : text.substr(1)) {
    if (!quote && (c == ',' || c == ']')) {
      if (!trimmed(one).empty()) names.push_back(scalar(one));
      one.clear();
      if (c == ']') break;
      continue;
    }
    if (quote == c) quote = 0;
    else if (!quote && trimmed(one).empty() && (c == '\'' || c == '"')) quote = c;
    one += c;
  }
  return names;
}

bool is_yaml(const std::string& path) {
  return ends_with(path, ".yaml") || ends_with(path, ".yml");
}

std::vector<std::string> names_of_yaml(const std::string& path) {
  const std::vector<std::string> lines = lines_of(path);
  size_t at = 0;
  while (at < lines.size() && !lines[at].starts_with("names:")) ++at;
  if (at == lines.size()) return {};
  std::string rest = trimmed(lines[at].substr(6));
  if (rest.starts_with('[')) {
    for (++at; at < lines.size() && rest.find(']') == rest.npos; ++at) rest += " " + lines[at];
    return flow_list(rest);
  }
  std::vector<std::string> names;
  for (++at; at < lines.size(); ++at) {
    const std::string line = trimmed(lines[at]);
    if (line.starts_with('#')) continue;
    if (line.starts_with("- ")) {
      names.push_back(scalar(line.substr(2)));
      continue;
    }
    if (lines[at][0] != ' ' && lines[at][0] != '\t') break;  // the next key
    const size_t colon = line.find(':');
    check(colon != line.npos && scalar(line.substr(0, colon)) == std::to_string(names.size()),
          "'{}': '{}' is not the name of class {}", io::printable(path), io::printable(line),
          names.size());
    names.push_back(scalar(line.substr(colon + 1)));
  }
  return names;
}

}  // namespace

std::vector<std::string> names_of_classes(const std::string& path) {
  std::vector<std::string> names;
  if (is_yaml(path)) names = names_of_yaml(path);
  else
    for (const std::string& line : read_class_names(path)) names.push_back(trimmed(line));
  std::map<std::string, size_t> places;
  for (size_t i = 0; i < names.size(); ++i) {
    const auto [first, is_new] = places.emplace(names[i], i);
    check(is_new, "'{}' names '{}' twice, as class {} and as class {}; call one otherwise",
          io::printable(path), io::printable(names[i]), first->second, i);
  }
  return names;
}

std::string class_names_file(const std::string& folder) {
  if (is_file(folder + "/classes.txt")) return folder + "/classes.txt";
  std::string yaml;
  for (const auto& entry : entries_of(folder)) {
    if (!is_file(entry)) continue;
    if (ends_with(entry, ".names")) return entry.string();
    if (yaml.empty() && is_yaml(entry.string()) && !names_of_yaml(entry.string()).empty())
      yaml = entry.string();
  }
  return yaml;
}

}  // namespace cairn::data
