// Regular expressions over UTF-8 (PCRE2, compiled to machine code) with the classes of tokenizers:
// \p{..} by Unicode 14 (PCRE2 10.42), \s the White_Space property, \d decimal digits, \w letters,
// marks, decimal digits and connectors.
#pragma once
#include <memory>
#include <string>
#include <string_view>

namespace cairn::text {

class Regex {
 public:
  // Throws Error naming `where` and what is wrong with the pattern.
  Regex(const std::string& pattern, const std::string& where);

  struct Match {
    size_t begin, end;
  };
  // The first match at or after `from`; false: there is none. `text` must be valid UTF-8.
  bool find(std::string_view text, size_t from, Match& match) const;
  // match(begin, end) for each, from left to right without overlap.
  template <class F>
  void each(std::string_view text, F match) const {
    Match m{};
    for (size_t from = 0; from <= text.size() && find(text, from, m);) {
      match(m.begin, m.end);
      from = m.end > m.begin ? m.end : after(text, m.end);
    }
  }
  const std::string& pattern() const { return pattern_; }

 private:
  static size_t after(std::string_view text, size_t at);  // the next character
  struct Code;
  std::string pattern_;
  std::shared_ptr<const Code> code_;
};

// The pattern that matches this text and nothing else.
std::string escape_regex(std::string_view text);

}  // namespace cairn::text
