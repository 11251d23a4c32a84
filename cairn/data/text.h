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

// By which texts of other tokens are compared: code points, and runs without white space.
struct TextSize {
  int64_t characters = 0, words = 0;
};
struct TextTokens {
  std::shared_ptr<const text::Tokenizer> tokenizer;
  std::vector<int64_t> train, validation;
  TextSize train_size, validation_size;
};

// `tokens` is "char", "byte", "bpe" (of bytes: any text has tokens), "wordpiece" (as BERT's: white
// space is lost) or "word" (runs without white space; an end of a line is one); the first 1 -
// validation_part of the text is for training (what is learned, at most `vocab` tokens, is learned
// from it alone, and it ends with a line, or a word where there is but one line). A tokenizer of an
// earlier run keeps its numbers. Throws Error when the text is not UTF-8 or has characters that it
// lacks.
TextTokens tokenize_text(const std::string& text, const std::string& name,
                         const std::string& tokens, double validation_part = 0.1,
                         std::shared_ptr<const text::Tokenizer> tokenizer = nullptr,
                         int64_t vocab = 8000);

}  // namespace cairn::data
