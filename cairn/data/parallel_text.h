// Texts and what they are in another language or form, for translation.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace cairn::data {

struct TextPair {
  std::string source, target;
};

struct ParallelText {
  std::vector<TextPair> train, validation, test;  // the last two may be empty
  int64_t left_out = 0;  // pairs of `train` with an empty side, which teach nothing
};

// `data`: a folder with train|val|test (also dev, valid)*.LANGUAGE[.gz], line k of one file being
// line k of the other; or with train|val|test*.tsv|jsonl[.gz]; or one such file, whose lines are
// then all in `train`. A .tsv has the source before a tab and the target behind it; JSON lines have
// them under the languages' names, also inside of "translation". "dates": dates in words and as
// numbers, which the program makes. Throws Error naming both files when their numbers of lines
// differ, the file and line of what is not UTF-8 or lacks a side, and what a folder lacks.
ParallelText open_parallel_text(const std::string& data, const std::string& source,
                                const std::string& target);

// Lines of a text file, also packed with gzip, without their ends. Throws Error with the line that
// is not UTF-8.
std::vector<std::string> read_lines(const std::string& path);

}  // namespace cairn::data
