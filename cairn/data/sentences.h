// Texts of one sentence a line, cut into words, for what learns to write such.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace cairn::data {

struct Sentences {
  std::vector<std::string> train, test;  // words with a blank between; test may be empty
  std::string left_out;                  // for people; "": nothing
};

// `data`: a file of one sentence a line (also .gz), a folder of such (files with "test" in their
// names are the test part, "valid" or "val" and others are for training), or "scenes": captions of
// pictures that nobody took, made by the program. Full stops, commas, question and exclamation
// marks at the ends of words are words of their own; empty lines are left out. Throws Error naming
// the file: none, empty, bytes that are no UTF-8.
Sentences open_sentences(const std::string& data);

// As people write it: no blank before a full stop or a comma.
std::string as_written(const std::string& words);
std::vector<std::string> words_of(const std::string& sentence);  // at blanks

}  // namespace cairn::data
