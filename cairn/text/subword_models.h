// How a piece of text becomes tokens of a vocabulary: byte-pair encoding (Sennrich et al. 2016),
// WordPiece (Schuster and Nakajima 2012), Unigram (Kudo 2018), whole words; as tokenizer.json has
// them.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>

#include "cairn/text/json_fields.h"

namespace cairn::text {

// Tokens by number and numbers by token.
class Vocabulary {
 public:
  void add(std::string token, int64_t id, const std::string& where);  // throws Error: taken
  // The same for lists in which a token may come again: its last number is the one found.
  void add_next(std::string token, const std::string& where);
  std::optional<int64_t> find(std::string_view token) const;
  const std::string* token(int64_t id) const;  // nullptr: no such
  int64_t size() const { return static_cast<int64_t>(ids_.size()); }
  int64_t end() const { return static_cast<int64_t>(tokens_.size()); }  // above the largest number

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view s) const { return std::hash<std::string_view>()(s); }
  };
  std::vector<std::optional<std::string>> tokens_;
  std::unordered_map<std::string, int64_t, Hash, std::equal_to<>> ids_;
};

struct Token {
  int64_t id;
  uint32_t begin, end;  // bytes of the piece
};

class SubwordModel {
 public:
  virtual ~SubwordModel() = default;
  virtual const char* type() const = 0;  // as in the file: "BPE", "WordPiece", "Unigram", ...
  const Vocabulary& vocabulary() const { return vocabulary_; }
  // Appends the tokens of a piece, which is valid UTF-8 and not empty. Throws Error when there is
  // no token for a part of it and none for the unknown.
  virtual void tokenize(std::string_view piece, std::vector<Token>& out) const = 0;
  virtual std::string to_json() const = 0;
  // How its tokens become text where the file names no decoder; empty: it does not say.
  virtual std::function<void(std::vector<std::string>& tokens)> decoder() const { return {}; }

 protected:
  Vocabulary vocabulary_;
};

// From the "model" of a tokenizer.json. Throws Error naming file and place.
std::unique_ptr<SubwordModel> make_subword_model(const Fields& model);

// Of byte-pair encoding, with the names of the file.
struct BpeOptions {
  std::optional<std::string> unk_token;
  std::string continuing_subword_prefix, end_of_word_suffix;
  bool fuse_unk = false, byte_fallback = false, ignore_merges = false;
};
using Merges = std::vector<std::pair<std::string, std::string>>;
std::unique_ptr<SubwordModel> make_bpe(Vocabulary vocabulary, const Merges& merges,
                                       const BpeOptions& options, const std::string& where);
std::unique_ptr<SubwordModel> make_word_piece(Vocabulary vocabulary, std::string unk_token,
                                              std::string prefix, int64_t longest);
std::unique_ptr<SubwordModel> make_unigram(
    const std::vector<std::pair<std::string, double>>& pieces, std::optional<int64_t> unk_id,
    bool byte_fallback, const std::string& where);

}  // namespace cairn::text
