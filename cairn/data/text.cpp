#include "cairn/data/text.h"

#include <algorithm>
#include <filesystem>

#include "cairn/base/invalid_option.h"
#include "cairn/data/embedded_text.h"
#include "cairn/data/files.h"
#include "cairn/io/gzip.h"
#include "cairn/io/utf8.h"
#include "cairn/text/train_tokenizer.h"

namespace cairn::data {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kTextLimit = uint64_t{2} << 30;

bool is_text(const fs::path& path) {
  return is_file(path) && (ends_with(path, ".txt") || ends_with(path, ".txt.gz"));
}

std::string text_in(const std::string& path, uint64_t limit) {
  const io::ByteVector bytes = io::read_maybe_gzip(path, limit);
  std::string_view text = io::text_of(bytes);
  for (const char* utf16 : {"\xff\xfe", "\xfe\xff"})
    check(!text.starts_with(utf16), "'{}' is UTF-16; convert it first (iconv -f UTF-16 -t UTF-8)",
          path);
  return std::string(io::without_mark(text));
}

std::string text_of_folder(const std::string& folder) {
  std::string text;
  int files = 0;
  for (const fs::path& path : entries_of(folder)) {
    if (!is_text(path)) continue;
    text += text_in(path.string(), kTextLimit - std::min<uint64_t>(kTextLimit, text.size()));
    if (!text.empty() && text.back() != '\n') text += '\n';
    ++files;
  }
  check(files > 0, "the folder '{}' has no .txt files (or .txt.gz); name a file or put text there",
        folder);
  return text;
}

}  // namespace

std::string read_text(const std::string& source) {
  if (source.empty()) return std::string(embedded_text());
  std::error_code ignored;
  check(fs::exists(source, ignored),
        "no such file: '{}'; if it lies elsewhere now, say where with the option data", source);
  std::string text = is_folder(source) ? text_of_folder(source) : text_in(source, kTextLimit);
  check(!text.empty(), "'{}' is empty; text is wanted there", source);
  return text;
}

std::string left_out_of_text(const std::string& source) {
  LeftOut others;
  if (!source.empty() && is_folder(source))
    for (const fs::path& path : entries_of(source))
      if (!is_text(path)) others.add(is_folder(path) ? "folders" : "no .txt files", path);
  return others.in_words();
}

namespace {

TextSize size_of(std::string_view text) {
  TextSize size;
  bool in_word = false;
  for (const char c : text) {
    const bool space = c == ' ' || (c >= '\t' && c <= '\r');
    size.characters += (static_cast<unsigned char>(c) & 0xC0u) != 0x80u;
    size.words += !space && !in_word;
    in_word = !space;
  }
  return size;
}

// The tokens of characters and bytes are cut where the text is.
TextTokens cut(std::shared_ptr<const text::Tokenizer> tokenizer, const std::vector<int64_t>& all,
               double validation_part) {
  const auto at =
      all.begin() + static_cast<int64_t>(static_cast<double>(all.size()) * (1 - validation_part));
  TextTokens parts{std::move(tokenizer), {all.begin(), at}, {at, all.end()}};
  parts.train_size = size_of(parts.tokenizer->decode(parts.train));
  parts.validation_size = size_of(parts.tokenizer->decode(parts.validation));
  return parts;
}

// The first part of a text, as long as its last line; where that would leave nothing, as its last
// word, or else character.
std::string_view first_part(std::string_view text, double part) {
  if (part >= 1) return text;
  auto at = static_cast<size_t>(static_cast<double>(text.size()) * part);
  for (const char* ends : {"\n", " \t"})
    if (const size_t end = text.find_first_of(ends, at); end < text.size() - 1)
      return text.substr(0, end + 1);
  while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0u) == 0x80u) ++at;
  return text.substr(0, at);
}

std::shared_ptr<const text::Tokenizer> learned(std::string_view text, const std::string& name,
                                               const std::string& tokens, int64_t vocab) {
  if (tokens == "word")
    return std::make_shared<text::WordTokenizer>(text::WordTokenizer::from_text(text, name, vocab));
  size_t at = 0;
  const auto next = [&](std::string& line) {
    if (at >= text.size()) return false;
    const size_t end = std::min(text.find('\n', at), text.size() - 1) + 1;
    line = text.substr(at, end - at), at = end;
    return true;
  };
  try {
    const auto trained = text::train_tokenizer(
        next, {.kind = tokens == "bpe" ? "byte-bpe" : tokens, .vocab = vocab});
    return std::make_shared<text::SubwordTokenizer>(trained.to_json(), name);
  } catch (const InvalidOption& e) {  // as a language model calls it
    if (e.option() != "vocab") throw;
    throw InvalidOption("vocab_size", e.reason());
  }
}

}  // namespace

TextTokens tokenize_text(const std::string& text, const std::string& name,
                         const std::string& tokens, double validation_part,
                         std::shared_ptr<const text::Tokenizer> tokenizer, int64_t vocab) {
  check(validation_part >= 0 && validation_part < 1, "text: a validation part of {}; 0 to below 1",
        validation_part);
  const bool learns = tokens == "bpe" || tokens == "wordpiece" || tokens == "word";
  const bool by_kind =
      tokenizer ? tokenizer->kind() == "char" || tokenizer->kind() == "byte" : !learns;
  if (!by_kind) {
    const std::string_view train = first_part(text, 1 - validation_part);
    const std::string_view rest = std::string_view(text).substr(train.size());
    if (!tokenizer) tokenizer = learned(train, name, tokens, vocab);
    return {tokenizer, tokenizer->encode(train, name), tokenizer->encode(rest, name),
            size_of(train), size_of(rest)};
  }
  if (!tokenizer) {
    if (tokens == "byte") tokenizer = std::make_shared<text::ByteTokenizer>();
    else if (tokens == "char")
      tokenizer = std::make_shared<text::CharTokenizer>(text::CharTokenizer::from_text(text, name));
    else
      throw InvalidOption("tokens",
                          no_such_name(tokens, {"char", "byte", "bpe", "wordpiece", "word"}));
  }
  const std::vector<int64_t> all = tokenizer->encode(text, name);
  return cut(std::move(tokenizer), all, validation_part);
}

}  // namespace cairn::data
