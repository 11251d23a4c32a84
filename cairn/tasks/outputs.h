// What verbs write beside what they print, and what must not be lost by it: the files that they
// read, and those that a run is made of.
#pragma once
#include <set>
#include <string>
#include <vector>

#include "cairn/train/options.h"

namespace cairn::tasks {

// Throws Error where what is made of `file` would take its place.
void keep_given(const std::string& file, const std::string& made);
// Throws Error where `made` would take the place of something that a training wrote: configuration,
// log, weights, checkpoints, samples. `run`: a run folder, or a file of weights.
void keep_run(const std::string& run, const std::string& made);
// Throws InvalidOption where an option that names a file to write names one that another reads, or
// one of the run's.
void keep_inputs(const std::string& run, const train::OptionSet& options);

// Whether a name ends as those of files do that people know: ".png", ".TIF", ".mp4", ".csv", ...
bool is_file_name(const std::string& path);
// Throws InvalidOption for a name that ends otherwise than what is written; without an ending it is
// allowed. `written`: the first is named.
void expect_ending(const train::AnyOption& option, const std::string& path,
                   std::initializer_list<const char*> written);
// The same as words for the error; "": it may be written so.
std::string why_no_ending(const std::string& path, std::initializer_list<const char*> written);

// Throws InvalidOption where no folder can be made of that name: it, or one above it, is a file, or
// it is called like one.
void expect_folder(const train::Option<std::string>& out);

// A folder where a verb writes a file (of some videos a folder) for each that it reads.
class OutFolder {
 public:
  // Throws as expect_folder, unless `out` is "". `given`: files, or folders of them.
  OutFolder(const train::Option<std::string>& out, const std::vector<std::string>& given,
            const std::string& run);
  bool is_wanted() const { return !path_.empty(); }
  // The file's own name in it, with another ending, and a number where others of this call have it.
  // Throws Error where something of the run has it, or what was there before among the files that
  // are read.
  std::string name(const std::string& file, const char* ending);
  void make() const;  // the folder, which nothing is without a file in it

 private:
  bool lies_among_given(const std::string& made) const;

  std::string path_, run_;
  std::set<std::string> folders_of_files_, given_folders_;  // the latter with all below them
  std::set<std::string> used_;
};

}  // namespace cairn::tasks
