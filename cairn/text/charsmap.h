// The table by which sentencepiece normalizes text, as its models and the normalizer "Precompiled"
// of tokenizer.json hold it: a double array (Aoe 1989, in the form of darts-clone) of what is
// replaced, then what it is replaced by.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cairn::text {

class Charsmap {
 public:
  // Throws Error naming `where` for bytes that are no such table.
  Charsmap(std::string_view bytes, const std::string& where);

  struct Rule {
    size_t size = 0;      // bytes that it replaces; 0: there is none
    std::string_view by;  // valid UTF-8, maybe empty
  };
  // The rule for the longest beginning of a text.
  Rule longest(std::string_view text) const;

 private:
  std::vector<uint32_t> units_;
  std::string replacements_;  // each with a zero byte behind it
};

}  // namespace cairn::text
