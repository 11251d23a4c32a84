// Questions about texts with the answers that stand in them: SQuAD's files (Rajpurkar et al. 2016,
// 2018).
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cairn::data {

struct AnswerPlace {
  size_t begin = 0, end = 0;  // bytes of the context
};
struct Question {
  std::string id, text;              // id: "" of none, else no other's
  size_t context = 0;                // which
  std::vector<std::string> answers;  // each is right; none: the context does not say it
  std::vector<AnswerPlace>
      places;              // of the answers, in their order, but for those that stand nowhere
  bool misplaced = false;  // there are answers, but none stands anywhere
};
struct Questions {
  std::vector<std::string> contexts;
  std::vector<int64_t> articles;  // of each context, rising
  std::vector<Question> all;
  int64_t moved = 0, misplaced = 0;  // answers that stand elsewhere than the file says; questions
                                     // none of whose answers stands anywhere
};

// {"data": [{"paragraphs": [{"context", "qas": [{"question", "id", "answers": [{"text",
// "answer_start"}], "is_impossible"}]}]}]}, versions 1.1 and 2.0; answer_start counts code points.
// An answer that does not stand there is looked for around: the nearest such text is taken. Throws
// Error naming `name` and the place of what is missing or of a wrong kind, and of an id that
// another question has.
Questions parse_squad(std::string_view json, const std::string& name);

struct QuestionSplits {
  Questions train, validation;
};
// `data`: a SQuAD file (also .gz), a folder of them, or "people": small texts that the program
// makes, a tenth of whose questions have no answer. To validate: files of a folder that begin with
// dev or val; or else the last `held_back` of articles (of a single article: of its contexts), in
// SQuADShifts' folder of new_wiki alone, which is what its questions are about elsewhere. Throws
// Error when there is no file or no question, or an id comes twice, be it in two files.
QuestionSplits open_questions(const std::string& data, double held_back);
// All of a file or folder.
Questions open_all_questions(const std::string& data);

// The texts of "people".
Questions made_questions();

// Bytes to code points of valid UTF-8, as SQuAD counts places.
int64_t points_before(std::string_view text, size_t byte);

}  // namespace cairn::data
