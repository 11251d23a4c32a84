// Texts and questions as a network for spans takes them, and back: which bytes of the text each of
// its places stands for.
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "cairn/base/json.h"
#include "cairn/data/questions.h"
#include "cairn/tensor/tensor.h"
#include "cairn/text/normalized.h"

namespace cairn::tasks::question_answering {

// A text cut into words, or pieces of words.
struct Noted {
  std::vector<text::Span> places;  // bytes of the text
  std::vector<int64_t> ids;
  // Of words only: numbers of endings, and what forms, lower-case forms and stems are compared by.
  struct Word {
    int64_t ending = 0;
    uint64_t form = 0, lower = 0, stem = 0;
    uint8_t shape = 0;
    int32_t sentence = 0;
    float rarity = 0;  // 0 .. 1
  };
  std::vector<Word> words;
};
using NotedPtr = std::shared_ptr<const Noted>;

// What the network reads at once: a question and a window of a context.
struct Row {
  NotedPtr question, context;
  size_t first = 0, count = 0;  // the window, in words of the context
  struct Answer {
    int64_t start = 0, end = 0;  // places; 0, 0: there is none in the window
  };
  std::vector<Answer> answers;  // those in the window in their order, or the one of none
};

class Notation {
 public:
  explicit Notation(int64_t longest) : longest_(longest) {}
  virtual ~Notation() = default;
  virtual NotedPtr context(std::string_view text) const = 0;
  virtual NotedPtr question(std::string_view text) const = 0;
  // The place of a row's first word of the context; place 0 stands for "there is no answer".
  virtual int64_t offset(const Row& row) const = 0;
  // What SpanNetwork::spans takes, padded.
  virtual Tensors batch_of(const std::vector<const Row*>& rows) const = 0;

  // Windows of at most `longest` places that overlap by half of the words that they have room for.
  // Words that an answer only touches belong to it.
  std::vector<Row> rows(const NotedPtr& context, const NotedPtr& question,
                        const std::vector<data::AnswerPlace>& answers) const;

 protected:
  int64_t longest() const { return longest_; }

 private:
  int64_t longest_;
};

// Sizes that batches are padded to, so that few shapes occur.
int64_t padded_size(size_t longest, int64_t grain);
// [rows, size] of numbers, `nothing` behind those of a row.
Tensor padded_rows(const std::vector<std::vector<int64_t>>& rows, int64_t size, int64_t nothing);

// Words with features of how they match the question's.
class WordNotation : public Notation {
 public:
  static constexpr int64_t kEndings = 2048, kFeatures = 17;
  // [[word, how often it occurs], ...], as learn() gives it. Throws Error naming `file` for other
  // JSON.
  WordNotation(const Json& vocabulary, const std::string& file, int64_t longest);
  // The most frequent lower-case words that occur twice at least.
  static Json learn(const std::vector<std::string>& contexts,
                    const std::vector<std::string>& questions, int64_t most);

  int64_t vocab() const;
  NotedPtr context(std::string_view text) const override { return note(text); }
  NotedPtr question(std::string_view text) const override { return note(text); }
  int64_t offset(const Row&) const override { return 1; }
  Tensors batch_of(const std::vector<const Row*>& rows) const override;

 private:
  NotedPtr note(std::string_view text) const;
  int64_t number_of(const std::string& lower) const;
  std::unordered_map<std::string, int64_t> numbers_;
  std::unordered_map<uint64_t, float> rarity_;  // of stems that are known
};

}  // namespace cairn::tasks::question_answering
