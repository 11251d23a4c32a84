#include "cairn/tasks/outputs.h"

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "cairn/data/files.h"
#include "cairn/io/utf8.h"
#include "cairn/io/video.h"

namespace cairn::tasks {
namespace {

namespace fs = std::filesystem;

bool is_same(const fs::path& a, const fs::path& b) {
  std::error_code none;
  return fs::equivalent(a, b, none);
}

bool is_there(const fs::path& path) {
  std::error_code none;
  return fs::exists(path, none);
}

fs::path folder_of(const fs::path& path) {
  const fs::path folder = path.parent_path();
  return folder.empty() ? "." : folder;
}

// By its name, in a run's folder.
bool is_name_of_run(const fs::path& path) {
  for (const char* ending : {".safetensors", ".previous", ".index.json"})
    if (data::ends_with(path, ending)) return true;
  const std::string name = path.filename().string();
  for (const char* known :
       {"config.json", "metrics.jsonl", "tokenizer.json", "vocab.json", "tokenizer_config.json",
        "special_tokens_map.json", "vocab.txt", "merges.txt", "generation_config.json",
        "tokenizer.model", "source.spm", "target.spm"})
    if (name == known) return true;
  return name.starts_with("events.out.");
}

bool is_of_run(const std::string& run, const std::string& made) {
  if (run.empty() || !is_there(made)) return false;
  if (is_same(run, made)) return true;
  const fs::path folder = data::is_folder(run) ? fs::path(run) : folder_of(run);
  const fs::path place = folder_of(made);
  if (is_same(folder, place) && is_name_of_run(made)) return true;
  for (const char* part : {"samples", "features", "folds"})
    for (fs::path at = fs::absolute(made).lexically_normal(); at != at.root_path();
         at = at.parent_path())
      if (is_same(folder / part, at)) return true;
  return false;
}

bool names_output(const train::AnyOption& option) {
  const std::string name = option.name();
  return name == "out" || name == "csv" || name == "wav";
}

// Of options that may name files to read.
std::vector<std::string> inputs_of(const train::AnyOption& option) {
  static constexpr const char* kReads[] = {"data",    "features", "samples", "lm",
                                           "context", "labels",   "beside"};
  const bool reads =
      option.use() == train::Use::positional ||
      std::ranges::any_of(kReads, [&](const std::string& known) { return option.name() == known; });
  if (!reads || option.is_open()) return {};
  const train::Json value = option.value();
  if (value.is_string()) return {value.get<std::string>()};
  std::vector<std::string> all;
  if (value.is_array())
    for (const train::Json& one : value)
      if (one.is_string()) all.push_back(one.get<std::string>());
  return all;
}

std::string real_path(const fs::path& path) {
  std::error_code none;
  const fs::path real = fs::weakly_canonical(path, none);
  return (none ? fs::absolute(path).lexically_normal() : real).string();
}

}  // namespace

void keep_given(const std::string& file, const std::string& made) {
  check(!is_same(file, made),
        "'{}': what is made of it would take its place; write it elsewhere (out)",
        io::printable(file));
}

void keep_run(const std::string& run, const std::string& made) {
  check(!is_of_run(run, made), "'{}' is a file of the run; write elsewhere (out)",
        io::printable(made));
}

void keep_inputs(const std::string& run, const train::OptionSet& options) {
  const auto all = options.all();
  for (const train::AnyOption* out : all) {
    if (!names_output(*out) || out->is_open() || !out->value().is_string()) continue;
    const auto made = out->value().get<std::string>();
    if (made.empty() || data::is_folder(made)) continue;
    out->require(!is_of_run(run, made), "'{}' is a file of the run; name another", made);
    for (const train::AnyOption* other : all)
      for (const std::string& file : inputs_of(*other))
        out->require(!is_same(file, made),
                     "'{}' is read, and what is made of it would take its place; name another",
                     made);
    for (const train::AnyOption* other : all) {
      if (other == out) break;
      if (!names_output(*other) || other->is_open()) continue;
      out->require(other->value() != out->value(), "'{}' is written to by {}, too; name another",
                   made, other->flag());
    }
  }
}

bool is_file_name(const std::string& path) {
  if (io::is_video_name(path)) return true;
  for (const char* ending : {".png", ".jpg",  ".jpeg", ".webp",        ".gif", ".tif", ".tiff",
                             ".bmp", ".ppm",  ".pgm",  ".svg",         ".pdf", ".csv", ".json",
                             ".txt", ".html", ".npy",  ".safetensors", ".pt",  ".onnx"})
    if (data::ends_with(path, ending)) return true;
  return false;
}

std::string why_no_ending(const std::string& path, std::initializer_list<const char*> written) {
  const std::string ending = fs::path(path).extension().string();
  if (ending.empty() || fs::path(path).filename().string().starts_with('.')) return "";
  for (const char* known : written)
    if (data::ends_with(path, known)) return "";
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (std::all_of(ending.begin() + 1, ending.end(), is_digit)) return "";  // "cat-v1.2"
  // What is there and no regular file, like a device, takes anything.
  if (is_there(path) && !data::is_file(path)) return "";
  std::string format = *written.begin() + 1;
  for (char& c : format) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return fmt::format("'{}': {} is written, no {}; let its name end with {}", io::printable(path),
                     format, ending.substr(1), *written.begin());
}

void expect_ending(const train::AnyOption& option, const std::string& path,
                   std::initializer_list<const char*> written) {
  const std::string why = why_no_ending(path, written);
  option.require(why.empty(), "{}", why);
}

void expect_folder(const train::Option<std::string>& out) {
  fs::path at = *out;
  while (!at.empty() && !is_there(at) && at != at.parent_path()) at = at.parent_path();
  out.require(at.empty() || data::is_folder(at),
              "'{}' is a file, and a folder is wanted: name another", at.string());
  out.require(data::is_folder(*out) || !is_file_name(out),
              "'{}' is called like a file, and a folder is wanted: name another", *out);
}

OutFolder::OutFolder(const train::Option<std::string>& out, const std::vector<std::string>& given,
                     const std::string& run)
    : path_(*out), run_(run) {
  if (!is_wanted()) return;
  expect_folder(out);
  for (const std::string& path : given)
    if (data::is_folder(path)) given_folders_.insert(real_path(path));
    else folders_of_files_.insert(real_path(folder_of(path)));
}

bool OutFolder::lies_among_given(const std::string& made) const {
  fs::path at = real_path(folder_of(made));
  if (folders_of_files_.contains(at.string())) return true;
  for (;; at = at.parent_path()) {
    if (given_folders_.contains(at.string())) return true;
    if (at == at.parent_path()) return false;
  }
}

std::string OutFolder::name(const std::string& file, const char* ending) {
  if (!is_wanted()) return "";
  const std::string stem = fs::path(file).stem().string();
  std::string name = stem;
  for (int k = 2; !used_.insert(name).second; ++k) name = fmt::format("{}-{}", stem, k);
  std::string made = path_ + "/" + name + ending;
  keep_given(file, made);
  keep_run(run_, made);
  check(!is_there(made) || !lies_among_given(made),
        "'{}': what is made of it would take the place of '{}', which was there before; write it "
        "elsewhere (out)",
        io::printable(file), io::printable(made));
  return made;
}

void OutFolder::make() const { fs::create_directories(path_); }

}  // namespace cairn::tasks
