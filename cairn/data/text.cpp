#include "cairn/data/text.h"

#include <algorithm>
#include <filesystem>

#include "cairn/base/invalid_option.h"
#include "cairn/data/embedded_text.h"
#include "cairn/data/files.h"
#include "cairn/io/gzip.h"
#include "cairn/io/utf8.h"

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
    text += text_in(path.string(), kTextLimit - text.size());
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
  check(!text.empty(), "'{}' is empty; a language model needs text", source);
  return text;
}

std::string left_out_of_text(const std::string& source) {
  LeftOut others;
  if (!source.empty() && is_folder(source))
    for (const fs::path& path : entries_of(source))
      if (!is_text(path)) others.add(is_folder(path) ? "folders" : "no .txt files", path);
  return others.in_words();
}

TextTokens tokenize_text(const std::string& text, const std::string& name,
                         const std::string& tokens, double validation_part,
                         std::shared_ptr<const text::Tokenizer> tokenizer) {
  check(validation_part >= 0 && validation_part < 1, "text: a validation part of {}; 0 to below 1",
        validation_part);
  if (!tokenizer) {
    if (tokens == "byte") tokenizer = std::make_shared<text::ByteTokenizer>();
    else if (tokens == "char")
      tokenizer = std::make_shared<text::CharTokenizer>(text::CharTokenizer::from_text(text, name));
    else throw InvalidOption("tokens", no_such_name(tokens, {"char", "byte"}));
  }
  const std::vector<int64_t> all = tokenizer->encode(text, name);
  const auto cut =
      all.begin() + static_cast<int64_t>(static_cast<double>(all.size()) * (1 - validation_part));
  return {std::move(tokenizer), {all.begin(), cut}, {cut, all.end()}};
}

}  // namespace cairn::data
