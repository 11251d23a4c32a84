// How much of a reference a summary says: ROUGE (Lin 2004), equal to rouge-score 0.1.2. Its words
// are runs of a-z and 0-9 in lower case and nothing else: a text in another script has none and
// scores 0 even against itself (rouge_words() is empty).
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace cairn::metrics {

struct Rouge {
  struct Score {
    double precision = 0, recall = 0, f = 0;  // 0 .. 1
  };
  Score rouge1, rouge2, rougeL;
  Score rougeLsum;  // sentence by sentence: a line is one
};
// `stem`: words of more than three letters are stemmed (Porter, as NLTK does). Throws Error when a
// text is not UTF-8.
Rouge rouge(std::string_view reference, std::string_view summary, bool stem);
// Of several references for each measure the best by F.
Rouge best_rouge(const std::vector<std::string>& references, std::string_view summary, bool stem);

std::vector<std::string> rouge_words(std::string_view text, bool stem);

}  // namespace cairn::metrics
