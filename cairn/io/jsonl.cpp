#include "cairn/io/jsonl.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <unordered_map>

#include "cairn/base/json.h"
#include "cairn/io/file.h"
#include "cairn/io/json.h"

namespace cairn::io {
namespace {

constexpr int kMostNesting = 32;

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

// A line is one flat record.
Json parse_line(std::string_view line, size_t number, const std::string& name) {
  const std::string place = fmt::format("'{}', line {}", name, number);
  Json object = parse_json(line, place, kMostNesting);
  check(object.is_object(), "{}: not a JSON object", place);
  return object;
}

struct Record {
  std::string_view line;
  Json object;
  bool replaced = false;  // a later one says the same of its step
};

// "3 epoch lr loss": what a record is about.
std::string subject_of(const Json& object) {
  if (!object.contains("step")) return "";
  std::string subject = object["step"].dump();
  for (const auto& [key, value] : object.items()) subject += " " + key;
  return subject;
}

std::vector<Record> whole_records(std::string_view text) {
  std::vector<Record> records;
  std::unordered_map<std::string, size_t> last;
  for_each_line(text, [&](std::string_view line, size_t number) {
    try {
      records.push_back({line, parse_line(line, number, "")});
    } catch (const Error&) { return; }
    const std::string subject = subject_of(records.back().object);
    if (subject.empty()) return;
    const auto [it, is_new] = last.emplace(subject, records.size() - 1);
    if (is_new) return;
    records[it->second].replaced = true;
    it->second = records.size() - 1;
  });
  std::erase_if(records, [](const Record& r) { return r.replaced; });
  return records;
}

void drop_lines_after(const std::string& path, int64_t step) {
  if (!std::filesystem::is_regular_file(path)) return;
  const std::string text = read_text_file(path);
  std::string kept;
  for (const Record& r : whole_records(text)) {
    const auto at = r.object.find("step");
    if (at != r.object.end() && at->is_number() && at->get<double>() > static_cast<double>(step))
      continue;
    kept.append(r.line) += '\n';
  }
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
  const std::string line = dump_json(object) + '\n';
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

std::vector<Json> read_log(const std::string& path) {
  const std::string text = read_text_file(path);
  std::vector<Json> objects;
  for (Record& r : whole_records(text)) objects.push_back(std::move(r.object));
  return objects;
}

}  // namespace cairn::io
