#include "cairn/tasks/files.h"

#include <algorithm>
#include <exception>
#include <filesystem>

#include "cairn/base/parallel.h"
#include "cairn/data/files.h"
#include "cairn/data/prefetch.h"
#include "cairn/io/file.h"
#include "cairn/io/json.h"
#include "cairn/io/utf8.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/outputs.h"

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

// Of folders, too, what is read is not written over.
void keep_all_given(const Files& files, const train::Option<std::string>& made) {
  if (!data::is_file(*made)) return;
  for (const std::string& file : files.paths) {
    std::error_code none;
    made.require(!fs::equivalent(file, *made, none),
                 "'{}' is read, and what is made of it would take its place; name another", *made);
  }
}

// Files that could not be read, or of which nothing could be written, are told of and counted.
class Failures {
 public:
  void add(const Error& e) {  // in its handler
    if (Printed::lives()) throw;
    fmt::print(stderr, "cairn: {}\n", io::with_control_pictures(e.what()));
    ++count_;
  }
  // The last line, where there are several files; returns the exit status.
  int finish(const Files& files, const FileKind& kind) const {
    if (files.paths.size() > 1)
      fmt::print(stderr, "{} {} {}{}\n", files.paths.size() - count_, kind.plural, kind.done,
                 count_ ? fmt::format(", {} failed", count_) : "");
    if (!files.left_out.empty()) fmt::print(stderr, "{}\n", files.left_out.in_words());
    return count_ ? 1 : 0;
  }

 private:
  size_t count_ = 0;
};

// Prints what is said of files, and makes a table of it.
class Telling {
 public:
  Telling(const FileOptions& o, const FileKind& kind, const Files& files)
      : o_(o), table_{{"file"}, {}} {
    o_.csv.require(*o_.csv != "-", "'-' is no file: name one, or /dev/stdout");
    if (!o.csv->empty()) io::check_writable(o.csv), keep_all_given(files, o.csv);
    table_.names.insert(table_.names.end(), kind.columns.begin(), kind.columns.end());
  }
  void show(const std::string& file, Said said) {
    Json line = {{"file", file}};
    line.update(said.json);
    if (!said.warning.empty()) line["warning"] = said.warning;
    if (o_.json) fmt::print(printed(), "{}\n", io::dump_json(line));
    else fmt::print(printed(), "{}:{}\n", io::printable(file), said.words);
    said.cells.insert(said.cells.begin(), io::valid_utf8(file));
    table_.rows.push_back(std::move(said.cells));
    if (!said.warning.empty() && !Printed::lives() && warned_++ == 0)
      fmt::print(stderr, "cairn: {}: {}\n", io::printable(file), said.warning);
  }
  void finish() const {
    if (warned_ > 1)
      fmt::print(stderr, "{} more are like the first that was warned of\n", warned_ - 1);
    if (!o_.csv->empty()) io::write_file_atomically(o_.csv, std::string_view(io::to_csv(table_)));
  }

 private:
  const FileOptions& o_;
  io::Csv table_;
  int64_t warned_ = 0;
};

// Fewer than `size` are filled up by the last one, so that what is compiled for `size` serves.
Tensor together(std::span<const ReadFile> read, size_t size) {
  Tensors inputs;
  for (size_t i = 0; i < size; ++i) inputs.push_back(read[std::min(i, read.size() - 1)].input);
  return size == 1 ? inputs[0] : cat(inputs, 0);
}

int use_each(const Files& files, const FileKind& kind,
             const std::function<void(const std::string& file)>& use) {
  Failures failures;
  for (const std::string& file : files.paths) try {
      use(file);
    } catch (const Error& e) { failures.add(e); }
  return failures.finish(files, kind);
}

}  // namespace

int for_each_file(const std::vector<std::string>& given, const FileKind& kind,
                  const std::function<void(const std::string& file)>& use) {
  return use_each(files_of(given, kind), kind, use);
}

int say_of_files(const FileOptions& o, const FileKind& kind,
                 const std::function<Said(const std::string& file)>& say) {
  return tell_of_files(o, kind,
                       [&](const std::string& file, const Tell& tell) { tell(say(file)); });
}

int tell_of_files(const FileOptions& o, const FileKind& kind,
                  const std::function<void(const std::string& file, const Tell& tell)>& say) {
  const Files files = files_of(o.files, kind);
  Telling telling(o, kind, files);
  const int status = use_each(files, kind, [&](const std::string& file) {
    say(file, [&](Said said) { telling.show(file, std::move(said)); });
  });
  telling.finish();
  return status;
}

int say_of_files_together(
    const FileOptions& o, const FileKind& kind, int64_t most,
    const std::function<ReadFile(const std::string& file)>& read,
    const std::function<std::vector<Said>(const Tensor& inputs, std::span<const ReadFile> of)>&
        see) {
  struct Item {
    ReadFile read;
    std::exception_ptr wrong;
  };
  const Files files = files_of(o.files, kind);
  Telling telling(o, kind, files);
  Failures failures;
  const auto count = std::ssize(files.paths);
  const auto size = static_cast<size_t>(std::clamp<int64_t>(most, 1, std::max<int64_t>(1, count)));
  data::Prefetcher<Item> ahead(0, count, std::min(2, num_threads()), static_cast<int>(2 * size),
                               [&](int64_t number, Item& item) {
                                 item = {};
                                 try {
                                   const NoGrad no_grad;
                                   item.read = read(files.paths[static_cast<size_t>(number)]);
                                 } catch (...) { item.wrong = std::current_exception(); }
                               });
  std::vector<ReadFile> group;
  std::vector<std::string> names;
  const auto said_of = [&](std::span<const ReadFile> some) {
    return see(together(some, size), some);
  };
  const auto say_apart = [&] {  // a fault of one file is not the others'
    for (size_t i = 0; i < group.size(); ++i) try {
        telling.show(names[i], said_of(std::span(group).subspan(i, 1)).at(0));
      } catch (const Error& e) { failures.add(e); }
  };
  const auto look = [&] {
    if (group.empty()) return;
    std::vector<Said> said;
    try {
      said = said_of(group);
    } catch (const Error&) { say_apart(); }
    for (size_t i = 0; i < said.size(); ++i) telling.show(names[i], std::move(said[i]));
    group.clear(), names.clear();
  };
  Item item;
  for (int64_t i = 0; ahead.next(item); ++i) {
    if (item.wrong) {
      look();  // in the order of the files
      try {
        std::rethrow_exception(item.wrong);
      } catch (const Error& e) { failures.add(e); }
      continue;
    }
    group.push_back(std::move(item.read)), names.push_back(files.paths[static_cast<size_t>(i)]);
    if (group.size() == size) look();
  }
  look();
  telling.finish();
  return failures.finish(files, kind);
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
    const Files files = files_of(o.files, kind);
    if (!o.out.is_open()) keep_all_given(files, o.out);
    status = use_each(files, kind, [&](const std::string& file) {
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
