// Text to token numbers and back. Here: one token a character (code point), or one a byte.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace cairn::text {

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;
  virtual std::string kind() const = 0;  // "char", "byte", or the model of a tokenizer.json
  virtual int64_t size() const = 0;      // tokens are 0 .. size() - 1
  // `name` says in errors where the text came from ("the prompt", a file name).
  virtual std::vector<int64_t> encode(std::string_view text, const std::string& name) const = 0;
  virtual std::string decode(
      const std::vector<int64_t>& tokens) const = 0;  // throws Error on unknown numbers
  virtual std::string to_json() const = 0;
  // The texts of tokens, decoded one by one and joined, are that of all.
  virtual bool decodes_apart() const { return true; }
  void save(const std::string& path) const;  // atomically
};

// The 256 bytes: takes any text.
class ByteTokenizer : public Tokenizer {
 public:
  std::string kind() const override { return "byte"; }
  int64_t size() const override { return 256; }
  std::vector<int64_t> encode(std::string_view text, const std::string& name) const override;
  std::string decode(const std::vector<int64_t>& tokens) const override;
  std::string to_json() const override;
};

// The code points of a text, in their order.
class CharTokenizer : public Tokenizer {
 public:
  // Throws Error when the text is empty, is not UTF-8 (with the byte offset) or has over 65,536
  // characters.
  static CharTokenizer from_text(std::string_view text, const std::string& name);
  explicit CharTokenizer(std::u32string vocabulary);  // without repeats

  std::string kind() const override { return "char"; }
  int64_t size() const override { return static_cast<int64_t>(vocabulary_.size()); }
  // Throws Error naming the first character that is not in the vocabulary, and its place.
  std::vector<int64_t> encode(std::string_view text, const std::string& name) const override;
  std::string decode(const std::vector<int64_t>& tokens) const override;
  std::string to_json() const override;

  const std::u32string& vocabulary() const { return vocabulary_; }

 private:
  std::u32string vocabulary_;
  std::unordered_map<char32_t, int64_t> numbers_;
};

// Words of a text that is cut into such already: runs without white space, and the end of a line,
// which is one too. Words beyond the vocabulary are <unk>.
class WordTokenizer : public Tokenizer {
 public:
  static constexpr int64_t kUnknown = 0, kNewLine = 1;
  // The most frequent ones of a text, at most `most` tokens with <unk> and the line's end. Throws
  // Error when the text is not UTF-8.
  static WordTokenizer from_text(std::string_view text, const std::string& name, int64_t most);
  // "<unk>", "\n", and words without white space; throws Error for others and for repeats.
  explicit WordTokenizer(std::vector<std::string> vocabulary);
  WordTokenizer(const WordTokenizer&) = delete;  // numbers_ looks into vocabulary_
  WordTokenizer(WordTokenizer&&) = default;

  std::string kind() const override { return "word"; }
  int64_t size() const override { return static_cast<int64_t>(vocabulary_.size()); }
  std::vector<int64_t> encode(std::string_view text, const std::string& name) const override;
  std::string decode(const std::vector<int64_t>& tokens) const override;  // a space after each word
  std::string to_json() const override;

 private:
  std::vector<std::string> vocabulary_;
  std::unordered_map<std::string_view, int64_t> numbers_;
};

// From what save() wrote: {"type": "char", "vocabulary": ["\n", " ", ...]}, {"type": "byte"},
// {"type": "word", "vocabulary": ["<unk>", "\n", ...]}, or a tokenizer.json
// (text/subword_tokenizer.h).
std::unique_ptr<Tokenizer> parse_tokenizer(std::string_view json, const std::string& name);
std::unique_ptr<Tokenizer> load_tokenizer(const std::string& path);

}  // namespace cairn::text
