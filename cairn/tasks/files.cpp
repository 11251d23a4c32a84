#include "cairn/tasks/files.h"

#include <algorithm>
#include <filesystem>

#include "cairn/data/files.h"
#include "cairn/io/file.h"
#include "cairn/io/json.h"
#include "cairn/io/utf8.h"

namespace cairn::tasks {
namespace {

namespace fs = std::filesystem;

struct Files {
  std::vector<std::string> paths;
  data::LeftOut left_out;
};

// Of a folder all files of the kind below it, in the order of their names.
void add_below(const fs::path& folder, const FileKind& kind, Files& files) {
  if (kind.is_whole && kind.is_whole(folder.string())) {
    files.paths.push_back(folder.string());
    return;
  }
  for (const fs::path& entry : data::entries_of(folder)) {
    if (fs::is_symlink(entry) && data::is_folder(entry))
      files.left_out.add("links to folders", entry);
    else if (data::is_folder(entry)) add_below(entry, kind, files);
    else if (kind.is_one(entry.string())) files.paths.push_back(entry.string());
    else files.left_out.add(fmt::format("no {}", kind.plural), entry);
  }
}

Files files_of(const std::vector<std::string>& given, const FileKind& kind) {
  Files files;
  for (const std::string& path : given) {
    if (!data::is_folder(path)) {
      files.paths.push_back(path);
      continue;
    }
    const size_t before = files.paths.size();
    add_below(path, kind, files);
    check(files.paths.size() > before, "'{}' holds no {}", path, kind.plural);
  }
  return files;
}

}  // namespace

int for_each_file(const std::vector<std::string>& given, const FileKind& kind,
                  const std::function<void(const std::string& file)>& use) {
  const auto [files, left_out] = files_of(given, kind);
  size_t failed = 0;
  for (const std::string& file : files) {
    try {
      use(file);
    } catch (const Error& e) {
      if (Printed::lives()) throw;
      fmt::print(stderr, "cairn: {}\n", io::with_control_pictures(e.what()));
      ++failed;
    }
  }
  if (files.size() > 1)
    fmt::print(stderr, "{} {} {}{}\n", files.size() - failed, kind.plural, kind.done,
               failed ? fmt::format(", {} could not be read", failed) : "");
  if (!left_out.empty()) fmt::print(stderr, "{}\n", left_out.in_words());
  return failed ? 1 : 0;
}

int say_of_files(const FileOptions& o, const FileKind& kind,
                 const std::function<Said(const std::string& file)>& say) {
  return tell_of_files(o, kind,
                       [&](const std::string& file, const Tell& tell) { tell(say(file)); });
}

int tell_of_files(const FileOptions& o, const FileKind& kind,
                  const std::function<void(const std::string& file, const Tell& tell)>& say) {
  if (!o.csv->empty()) io::check_writable(o.csv);
  io::Csv table{{"file"}, {}};
  table.names.insert(table.names.end(), kind.columns.begin(), kind.columns.end());
  int64_t warned = 0;
  const auto show = [&](const std::string& file, Said said) {
    Json line = {{"file", file}};
    line.update(said.json);
    if (!said.warning.empty()) line["warning"] = said.warning;
    if (o.json) fmt::print(printed(), "{}\n", io::dump_json(line));
    else fmt::print(printed(), "{}:{}\n", io::printable(file), said.words);
    said.cells.insert(said.cells.begin(), io::valid_utf8(file));
    table.rows.push_back(std::move(said.cells));
    if (!said.warning.empty() && !Printed::lives() && warned++ == 0)
      fmt::print(stderr, "cairn: {}: {}\n", io::printable(file), said.warning);
  };
  const int status = for_each_file(o.files, kind, [&](const std::string& file) {
    say(file, [&](Said said) { show(file, std::move(said)); });
  });
  if (warned > 1) fmt::print(stderr, "{} more are like the first that was warned of\n", warned - 1);
  if (!o.csv->empty()) io::write_file_atomically(o.csv, std::string_view(io::to_csv(table)));
  return status;
}

void keep_given(const std::string& file, const std::string& made) {
  std::error_code none;
  check(!std::filesystem::equivalent(file, made, none),
        "'{}': what is made of it would take its place; write it elsewhere (out)", file);
}

const std::string& TableOptions::only_file() const {
  files.require(files->size() == 1, "{} files; give one", files->size());
  return (*files)[0];
}

void write_table(const TableOptions& o, const std::function<io::Csv()>& make) {
  if (!o.out.is_open()) io::check_writable(o.out);
  const io::Csv table = make();
  if (table.names.empty()) return;
  if (o.out.is_open()) fmt::print(printed(), "{}", io::to_csv(table));
  else io::write_file_atomically(o.out, std::string_view(io::to_csv(table)));
}

int write_table_of(const TableOptions& o, const FileKind& kind,
                   const std::function<io::Csv(const std::string& file)>& make) {
  int status = 0;
  write_table(o, [&] {
    io::Csv all;
    status = for_each_file(o.files, kind, [&](const std::string& file) {
      io::Csv one = make(file);
      if (all.names.empty()) all.names = one.names;
      check(all.names == one.names, "'{}' has other columns than the files before it", file);
      std::move(one.rows.begin(), one.rows.end(), std::back_inserter(all.rows));
    });
    return all;
  });
  return status;
}

}  // namespace cairn::tasks
