#include "cairn/train/report/classified_texts.h"

#include <algorithm>

namespace cairn::train::report {
namespace {

constexpr size_t kTexts = 8, kLongestShown = 600;  // shown

struct Mistake {
  size_t text, guess;
  float probability;
};

std::string beginning_of(const std::string& text) {
  if (text.size() <= kLongestShown) return text;
  size_t end = kLongestShown;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end) + " ...";
}

}  // namespace

void write_mistaken_texts(Page& page, const std::vector<std::string>& texts,
                          const std::vector<int64_t>& labels,
                          const std::vector<std::vector<float>>& probabilities,
                          const std::vector<std::string>& classes) {
  std::vector<Mistake> wrong;
  for (size_t i = 0; i < texts.size(); ++i) {
    const auto best = std::ranges::max_element(probabilities[i]);
    const auto guess = static_cast<size_t>(best - probabilities[i].begin());
    if (static_cast<int64_t>(guess) != labels[i]) wrong.push_back({i, guess, *best});
  }
  page.heading("Its surest mistakes");
  if (wrong.empty()) return page.paragraph(fmt::format("None among {} texts.", texts.size()));
  std::ranges::stable_sort(wrong, std::greater(), &Mistake::probability);
  page.paragraph(
      fmt::format("{} of {} texts are taken for another class.", wrong.size(), texts.size()));
  for (size_t k = 0; k < std::min(kTexts, wrong.size()); ++k) {
    const Mistake& m = wrong[k];
    page.writing(
        fmt::format("{}, taken for {} ({:.0f} %)", classes[static_cast<size_t>(labels[m.text])],
                    classes[m.guess], m.probability * 100),
        "", beginning_of(texts[m.text]));
  }
}

}  // namespace cairn::train::report
