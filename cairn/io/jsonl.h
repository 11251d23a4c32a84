// metrics.jsonl: one JSON object a line, appended and flushed as it comes, so that a killed run
// loses at most the line it was writing.
#pragma once
#include <cstdio>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

namespace cairn::io {

class JsonlWriter {
 public:
  // Appends to `path`. With `resume_after`, lines whose "step" is larger than it are dropped first
  // (the resumed run writes them again), and so is what is no whole record (read_log).
  explicit JsonlWriter(const std::string& path, std::optional<int64_t> resume_after = {});

  // Throws Error naming the file when it cannot be written (full disk). NaN and infinity become
  // null.
  void write(const nlohmann::ordered_json& object);

  const std::string& path() const { return path_; }

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::string path_;
  std::unique_ptr<std::FILE, Close> file_;
};

// All objects of a file. Throws Error naming file and line for anything but an object; an
// unfinished last line (no newline) is ignored.
std::vector<nlohmann::ordered_json> read_jsonl(const std::string& path);
std::vector<nlohmann::ordered_json> parse_jsonl(std::string_view text, const std::string& name);

// A run's log as far as it can be read: lines that a power cut or a full disk tore or filled with
// zeros are passed over, and of records that say the same of one step the last counts.
std::vector<nlohmann::ordered_json> read_log(const std::string& path);

}  // namespace cairn::io
