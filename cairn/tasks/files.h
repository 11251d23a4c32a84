// Verbs that look at one file after another: `predict` of pictures, sound, ... They take folders,
// go on after a file that cannot be read, count at the end, and write JSON lines or a table.
#pragma once
#include <functional>

#include "cairn/io/csv.h"
#include "cairn/tasks/task.h"

namespace cairn::tasks {

struct FileOptions : train::OptionSet {
  train::Option<std::vector<std::string>> files{
      this, "files", {}, "Files, or folders of them", train::Use::positional};
  train::Option<bool> json{this, "json", false, "Print one JSON object a line"};
  train::Option<std::string> csv{this, "csv", "", "Write a table to this file"};
};

struct Said {
  std::string words;               // printed behind "FILE:"
  Json json;                       // an object; "file" is put before it
  std::vector<std::string> cells;  // of the table's row, behind "file"
  std::string warning = "";        // the first one is shown, the others are counted
};
struct FileKind {
  const char* plural;                       // "pictures or videos"
  bool (*is_one)(const std::string& path);  // which files of a folder are meant
  std::vector<std::string> columns;         // of the table, behind "file"
  const char* done = "named";               // what the last line says of them
  // Folders that are one of them: of frames; none: no folder is.
  bool (*is_whole)(const std::string& folder) = nullptr;
};
// Calls `use` with every file; of a folder with all below it that are meant, in the order of their
// names. Goes on after an Error, which is printed; the last line counts, where there are several.
// Returns the exit status: 1 when any failed.
int for_each_file(const std::vector<std::string>& given, const FileKind& kind,
                  const std::function<void(const std::string& file)>& use);
// The same, printing what `say` tells of every file: a line each, as it comes.
using Tell = std::function<void(Said said)>;
int tell_of_files(const FileOptions& options, const FileKind& kind,
                  const std::function<void(const std::string& file, const Tell& tell)>& say);
// Of files of which one thing is said.
int say_of_files(const FileOptions& options, const FileKind& kind,
                 const std::function<Said(const std::string& file)>& say);

struct ReadFile {
  Tensor input;         // its first dimension is 1
  std::string warning;  // as Said's
};
// Of files whose inputs have one shape: other threads read them ahead of their turn, and `see` says
// what it sees in at most `most` together; inputs [n, ...] may be more than the files they are
// `of`.
int say_of_files_together(
    const FileOptions& options, const FileKind& kind, int64_t most,
    const std::function<ReadFile(const std::string& file)>& read,
    const std::function<std::vector<Said>(const Tensor& inputs, std::span<const ReadFile> of)>&
        see);

// Verbs that make one table of files.
struct TableOptions : train::OptionSet {
  static constexpr const char* kGiven = "table";
  explicit TableOptions(const char* help)
      : files(this, "files", std::vector<std::string>{}, help, train::Use::positional) {}
  train::Option<std::vector<std::string>> files;
  train::Option<std::string> out{this, "out", train::Open{"standard output"}, "CSV file to write"};

  const std::string& only_file() const;  // throws InvalidOption where there are several, or none
};
// Writes what `make` gives (nothing without names); whether `out` can be written is seen first.
void write_table(const TableOptions& options, const std::function<io::Csv()>& make);
// The tables of all files below each other, which must have the same columns. Returns the exit
// status, as for_each_file.
int write_table_of(const TableOptions& options, const FileKind& kind,
                   const std::function<io::Csv(const std::string& file)>& make);

}  // namespace cairn::tasks
