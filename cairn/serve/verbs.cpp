#include "cairn/serve/verbs.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "cairn/io/csv.h"
#include "cairn/io/file.h"
#include "cairn/io/json.h"
#include "cairn/io/utf8.h"
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
    lines.push_back(text.substr(at, end - at));
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
void name_files(Json& line, const std::string& path, const std::string& name,
                const std::string& folder) {
  for (auto& [key, value] : line.items()) {
    if (!value.is_string()) continue;
    const auto text = value.get<std::string>();
    if (text == path) value = name;
    else if (!folder.empty() && text.starts_with(folder)) value = fs::path(text).filename();
  }
}

void add_pictures(Json& line, const std::string& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file()) files.push_back(entry.path());
  std::ranges::sort(files);
  Json& pictures = line["pictures"] = Json::array();
  for (const fs::path& file : files) {
    const auto bytes = io::read_file(file.string());
    pictures.push_back("data:image/png;base64," + train::report::base64(bytes));
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
    if (!option || option->use() == train::Use::positional || name == "json")
      throw InvalidOption(name, "is no option of this task's predict");
    if (!plain) throw InvalidOption(name, "a number, true or false is wanted");
    option->read(value);
  }
  options->validate();
  return options;
}

std::vector<std::string> ask_verb(const tasks::Verb& verb, tasks::Model& model,
                                  const std::string& options, const std::vector<Item>& items) {
  const bool texts = items[0].is_text;
  const MemoryFile file(texts ? joined_lines(items) : items[0].content);
  const auto chosen = options_for(verb, options);
  set(*chosen, "files", file.path()), set(*chosen, "json", "true");
  tasks::Printed printed;
  std::unique_ptr<TemporaryFolder> made;
  try {
    verb.run(model, *chosen);
  } catch (const InvalidOption& e) {  // it makes pictures, and asks where to put them
    if (e.option() != "out") throw;
    made = std::make_unique<TemporaryFolder>();
    set(*chosen, "out", made->path);
    verb.run(model, *chosen);
  } catch (const UsageError&) { throw; } catch (const Error& e) {
    std::string message = e.what();
    if (const size_t at = message.find(file.path()); at != message.npos)
      message.replace(at, file.path().size(), texts ? "the text" : items[0].name);
    fail("{}", message);
  }
  const bool prints_json = chosen->find("json") != nullptr;
  std::vector<std::string> said;
  if (!prints_json && !texts) return {io::dump_json(table_of(printed.text()))};
  for (const std::string& line : lines_of(printed.text())) {
    Json json = prints_json ? io::parse_json(line, "an answer") : Json{{"text", line}};
    name_files(json, file.path(), items[0].name, made ? made->path : "");
    if (made) add_pictures(json, made->path);
    said.push_back(io::dump_json(json));
  }
  check(said.size() == items.size(), "{} answers to {} texts", said.size(), items.size());
  return said;
}

}  // namespace cairn::serve
