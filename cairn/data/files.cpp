#include "cairn/data/files.h"

#include <algorithm>

#include "cairn/base/error.h"
#include "cairn/io/utf8.h"

namespace cairn::data {
namespace {

namespace fs = std::filesystem;

std::string in_lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return text;
}

}  // namespace

bool is_clutter(const fs::path& path) {
  const std::string name = in_lower_case(path.filename().string());
  if (name.starts_with('.')) return true;
  for (const char* known : {"thumbs.db", "desktop.ini", "__macosx", "@eadir", "$recycle.bin",
                            "system volume information", "lost+found", "ehthumbs.db"})
    if (name == known) return true;
  return false;
}

bool ends_with(const fs::path& path, const std::string& ending) {
  return in_lower_case(path.filename().string()).ends_with(ending);
}

std::vector<fs::path> entries_of(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::path> entries;
  fs::directory_iterator it(folder, error);
  for (; !error && it != fs::directory_iterator(); it.increment(error))
    if (!is_clutter(it->path())) entries.push_back(it->path());
  if (error)
    fail("cannot read the folder '{}': {}", io::printable(folder.string()), error.message());
  std::sort(entries.begin(), entries.end());
  return entries;
}

bool is_folder(const fs::path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}
bool is_file(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

void LeftOut::add(const std::string& reason, const fs::path& path) {
  Some& some = reasons_[reason];
  if (some.count++ == 0) some.first = io::printable(path.string());
}

void LeftOut::add(const LeftOut& others) {
  for (const auto& [reason, some] : others.reasons_) {
    Some& own = reasons_[reason];
    if (own.count == 0) own.first = some.first;
    own.count += some.count;
  }
}

std::string LeftOut::in_words() const {
  std::string words;
  for (const auto& [reason, some] : reasons_)
    words += fmt::format("{}{} {} ({}{})", words.empty() ? "left out: " : ", ", some.count, reason,
                         some.first, some.count > 1 ? ", ..." : "");
  return words;
}

}  // namespace cairn::data
