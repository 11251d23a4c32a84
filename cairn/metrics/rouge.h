// How much of a reference a summary says: ROUGE (Lin 2004), equal to rouge-score 0.1.2. Its words
// are runs of a-z and 0-9 in lower case and nothing else: a text in another script has none and
// scores 0 even against itself (rouge_words() is empty). Words of any letters are offered beside.
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
enum class RougeWords {
  plain,    // as rouge-score without stemming
  stemmed,  // words of more than three letters are stemmed (Porter, as NLTK does)
  // Runs of Unicode's letters, marks and digits in lower case; ideographs and kana, which are
  // written without spaces, one by one.
  of_any_script
};
// Throws Error when a text is not UTF-8.
Rouge rouge(std::string_view reference, std::string_view summary, RougeWords kind);
// Of several references for each measure the best by F.
Rouge best_rouge(const std::vector<std::string>& references, std::string_view summary,
                 RougeWords kind);

std::vector<std::string> rouge_words(std::string_view text, RougeWords kind);

}  // namespace cairn::metrics
