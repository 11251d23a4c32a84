#include "cairn/metrics/edit_distance.h"

#include <algorithm>

namespace cairn::metrics {

double Edits::rate() const {
  return static_cast<double>(errors()) / static_cast<double>(std::max<int64_t>(reference(), 1));
}

Edits& Edits::operator+=(const Edits& other) {
  hits += other.hits, substitutions += other.substitutions;
  deletions += other.deletions, insertions += other.insertions;
  return *this;
}

std::vector<Aligned> align(const std::vector<std::string>& reference,
                           const std::vector<std::string>& said) {
  const size_t n = reference.size(), m = said.size(), row = m + 1;
  std::vector<int32_t> cost((n + 1) * row);
  for (size_t j = 0; j <= m; ++j) cost[j] = static_cast<int32_t>(j);
  for (size_t i = 1; i <= n; ++i) {
    cost[i * row] = static_cast<int32_t>(i);
    for (size_t j = 1; j <= m; ++j) {
      const int32_t both = cost[(i - 1) * row + j - 1] + (reference[i - 1] != said[j - 1]);
      const int32_t one = std::min(cost[(i - 1) * row + j], cost[i * row + j - 1]) + 1;
      cost[i * row + j] = std::min(both, one);
    }
  }
  std::vector<Aligned> places;
  size_t i = n, j = m;
  while (i > 0 || j > 0) {
    const int32_t here = cost[i * row + j];
    if (i > 0 && j > 0 && here == cost[(i - 1) * row + j - 1] + (reference[i - 1] != said[j - 1])) {
      --i, --j;
      places.push_back({static_cast<int64_t>(i), static_cast<int64_t>(j)});
    } else if (i > 0 && here == cost[(i - 1) * row + j] + 1) {
      places.push_back({static_cast<int64_t>(--i), -1});
    } else {
      places.push_back({-1, static_cast<int64_t>(--j)});
    }
  }
  std::reverse(places.begin(), places.end());
  return places;
}

Edits count_edits(const std::vector<std::string>& reference, const std::vector<std::string>& said) {
  Edits edits;
  for (const Aligned& place : align(reference, said)) {
    if (place.reference < 0) ++edits.insertions;
    else if (place.said < 0) ++edits.deletions;
    else if (reference[place.reference] == said[place.said]) ++edits.hits;
    else ++edits.substitutions;
  }
  return edits;
}

std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words(1);
  for (const char c : text) {
    const bool blank = c == ' ' || (c >= '\t' && c <= '\r');
    if (!blank) words.back() += c;
    else if (!words.back().empty()) words.emplace_back();
  }
  if (words.back().empty()) words.pop_back();
  return words;
}

std::string with_single_blanks(const std::string& text) {
  std::string all;
  for (const std::string& word : words_of(text)) all += (all.empty() ? "" : " ") + word;
  return all;
}

std::vector<std::string> characters_of(const std::string& text) {
  std::vector<std::string> all;
  for (const char c : text) {
    const bool follows = (static_cast<uint8_t>(c) & 0xC0) == 0x80;
    if (follows && !all.empty()) all.back() += c;
    else all.emplace_back(1, c);
  }
  return all;
}

Edits word_edits(const std::string& reference, const std::string& said) {
  return count_edits(words_of(reference), words_of(said));
}

Edits character_edits(const std::string& reference, const std::string& said) {
  return count_edits(characters_of(with_single_blanks(reference)),
                     characters_of(with_single_blanks(said)));
}

}  // namespace cairn::metrics
