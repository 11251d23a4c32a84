// Tokenizers learned from text. The same text and options give the same tokenizer, to the byte, in
// any order of lines: words are counted, pairs are joined by falling count, of equally frequent
// ones that with the lower numbers first; numbers follow the characters' code points.
#pragma once
#include <functional>
#include <unordered_map>

#include "cairn/text/subword_tokenizer.h"

namespace cairn::text {

// How often each piece occurs that a model will get.
using PieceCounts = std::unordered_map<std::string, int64_t>;

struct BpeTraining {
  int64_t vocab = 16000;      // tokens at most, special ones and characters included
  int64_t min_frequency = 0;  // of a pair that is joined
  std::vector<std::string> special = {};
  std::vector<std::string> alphabet = {};  // characters that are tokens in any case
  std::string prefix = {}, suffix = {};    // of pieces inside a word; at its end
};
struct TrainedBpe {
  std::vector<std::string> tokens;  // by number: special, characters, then joined ones
  Merges merges;
};
TrainedBpe train_bpe(const PieceCounts& counts, const BpeTraining& options);

struct UnigramTraining {
  int64_t vocab = 16000;                  // tokens at most, special ones and characters included
  std::vector<std::string> special = {};  // the first is the unknown token
};
// Tokens and their log-probabilities (Kudo 2018): from all frequent substrings, expectation and
// maximization in turn; after two rounds those that the text misses least are given up, until the
// vocabulary is small enough. Of equals the first in the order of bytes stays.
std::vector<std::pair<std::string, double>> train_unigram(const PieceCounts& counts,
                                                          const UnigramTraining& options);

struct TokenizerTraining {
  // byte-bpe: of bytes (any text has tokens); bpe: of characters, words marked by ▁; wordpiece: as
  // BERT's; unigram: likely pieces, words marked by ▁; char, byte: one each.
  std::string kind = "byte-bpe";
  int64_t vocab = 16000;  // tokens at most; char and byte have what they have, or fail
  int64_t min_frequency = 2;
  std::vector<std::string> special = {};
  bool lowercase = false;
};
// `next(text)` gives one text after another (a line, a document) until it returns false. Throws
// InvalidOption for a kind that is unknown or a vocabulary too small for its characters, Error when
// there is no text.
SubwordTokenizer train_tokenizer(const std::function<bool(std::string&)>& next,
                                 const TokenizerTraining& options);

}  // namespace cairn::text
