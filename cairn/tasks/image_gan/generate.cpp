#include <algorithm>
#include <charconv>
#include <cmath>

#include "cairn/tasks/image_gan/sampler.h"

namespace cairn::tasks::image_gan {
namespace {

constexpr int64_t kMostPictures = 100000;

// The class of this name, or else of this number.
int64_t class_of(const std::string& label, const Recipe& recipe) {
  const auto& names = recipe.classes;
  const auto it = std::find(names.begin(), names.end(), label);
  if (it != names.end()) return it - names.begin();
  int64_t number = -1;
  const char* end = label.data() + label.size();
  if (std::from_chars(label.data(), end, number).ptr == end && number >= 0 &&
      number < static_cast<int64_t>(names.size()))
    return number;
  std::string known;
  for (const std::string& name : names) known += (known.empty() ? "" : ", ") + name;
  const std::string near = nearest_name(label, names);
  throw UsageError(fmt::format("--label: there is no class '{}'{}; there are {}", label,
                               near.empty() ? "" : fmt::format(" (did you mean {}?)", near),
                               known));
}

}  // namespace

void generate(const std::string& run, const GenerateOptions& options, const std::string& png) {
  if (options.count < 1 || options.count > kMostPictures)
    throw UsageError(
        fmt::format("--count: {} is out of range; 1 to {}", options.count, kMostPictures));
  const Sampler sampler = load_sampler(run);
  const Recipe& r = sampler.recipe;
  if (!options.label.empty() && !r.conditional)
    throw UsageError(fmt::format(
        "--label: '{}' draws without labels; train with --conditional to choose them", run));
  std::vector<int64_t> labels = labels_in_turn(options.count, r.labels());
  if (!options.label.empty()) std::fill(labels.begin(), labels.end(), class_of(options.label, r));
  const bool by_class = r.conditional && options.label.empty() && r.labels() <= options.count;
  const int columns = by_class ? static_cast<int>(r.labels())
                               : static_cast<int>(std::ceil(std::sqrt(options.count)));
  io::write_png(png, grid_of(draw(sampler.generator, options.seed, 0, labels), columns));
}

}  // namespace cairn::tasks::image_gan
