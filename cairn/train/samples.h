// What a network makes while it learns: RUN/samples/step-NNNNNN.png or .txt.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace cairn::train {

// The file of this step; makes the folder.
std::string sample_file(const std::string& run, int64_t step, const std::string& ending);

struct Sample {
  int64_t step;
  std::string path;
};
// All of a run, by step.
std::vector<Sample> samples_of(const std::string& run, const std::string& ending);

}  // namespace cairn::train
