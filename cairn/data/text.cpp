#include "cairn/data/text.h"

#include <algorithm>
#include <filesystem>

#include "cairn/base/invalid_option.h"
#include "cairn/data/embedded_text.h"
#include "cairn/io/gzip.h"

namespace cairn::data {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kTextLimit = uint64_t{2} << 30;

std::string read_text_files(const std::string& folder) {
  std::vector<std::string> paths;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (entry.is_regular_file() && (name.ends_with(".txt") || name.ends_with(".txt.gz")))
      paths.push_back(entry.path().string());
  }
  check(!paths.empty(),
        "the folder '{}' has no .txt files (or .txt.gz); name a file or put text there", folder);
  std::sort(paths.begin(), paths.end());
  std::string text;
  for (const std::string& path : paths) {
    text += io::text_of(io::read_maybe_gzip(path, kTextLimit - text.size()));
    if (!text.empty() && text.back() != '\n') text += '\n';
  }
  return text;
}

}  // namespace

std::string read_text(const std::string& source) {
  if (source.empty()) return std::string(embedded_text());
  const std::string text = fs::is_directory(source)
                               ? read_text_files(source)
                               : std::string(io::text_of(io::read_maybe_gzip(source, kTextLimit)));
  check(!text.empty(), "'{}' is empty; a language model needs text", source);
  return text;
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
