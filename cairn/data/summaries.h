// Texts and what they say in short, for summarization.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace cairn::data {

struct Summarized {
  std::string text;
  std::vector<std::string> summaries;  // each is right
};
struct SummarySplits {
  std::vector<Summarized> train, validation, test;  // the last two may be empty
};

// `data`: a folder of JSON lines whose names have train, dev or val, and test in them
// (*train*.jsonl[.gz]); or one such file, all in `train`; or "errands": small dialogues that the
// program makes. The text is under "dialogue", "document", "text", "article" or "source" (a text,
// or a list of sentences), the summaries under keys that begin with "summary", or under "target" or
// "highlights" (a text, or a list of which each is one). Throws Error naming file and line.
SummarySplits open_summaries(const std::string& data);

// A line of such a file; for a text to summarize without its summaries. `path` is for errors.
Summarized parse_summarized(const std::string& line, const std::string& path, int64_t number,
                            bool with_summaries = true);

// The first three sentences (lines, where a text has such): what every summary is compared with.
std::string lead_of(const std::string& text, int64_t sentences = 3);

}  // namespace cairn::data
