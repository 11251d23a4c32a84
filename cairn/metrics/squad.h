// Answers to questions against those that people gave: exact match and F1 of words, equal to the
// official script of SQuAD 2.0 (Rajpurkar et al. 2018), which equals that of 1.1 where there is an
// answer.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace cairn::metrics {

// In lower case, without ASCII punctuation, without a, an, the, words apart by one space.
std::string normalize_answer(std::string_view text);

struct AnswerScore {
  double exact_match = 0, f1 = 0;  // 0 .. 1
};
// Against the answer for which each is best. Without answers, or when none has a word, the right
// answer is none at all. Throws Error when a text is not UTF-8.
AnswerScore score_answer(const std::vector<std::string>& answers, std::string_view predicted);

}  // namespace cairn::metrics
