// N-gram language models of words: read from and written as ARPA files, and estimated from text by
// interpolated modified Kneser-Ney smoothing (Chen and Goodman 1998), as KenLM's lmplz does.
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace cairn::text {

class NgramModel {
 public:
  using Words = std::vector<int32_t>;
  static constexpr int32_t kUnknown = 0, kBegin = 1, kEnd = 2;  // <unk>, <s>, </s>

  int order() const { return static_cast<int>(grams_.size()); }
  int64_t words() const { return static_cast<int64_t>(names_.size()); }
  int32_t word(std::string_view name) const;  // kUnknown: none of its words
  const std::string& name(int32_t word) const { return names_[static_cast<size_t>(word)]; }
  int64_t grams(int length) const { return static_cast<int64_t>(grams_[length - 1].size()); }

  // ln p(word | context); of the context the last order() - 1 words count.
  double log_probability(std::span<const int32_t> context, int32_t word) const;
  // What later words can depend on, with one more word: at most order() - 1.
  Words next(std::span<const int32_t> context, int32_t word) const;
  // Of a text from <s> to </s>.
  double log_probability(std::string_view text) const;

  std::string to_arpa() const;

 private:
  friend class ArpaReader;
  friend class KneserNey;
  struct Gram {
    float log_p = 0, backoff = 0;  // to the base 10, as ARPA files have them
  };
  struct Hash {
    size_t operator()(const Words& words) const;
  };
  using Table = std::unordered_map<Words, Gram, Hash>;
  NgramModel();
  int32_t add_word(const std::string& name);

  std::vector<std::string> names_;
  std::unordered_map<std::string, int32_t> numbers_;
  std::vector<Table> grams_;  // by length, from 1
};

// Throws Error naming the text and its line: no ARPA file, numbers that are none, grams of unknown
// words or missing beginnings, other counts than it states, more than 10 words to a gram.
NgramModel parse_arpa(std::string_view text, const std::string& name);
NgramModel read_arpa(const std::string& path);  // also .gz

// Calls `next` until it says that there is no further line. Throws Error for an order that is not 1
// to 10, and for no words at all.
NgramModel estimate_ngrams(const std::function<bool(std::string& line)>& next, int order);

}  // namespace cairn::text
