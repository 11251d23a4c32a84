#include "cairn/serve/verbs.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "cairn/io/base64.h"
#include "cairn/io/csv.h"
#include "cairn/io/file.h"
#include "cairn/io/json.h"
#include "cairn/io/pixels.h"
#include "cairn/io/utf8.h"
#include "cairn/tasks/line_warnings.h"
#include "cairn/train/report/page.h"

namespace cairn::serve {
namespace {

namespace fs = std::filesystem;

// One text a line, as verbs read them.
std::string joined_lines(const std::vector<Item>& items) {
  std::string lines;
  for (const Item& item : items) {
    lines += item.content;
    std::replace_if(
        lines.end() - std::ssize(item.content), lines.end(),
        [](char c) { return c == '\n' || c == '\r'; }, ' ');
    lines += '\n';
  }
  return lines;
}

}  // namespace

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at - (end > at && text[end - 1] == '\r')));
    at = end + 1;
  }
  return lines;
}

namespace {

Json table_of(const std::string& csv) {
  const io::Csv table = io::parse_csv(csv, "the table");
  Json rows = Json::array();
  for (const auto& cells : table.rows) {
    Json& row = rows.emplace_back(Json::object());
    for (size_t c = 0; c < cells.size(); ++c) row[table.names[c]] = cells[c];
  }
  return {{"columns", table.names}, {"rows", rows}};
}

// Paths of here mean nothing elsewhere.
void name_files(Json& value, const std::string& path, const std::string& name,
                const std::string& folder) {
  if (value.is_structured())
    for (Json& inner : value) name_files(inner, path, name, folder);
  if (!value.is_string()) return;
  value = replaced(replaced(value.get<std::string>(), path, io::valid_utf8(name)), folder, "");
}

void add_pictures(Json& line, const std::string& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) files.push_back(entry.path());
  std::ranges::sort(files);
  Json& pictures = line["pictures"] = Json::array();
  for (const fs::path& file : files) {
    const auto bytes = io::read_file(file.string());
    pictures.push_back("data:image/png;base64," + io::to_base64(bytes));
  }
}

void set(train::OptionSet& options, const char* name, const std::string& text) {
  if (train::AnyOption* option = options.find(name)) option->parse(text);
}

}  // namespace

MemoryFile::MemoryFile(const std::string& content) : file_(memfd_create("upload", MFD_CLOEXEC)) {
  check(file_ >= 0, "no memory for a file: {}", std::strerror(errno));
  path_ = fmt::format("/proc/self/fd/{}", file_);
  for (size_t done = 0; done < content.size();) {
    const ssize_t wrote = ::write(file_, content.data() + done, content.size() - done);
    if (wrote > 0) done += static_cast<size_t>(wrote);
    else if (errno != EINTR) {
      const int why = errno;
      ::close(file_);
      fail("no memory for a file: {}", std::strerror(why));
    }
  }
}
MemoryFile::~MemoryFile() { ::close(file_); }

TemporaryFolder::TemporaryFolder() : path((fs::temp_directory_path() / "cairn-XXXXXX").string()) {
  check(mkdtemp(path.data()), "no folder can be made in {}: {}", fs::temp_directory_path().string(),
        std::strerror(errno));
}
TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  fs::remove_all(path, ignored);
}

std::unique_ptr<train::OptionSet> options_for(const tasks::Verb& verb, const std::string& json) {
  auto options = verb.options();
  if (json.empty()) return options;
  const Json given = io::parse_json(json, "options");
  for (const auto& [name, value] : given.items()) {
    train::AnyOption* option = options->find(name);
    const bool plain = value.is_number() || value.is_boolean();
    if (!option || option->use() == train::Use::positional || name == "json") {
      std::vector<std::string> known;
      for (const train::AnyOption* o : std::as_const(*options).all())
        if (o->use() != train::Use::positional && o->name() != name) known.emplace_back(o->name());
      const std::string near = name.size() > 64 ? "" : nearest_name(name, known);
      throw InvalidOption(name, "is no option of this task's predict" +
                                    (near.empty() ? "" : " (did you mean " + near + "?)"));
    }
    if (!plain) throw InvalidOption(name, "a number, true or false is wanted");
    option->read(value);
  }
  options->validate();
  return options;
}

