// A text on its way to tokens: what it has become, and from where in the original each byte of that
// came, as the tokenizer.json format's own library (Hugging Face tokenizers) keeps it, so that
// offsets agree.
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cairn::text {

struct Span {
  uint32_t begin = 0, end = 0;
  friend bool operator==(const Span&, const Span&) = default;
};

// A piece of a text and whether a pattern matched it; pieces cover the text from left to right.
struct Part {
  size_t begin, end;
  bool match;
};
using Parts = std::vector<Part>;

// What becomes of the pieces that matched when a text is split at them.
enum class Behavior { removed, isolated, merged_with_previous, merged_with_next, contiguous };

class Normalized {
 public:
  // `original`: valid UTF-8 of at most 4 GB.
  explicit Normalized(std::string_view original);

  const std::string& text() const { return text_; }
  bool empty() const { return text_.empty(); }
  // Where the original of this piece begins.
  uint32_t start() const { return start_; }
  // The bytes of the original that bytes [begin, end) of text() stand for.
  Span original(size_t begin, size_t end) const;

  Normalized slice(size_t begin, size_t end) const;
  // The parts that stay, none of them empty.
  void split(const Parts& parts, Behavior behavior, std::vector<Normalized>& out) &&;

  // The new text, character by character. change 0: it stands for the next old one; -n: and for n
  // more after that one; 1: it is new and stands for what the one before it does.
  struct Change {
    char32_t point;
    int32_t change;
  };
  void transform(std::span<const Change> changes, size_t removed_before = 0);
  template <class Keep>
  void filter(Keep keep) {
    filter_by([&](char32_t c) { return keep(c); });
  }
  template <class Map>
  void map(Map map) {
    std::vector<Change> changes;
    each([&](char32_t c) { changes.push_back({map(c), 0}); });
    transform(changes);
  }
  // f(point) for each character.
  template <class F>
  void each(F f) const;
  void prepend(std::string_view before);  // unless it is empty; shares the first one's place
  void replace(const Parts& parts, std::string_view by);
  void strip(bool left, bool right);

 private:
  Normalized() = default;
  void filter_by(const std::function<bool(char32_t)>& keep);

  std::string text_;
  std::vector<Span> spans_;  // one for each byte
  uint32_t start_ = 0;
};

// The parts of a text by a condition on its characters: each that holds is a match of its own.
Parts parts_where(std::string_view text, const std::function<bool(char32_t)>& matches);
Parts inverted(Parts parts);

}  // namespace cairn::text

#include "cairn/text/unicode.h"
template <class F>
void cairn::text::Normalized::each(F f) const {
  for (size_t at = 0; at < text_.size();) f(next_point(text_, at));
}
