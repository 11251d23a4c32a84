#include "cairn/io/jsonl.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "cairn/io/file.h"

namespace cairn::io {
namespace {

using Json = nlohmann::ordered_json;

// Calls visit(line, number) for every line that ends in a newline.
template <class Visit>
void for_each_line(std::string_view text, Visit visit) {
  for (size_t number = 1, begin = 0; begin < text.size(); ++number) {
    const size_t end = text.find('\n', begin);
    if (end == std::string_view::npos) return;
    visit(text.substr(begin, end - begin), number);
    begin = end + 1;
  }
}

Json parse_line(std::string_view line, size_t number, const std::string& name) {
  // A line is one flat record: deep nesting is refused before it can exhaust the stack.
  const auto shallow = [&](int depth, Json::parse_event_t, const Json&) {
    check(depth < 32, "'{}', line {}: nested too deeply", name, number);
    return true;
  };
  try {
    Json object = Json::parse(line, shallow);
    check(object.is_object(), "'{}', line {}: not a JSON object", name, number);
    return object;
  } catch (const Json::exception& error) {
    fail("'{}', line {}: {}; repair or remove the line", name, number, error.what());
  }
}

void drop_lines_after(const std::string& path, int64_t step) {
  if (!std::filesystem::exists(path)) return;
  const std::string text = read_text_file(path);
  std::string kept;
  for_each_line(text, [&](std::string_view line, size_t number) {
    const Json object = parse_line(line, number, path);
    const auto at = object.find("step");
    if (at != object.end() && at->is_number() && at->get<double>() > static_cast<double>(step))
      return;
    kept.append(line) += '\n';
  });
  if (kept != text) write_file_atomically(path, kept);
}

}  // namespace

JsonlWriter::JsonlWriter(const std::string& path, std::optional<int64_t> resume_after)
    : path_(path) {
  if (resume_after) drop_lines_after(path, *resume_after);
  file_.reset(std::fopen(path.c_str(), "ae"));
  check(file_ != nullptr, "cannot write '{}': {}", path, std::strerror(errno));
}

void JsonlWriter::write(const Json& object) {
  std::string line;
  try {
    line = object.dump() + '\n';
  } catch (const Json::exception& error) { fail("cannot write '{}': {}", path_, error.what()); }
  const bool written = std::fwrite(line.data(), 1, line.size(), file_.get()) == line.size();
  const bool flushed = std::fflush(file_.get()) == 0;
  check(written && flushed, "cannot write '{}': {}", path_, std::strerror(errno));
}

std::vector<Json> parse_jsonl(std::string_view text, const std::string& name) {
  std::vector<Json> objects;
  for_each_line(text, [&](std::string_view line, size_t number) {
    objects.push_back(parse_line(line, number, name));
  });
  return objects;
}

std::vector<Json> read_jsonl(const std::string& path) {
  return parse_jsonl(read_text_file(path), path);
}

}  // namespace cairn::io
