// Text for language models: read, turned into tokens, split.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cairn/text/tokenizer.h"

namespace cairn::data {

// A file (also .gz), all .txt files of a folder in the order of their names, or with "" the text
// that comes with the program. Throws Error when there is none, or it is empty.
// Hidden files are none, a byte order mark is no letter.
std::string read_text(const std::string& source);
// What a folder holds beside, for people; "": nothing.
std::string left_out_of_text(const std::string& source);

struct TextTokens {
  std::shared_ptr<const text::Tokenizer> tokenizer;
  std::vector<int64_t> train, validation;
};

// `tokens` is "char" or "byte"; the first 1 - validation_part of the text is for training. A
// tokenizer of an earlier run keeps its numbers. Throws Error when the text is not UTF-8 or has
// characters that it lacks.
TextTokens tokenize_text(const std::string& text, const std::string& name,
                         const std::string& tokens, double validation_part = 0.1,
                         std::shared_ptr<const text::Tokenizer> tokenizer = nullptr);

}  // namespace cairn::data
