#include "cairn/train/samples.h"

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "cairn/base/error.h"

namespace cairn::train {
namespace fs = std::filesystem;

std::string sample_file(const std::string& run, int64_t step, const std::string& ending) {
  fs::create_directories(run + "/samples");
  return fmt::format("{}/samples/step-{:06}.{}", run, step, ending);
}

std::vector<Sample> samples_of(const std::string& run, const std::string& ending) {
  std::vector<Sample> all;
  if (!fs::is_directory(run + "/samples")) return all;
  for (const auto& entry : fs::directory_iterator(run + "/samples")) {
    const std::string name = entry.path().filename().string();
    const std::string number = name.substr(std::min(name.size(), name.find('-') + 1));
    int64_t step = 0;
    const auto read = std::from_chars(number.data(), number.data() + number.size(), step);
    if (name.starts_with("step-") && read.ec == std::errc() && read.ptr == "." + ending)
      all.push_back({step, entry.path().string()});
  }
  std::sort(all.begin(), all.end(),
            [](const Sample& a, const Sample& b) { return a.step < b.step; });
  return all;
}

}  // namespace cairn::train
