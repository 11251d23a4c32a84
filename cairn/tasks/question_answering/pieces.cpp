#include "cairn/tasks/question_answering/pieces.h"

#include <algorithm>

#include "cairn/ops/functions.h"

namespace cairn::tasks::question_answering {
namespace {

constexpr size_t kLongestQuestion = 64;

int64_t special(const text::SubwordTokenizer& tokenizer, const char* token,
                const std::string& file) {
  const auto number = tokenizer.find(token);
  check(number.has_value(),
        "'{}': its tokenizer has no {}; questions and texts are put together as BERT does", file,
        token);
  return *number;
}

// Pieces with their places in bytes; the tokenizer counts characters.
std::shared_ptr<Noted> pieces_of(const text::SubwordTokenizer& tokenizer, std::string_view text) {
  const text::Encoding encoding = tokenizer.encode(text, "a text", {.add_special = false});
  std::vector<uint32_t> bytes;  // of each character
  for (size_t i = 0; i < text.size(); ++i)
    if ((static_cast<unsigned char>(text[i]) & 0xC0u) != 0x80u)
      bytes.push_back(static_cast<uint32_t>(i));
  bytes.push_back(static_cast<uint32_t>(text.size()));
  auto noted = std::make_shared<Noted>();
  noted->ids = encoding.ids;
  for (const text::Span& s : encoding.offsets)
    noted->places.push_back({bytes.at(s.begin), bytes.at(s.end)});
  return noted;
}

}  // namespace

PieceNotation::PieceNotation(const std::string& tokenizer, const std::string& file, int64_t longest)
    : Notation(longest),
      tokenizer_(tokenizer, file),
      begin_(special(tokenizer_, "[CLS]", file)),
      separator_(special(tokenizer_, "[SEP]", file)) {}

NotedPtr PieceNotation::context(std::string_view text) const { return pieces_of(tokenizer_, text); }

NotedPtr PieceNotation::question(std::string_view text) const {
  auto noted = pieces_of(tokenizer_, text);
  const size_t kept = std::min(noted->ids.size(), kLongestQuestion);
  noted->ids.resize(kept), noted->places.resize(kept);
  return noted;
}

Tensors PieceNotation::batch_of(const std::vector<const Row*>& rows) const {
  std::vector<std::vector<int64_t>> numbers, types;
  std::vector<int64_t> lengths;
  size_t longest = 1;
  for (const Row* r : rows) {
    auto& n = numbers.emplace_back(1, begin_);
    n.insert(n.end(), r->question->ids.begin(), r->question->ids.end());
    n.push_back(separator_);
    auto& t = types.emplace_back(n.size(), 0);
    const auto first = r->context->ids.begin() + static_cast<std::ptrdiff_t>(r->first);
    n.insert(n.end(), first, first + static_cast<std::ptrdiff_t>(r->count));
    n.push_back(separator_);
    t.resize(n.size(), 1);
    lengths.push_back(std::ssize(n));
    longest = std::max(longest, n.size());
  }
  const int64_t size = padded_size(longest, 32);
  return {padded_rows(numbers, size, 0),
          from_host(lengths.data(), {std::ssize(lengths)}, DType::i64),
          padded_rows(types, size, 0)};
}

Tensor SpanEncoder::spans(std::span<const Tensor> in) {
  return hide_beyond(net_(pretrained::Input{in[0], in[1], in[2]}), in[1]);
}

}  // namespace cairn::tasks::question_answering
