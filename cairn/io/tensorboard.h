// Event files that TensorBoard reads: records of length, masked CRC-32C, protobuf (written by hand:
// four small messages need no library).
#pragma once
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "cairn/io/image.h"

namespace cairn::io {

// CRC-32C (Castagnoli), the polynomial of TensorFlow's records.
uint32_t crc32c(Bytes bytes);

// One op of a graph that TensorBoard draws; "/" in names makes boxes within boxes.
struct GraphOp {
  std::string name, kind;
  std::vector<std::string> inputs;            // names of others
  std::vector<std::vector<int64_t>> results;  // the shapes of what it gives
};

class EventWriter {
 public:
  // Makes a new event file in `folder`, which must exist. A resumed run passes its first step:
  // TensorBoard then hides what the earlier run wrote from there on.
  explicit EventWriter(const std::string& folder, int64_t resumed_at_step = 0);

  void add_scalar(const std::string& tag, int64_t step, float value);
  void add_image(const std::string& tag, int64_t step, const Image& image);
  // How values are spread over twenty even ranges, with mean and extremes; values that are not
  // finite are left out, and nothing is written where none is left.
  void add_histogram(const std::string& tag, int64_t step, std::span<const float> values);
  void add_graph(const std::vector<GraphOp>& ops);
  void add_text(const std::string& tag, int64_t step, const std::string& markdown);

  const std::string& path() const { return path_; }

 private:
  void write_record(const std::string& event);

  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::string path_;
  std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace cairn::io
