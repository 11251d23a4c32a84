#include "cairn/data/text.h"

#include <algorithm>
#include <filesystem>

#include "cairn/base/error.h"
#include "cairn/base/philox.h"
#include "cairn/data/embedded_text.h"
#include "cairn/io/gzip.h"

namespace cairn::data {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kTextLimit = uint64_t{2} << 30;
constexpr uint64_t kWindowPurpose = 0x77696e64;

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

void check_window(int64_t tokens, int64_t batch, int64_t length) {
  check(batch > 0 && length > 0,
        "text windows: a batch of {} and a length of {}; both must be at least 1", batch, length);
  check(tokens > length,
        "the text has {} tokens, one window of {} and its target need {}; use more text or a "
        "shorter window",
        tokens, length, length + 1);
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
                         std::shared_ptr<const io::Tokenizer> tokenizer) {
  check(validation_part >= 0 && validation_part < 1, "text: a validation part of {}; 0 to below 1",
        validation_part);
  if (!tokenizer) {
    if (tokens == "byte") tokenizer = std::make_shared<io::ByteTokenizer>();
    else if (tokens == "char")
      tokenizer = std::make_shared<io::CharTokenizer>(io::CharTokenizer::from_text(text, name));
    else throw UsageError(fmt::format("no tokens '{}'; there are 'char' and 'byte'", tokens));
  }
  const std::vector<int> all = tokenizer->encode(text, name);
  const auto cut =
      all.begin() + static_cast<int64_t>(static_cast<double>(all.size()) * (1 - validation_part));
  return {std::move(tokenizer), {all.begin(), cut}, {cut, all.end()}};
}

Windows random_windows(std::span<const int64_t> tokens, int64_t batch, int64_t length,
                       uint64_t seed, int64_t step) {
  const auto count = static_cast<int64_t>(tokens.size());
  check_window(count, batch, length);
  const auto places = static_cast<uint32_t>(std::min<int64_t>(count - length, UINT32_MAX));
  PhiloxStream random(philox_derive(seed, kWindowPurpose), static_cast<uint64_t>(step));
  Windows windows;
  windows.inputs.reserve(static_cast<size_t>(batch * length));
  windows.targets.reserve(static_cast<size_t>(batch * length));
  for (int64_t b = 0; b < batch; ++b) {
    const auto start = tokens.begin() + random.below(places);
    windows.inputs.insert(windows.inputs.end(), start, start + length);
    windows.targets.insert(windows.targets.end(), start + 1, start + length + 1);
  }
  return windows;
}

TextStreams::TextStreams(std::span<const int64_t> tokens, int64_t batch, int64_t length)
    : tokens_(tokens), batch_(batch), length_(length) {
  check_window(static_cast<int64_t>(tokens.size()), batch, length);
  stride_ = (static_cast<int64_t>(tokens.size()) - 1) / batch;  // the last target is one further
  windows_ = stride_ / length;
  check(windows_ > 0,
        "the text has {} tokens, {} streams of one window of {} need {}; use a smaller batch",
        tokens.size(), batch, length, batch * length + 1);
}

Windows TextStreams::window(int64_t number) const {
  Windows windows;
  for (int64_t b = 0; b < batch_; ++b) {
    const auto start = tokens_.begin() + b * stride_ + number % windows_ * length_;
    windows.inputs.insert(windows.inputs.end(), start, start + length_);
    windows.targets.insert(windows.targets.end(), start + 1, start + length_ + 1);
  }
  return windows;
}

}  // namespace cairn::data
