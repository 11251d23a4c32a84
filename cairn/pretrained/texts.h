// Texts as what networks take: token numbers, cut to a length, padded, many at a time.
#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cairn/compile/compile.h"
#include "cairn/text/subword_tokenizer.h"

namespace cairn::pretrained {

using Tokens = std::vector<int64_t>;

class Coder {
 public:
  Coder(std::shared_ptr<const text::SubwordTokenizer> tokenizer, int64_t longest)
      : tokenizer_(std::move(tokenizer)), longest_(longest) {}
  // With special tokens; those behind a text that is cut stay. `name` says in errors what it is;
  // `is_cut` gets whether it was longer than the network takes. For several threads at once.
  Tokens encode(const std::string& text, const std::string& name, bool* is_cut = nullptr) const;
  std::vector<Tokens> encode(const std::vector<std::string>& texts,
                             const std::string& source) const;
  const text::SubwordTokenizer& tokenizer() const { return *tokenizer_; }
  int64_t longest() const { return longest_; }
  int64_t cut() const { return cut_; }  // texts that were too long

 private:
  std::shared_ptr<const text::SubwordTokenizer> tokenizer_;
  int64_t longest_;
  mutable std::atomic<int64_t> cut_ = 0;
};

// Tokens [N, T] of some texts, padded at the end to a multiple of 8 (but not beyond `longest`), so
// that few shapes occur, and lengths [N].
Tensors batch_of(const std::vector<Tokens>& texts, const std::vector<int64_t>& rows,
                 int64_t longest);
Tensors batch_of(const std::vector<Tokens>& texts, int64_t longest);  // of all

// What `function` gives for each text, a row each: tokens [N, T] and lengths [N] -> [N, ...]. Texts
// of like length go together.
std::vector<std::vector<float>> rows_of(CompiledFunction& function,
                                        const std::vector<Tokens>& texts, int64_t batch,
                                        int64_t longest);

// A lower-case WordPiece like BERT's, learned from texts: [PAD] is 0; [CLS] and [SEP] stand around
// a text. As tokenizer.json.
std::string learn_bert_tokenizer(const std::vector<std::string>& texts, int64_t vocab);

}  // namespace cairn::pretrained
