#include "cairn/tasks/files.h"

#include <algorithm>
#include <filesystem>

#include "cairn/io/csv.h"
#include "cairn/io/file.h"
#include "cairn/io/json.h"

namespace cairn::tasks {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> files_of(const std::vector<std::string>& given, const FileKind& kind) {
  std::vector<std::string> files;
  for (const std::string& path : given) {
    if (!fs::is_directory(path)) {
      files.push_back(path);
      continue;
    }
    const size_t before = files.size();
    for (const auto& entry : fs::recursive_directory_iterator(path))
      if (entry.is_regular_file() && kind.is_one(entry.path().string()))
        files.push_back(entry.path().string());
    std::sort(files.begin() + static_cast<int64_t>(before), files.end());
    check(files.size() > before, "'{}' holds no {}", path, kind.plural);
  }
  return files;
}

}  // namespace

int say_of_files(const FileOptions& o, const FileKind& kind,
                 const std::function<Said(const std::string& file)>& say) {
  const auto files = files_of(o.files, kind);
  io::Csv table{{"file"}, {}};
  table.names.insert(table.names.end(), kind.columns.begin(), kind.columns.end());
  for (const std::string& file : files) {
    try {
      Said said = say(file);
      Json line = {{"file", file}};
      line.update(said.json);
      if (o.json) fmt::print("{}\n", io::dump_json(line));
      else fmt::print("{}:{}\n", file, said.words);
      said.cells.insert(said.cells.begin(), file);
      table.rows.push_back(std::move(said.cells));
    } catch (const Error& e) { fmt::print(stderr, "cairn: {}\n", e.what()); }
  }
  const size_t failed = files.size() - table.rows.size();
  if (!o.csv->empty()) io::write_file_atomically(o.csv, std::string_view(io::to_csv(table)));
  if (files.size() > 1)
    fmt::print(stderr, "{} {} named{}\n", table.rows.size(), kind.plural,
               failed ? fmt::format(", {} could not be read", failed) : "");
  return failed ? 1 : 0;
}

}  // namespace cairn::tasks
