// Word and character error rates of what was recognised, equal to jiwer's (tools/dump_errors.py).
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace cairn::metrics {

struct Edits {
  int64_t hits = 0, substitutions = 0, deletions = 0, insertions = 0;
  int64_t errors() const { return substitutions + deletions + insertions; }
  int64_t reference() const { return hits + substitutions + deletions; }
  // Errors by the reference's length; of an empty reference their number, so that it is never
  // infinite.
  double rate() const;
  Edits& operator+=(const Edits& other);
};

// One place where two sequences were laid side by side; -1: nothing stands there.
struct Aligned {
  int64_t reference, said;
};
// With the fewest edits.
std::vector<Aligned> align(const std::vector<std::string>& reference,
                           const std::vector<std::string>& said);
Edits count_edits(const std::vector<std::string>& reference, const std::vector<std::string>& said);

// What stands between runs of white space, and what a text is without more of it than one blank
// between words.
std::vector<std::string> words_of(const std::string& text);
std::string with_single_blanks(const std::string& text);
std::vector<std::string> characters_of(const std::string& text);  // code points of UTF-8

Edits word_edits(const std::string& reference, const std::string& said);
Edits character_edits(const std::string& reference, const std::string& said);  // blanks count

}  // namespace cairn::metrics
