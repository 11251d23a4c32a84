// The parts of a tokenizer that work on text, as tokenizer.json names them: normalizers change it,
// pre-tokenizers cut it, decoders put tokens together again. Each is made from its JSON object;
// errors name the file, the place and the part that is unknown or lacks something.
#pragma once
#include <array>
#include <functional>

#include "cairn/text/json_fields.h"
#include "cairn/text/normalized.h"

namespace cairn::text {

using Normalizer = std::function<void(Normalized&)>;
// NFC, NFD, NFKC, NFKD, Lowercase, Strip, StripAccents, BertNormalizer, Prepend, Precompiled,
// Replace, Nmt, ByteLevel, Sequence.
Normalizer make_normalizer(const Fields& part);

// Cuts every piece.
using PreTokenizer = std::function<void(std::vector<Normalized>& pieces)>;
// ByteLevel, Metaspace, Whitespace, WhitespaceSplit, BertPreTokenizer, Punctuation, Digits, Split,
// CharDelimiterSplit, UnicodeScripts, FixedLength, Sequence.
PreTokenizer make_pre_tokenizer(const Fields& part);

// Tokens to texts that are then joined.
using Decoder = std::function<void(std::vector<std::string>& tokens)>;
// ByteLevel, WordPiece, BPEDecoder, Metaspace, ByteFallback, Fuse, Strip, Replace, CTC, Sequence.
Decoder make_decoder(const Fields& part);

// Bytes as characters that can be seen (Radford et al. 2019): printable ones of Latin-1 stay, the
// others follow from U+0100 on.
const std::array<char32_t, 256>& byte_characters();
int byte_of_character(char32_t point);  // -1: stands for none

// The pattern that GPT-2 cuts text by.
const char* gpt2_pattern();

// "pattern": {"String": ...} or {"Regex": ...}.
class Pattern {
 public:
  Pattern(const Fields& part, const char* key);
  Parts parts(std::string_view text) const;
  const std::string& literal() const { return literal_; }  // "": a regular expression

 private:
  std::string literal_;
  std::function<Parts(std::string_view)> parts_;
};

}  // namespace cairn::text