bool is_plain_name(const std::string& name) {
  return !name.empty() && name.size() <= 100 && name[0] != '.' && name != "page.html" &&
         std::ranges::all_of(name, [](unsigned char c) {
           return std::isalnum(c) || (c && std::strchr("-_.+:@", c)) || c >= 0x80;
         });
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (size_t at = 0; !from.empty() && (at = text.find(from, at)) != text.npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

void refuse(const Error& e, const std::string& path, const std::string& name) {
  if (const auto* refused = dynamic_cast<const Refused*>(&e)) throw *refused;
  const std::string message = replaced(e.what(), path, name);
  if (dynamic_cast<const io::TooManyPixels*>(&e)) throw Refused(413, message + " (--max-pixels)");
  const auto* option = dynamic_cast<const InvalidOption*>(&e);
  throw Refused(400, message, option ? option->option() : "");
}

namespace {

// A verb's answers to texts, a line each, with what it warned of.
struct Line {
  std::string text, warning;
};
std::vector<Line> answers_in(const std::string& printed, const tasks::LineWarnings& warnings) {
  std::vector<Line> lines;
  auto warning = warnings.all().begin();
  size_t at = 0;
  for (std::string& line : lines_of(printed)) {
    const size_t next = at + line.size() + 1;
    lines.push_back({std::move(line), ""});
    for (; warning != warnings.all().end() && warning->first < next; ++warning)
      lines.back().warning = warning->second;
    at = next;
  }
  return lines;
}

// What the verb is given: the upload under its own name, which verbs may tell and name files by.
class Upload {
 public:
  explicit Upload(const std::vector<Item>& items)
      : file_(items[0].is_text() ? joined_lines(items) : items[0].content),
        name(items[0].is_text()             ? "the text"
             : is_plain_name(items[0].name) ? items[0].name
                                            : "the file") {
    fs::create_symlink(file_.path(), path());
  }
  std::string path() const { return folder_.path + "/" + name; }

 private:
  const TemporaryFolder folder_;
  const MemoryFile file_;

 public:
  const std::string name;
};

}  // namespace

std::vector<std::string> ask_verb(const tasks::Verb& verb, tasks::Model& model,
                                  const std::string& options, const std::vector<Item>& items) {
  const bool texts = items[0].is_text();
  const Upload upload(items);
  const auto chosen = options_for(verb, options);
  set(*chosen, "files", upload.path()), set(*chosen, "json", "true");
  tasks::Printed printed;
  const tasks::LineWarnings warnings;
  std::unique_ptr<TemporaryFolder> made;
  try {
    try {
      verb.run(model, *chosen);
    } catch (const InvalidOption& e) {  // it makes pictures, and asks where to put them
      if (e.option() != "out") throw;
      made = std::make_unique<TemporaryFolder>();
      set(*chosen, "out", made->path);
      verb.run(model, *chosen);
    }
  } catch (const Error& e) { refuse(e, upload.path(), texts ? upload.name : items[0].name); }
  const bool prints_json = chosen->find("json") != nullptr;
  if (!prints_json && !texts) return {io::dump_json(table_of(printed.text()))};
  std::vector<std::string> said;
  for (const Line& line : answers_in(printed.text(), warnings)) {
    Json json = prints_json ? io::parse_json(line.text, "an answer") : Json{{"text", line.text}};
    name_files(json, upload.path(), items[0].name, made ? made->path + "/" : "");
    if (!line.warning.empty()) json["warning"] = line.warning;
    if (made) add_pictures(json, made->path);
    said.push_back(io::dump_json(json));
  }
  check(said.size() == items.size(), "{} answers to {} texts", said.size(), items.size());
  return said;
}

}  // namespace cairn::serve
