// Tokenizers in the tokenizer.json format of Hugging Face: text to normalized text, to pieces, to
// tokens of a vocabulary, with special ones around them, and back. Numbers and offsets equal those
// of the Python package tokenizers 0.23; docs/tokenizers.md says where it is otherwise and why.
#pragma once
#include <map>

#include "cairn/text/normalizers.h"
#include "cairn/text/subword_models.h"
#include "cairn/text/tokenizer.h"

namespace cairn::text {

struct Encoding {
  std::vector<int64_t> ids;
  std::vector<Span> offsets;      // characters of the text, [begin, end); special ones: 0, 0
  std::vector<int64_t> type_ids;  // which of two texts
  std::vector<bool> special;      // put there by the post-processor
};

struct EncodeOptions {
  bool parse_special = false;  // special tokens that are written in the text are taken for such
  bool add_special = true;     // the post-processor's
};

// A token beside the model's vocabulary, found in the text before anything else is done with it.
struct AddedToken {
  int64_t id = 0;
  std::string content;
  bool single_word = false, lstrip = false, rstrip = false, normalized = false, special = false;
};

// Changes the encodings of one text or two; `add_special` as above.
using PostProcessor = std::function<void(std::vector<Encoding>&, bool add_special)>;
// BertProcessing, RobertaProcessing, ByteLevel, TemplateProcessing, Sequence. `token` gives the
// text of a number.
PostProcessor make_post_processor(const Fields& part,
                                  const std::function<std::string(int64_t)>& token);

class SubwordTokenizer : public Tokenizer {
 public:
  // Throws Error naming `name` and the place: no JSON, a part that is unknown, a field that is
  // missing or wrong. "truncation" and "padding" are kept, not applied.
  SubwordTokenizer(std::string_view json, const std::string& name);
  SubwordTokenizer(const SubwordTokenizer&) = delete;
  // A tokenizer.json, or a model of sentencepiece (text/sentencepiece.h).
  static std::unique_ptr<SubwordTokenizer> open(const std::string& path);

  std::string kind() const override { return model_->type(); }
  int64_t size() const override;  // above the largest number
  // Without special tokens, neither parsed nor added.
  std::vector<int64_t> encode(std::string_view text, const std::string& name) const override;
  // Throws Error when the text is not UTF-8 (with the byte), or for what the model has no token.
  Encoding encode(std::string_view text, const std::string& name,
                  const EncodeOptions& options) const;
  Encoding encode_pair(std::string_view first, std::string_view second, const std::string& name,
                       const EncodeOptions& options) const;
  std::string decode(const std::vector<int64_t>& tokens) const override;  // special ones left out
  std::string decode(const std::vector<int64_t>& tokens, bool skip_special) const;
  std::string to_json() const override;
  bool decodes_apart() const override { return false; }

  const SubwordModel& model() const { return *model_; }
  const std::vector<AddedToken>& added() const { return added_; }
  std::optional<int64_t> find(std::string_view token) const;
  const std::string* token(int64_t id) const;  // nullptr: no such
  bool is_special(int64_t id) const;
  // The pieces that the model gets, without added tokens: for training.
  void pieces_of(std::string_view text, std::vector<Normalized>& out) const;

 private:
  struct Finder {  // added tokens, by their first byte, the longest first
    std::map<unsigned char, std::vector<std::pair<std::string, const AddedToken*>>> by_first;
  };
  struct Found {
    size_t begin, end;
    const AddedToken* token;  // nullptr: text
  };
  void add_tokens(const Fields& file);
  Encoding raw(std::string_view text, const std::string& name, bool parse_special) const;
  static std::vector<Found> find_added(const Finder& finder, std::string_view text,
                                       bool parse_special);

  std::unique_ptr<SubwordModel> model_;
  std::vector<AddedToken> added_;  // by number
  std::map<int64_t, size_t> added_by_id_;
  std::map<std::string, int64_t, std::less<>> added_by_text_;
  Finder plain_, normalized_;
  Normalizer normalizer_;
  PreTokenizer pre_tokenizer_;
  PostProcessor post_processor_;
  Decoder decoder_;
  nlohmann::json parts_;  // the file without model and added tokens
};

}  // namespace cairn::text
