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
};

// `data`: a folder with train|val|test (also dev, valid)*.LANGUAGE[.gz], line k of one file being
// line k of the other; or with train|val|test*.tsv|jsonl[.gz]; or one such file, whose lines are
// then all in `train`. A .tsv has the source before a tab and the target behind it, or columns that
// its first line calls by both languages' names; JSON lines have them under these names, also
// inside of "translation". "dates": dates in words and as numbers, which the program makes. Throws
// Error naming both files when their numbers of lines differ, the file and line of what is not
// UTF-8 or lacks a side, and what a folder lacks; InvalidOption where source and target are the
// same language of the same files.
ParallelText open_parallel_text(const std::string& data, const std::string& source,
                                const std::string& target);

// Leaves out pairs with an empty side, which teach nothing; how many.
int64_t leave_out_empty(std::vector<TextPair>& pairs);

}  // namespace cairn::data
