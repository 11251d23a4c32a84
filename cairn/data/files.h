// Which files of a folder are data.
#pragma once
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace cairn::data {

// What systems and programs leave in folders: hidden files ("._a.png", ".DS_Store"), Thumbs.db,
// desktop.ini, __MACOSX, ...
bool is_clutter(const std::filesystem::path& path);

// By its name in lower case: ".txt" for "A.TXT".
bool ends_with(const std::filesystem::path& path, const std::string& ending);

// What lies in a folder, clutter aside, in the order of its names. Throws Error naming the folder
// when it cannot be read.
std::vector<std::filesystem::path> entries_of(const std::filesystem::path& folder);

// Links are followed; false also for those that lead nowhere or to themselves.
bool is_folder(const std::filesystem::path& path);
bool is_file(const std::filesystem::path& path);

// What is not read, by the reason, for people.
class LeftOut {
 public:
  void add(const std::string& reason, const std::filesystem::path& path);
  void add(const LeftOut& others);
  bool empty() const { return reasons_.empty(); }
  // "left out: 20 WebP (x/cat/w00.webp, ...), 1 empty (x/dog/a.png)"; "": nothing.
  std::string in_words() const;

 private:
  struct Some {
    int64_t count = 0;
    std::string first;
  };
  std::map<std::string, Some> reasons_;
};

}  // namespace cairn::data
