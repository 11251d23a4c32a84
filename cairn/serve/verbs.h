// The verb `predict` of a task asked from memory: what it prints is collected and given back.
#pragma once
#include <string>
#include <vector>

#include "cairn/serve/service.h"
#include "cairn/tasks/task.h"

namespace cairn::serve {

// A file that lies in memory and has a path while this lives.
class MemoryFile {
 public:
  explicit MemoryFile(const std::string& content);
  ~MemoryFile();
  MemoryFile(const MemoryFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  int file_;
  std::string path_;
};

// Without their ends, "\n" or "\r\n".
std::vector<std::string> lines_of(const std::string& text);

// A folder that goes away with this.
struct TemporaryFolder {
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  std::string path;
};

// Of letters, digits and a few signs: no folder, and nothing that a shell or a page takes for more.
bool is_plain_name(const std::string& name);
// `text` with each `from` in it as `to`.
std::string replaced(std::string text, const std::string& from, const std::string& to);
// A request is refused for what was thrown; what names `path`, which was only here, names `name`.
[[noreturn]] void refuse(const Error& e, const std::string& path = "",
                         const std::string& name = "");

// The verb's options with those that a request may choose: numbers and switches, no paths. Throws
// InvalidOption.
std::unique_ptr<train::OptionSet> options_for(const tasks::Verb& verb, const std::string& json);

// What it says of each item: the JSON that it prints; of a table its columns and rows; of pictures
// that it makes those, too. Items are all texts, or one file. Throws Refused.
std::vector<std::string> ask_verb(const tasks::Verb& verb, tasks::Model& model,
                                  const std::string& options, const std::vector<Item>& items);

}  // namespace cairn::serve
