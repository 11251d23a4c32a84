#include <map>

#include "cairn/text/icu.h"
#include "cairn/text/normalizers.h"
#include "cairn/text/regex.h"
#include "cairn/text/unicode.h"

namespace cairn::text {

const std::array<char32_t, 256>& byte_characters() {
  static const auto kAll = [] {
    std::array<char32_t, 256> all{};
    char32_t next = 0x100;
    for (char32_t b = 0; b < 256; ++b)
      all[b] = (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE ? b : next++;
    return all;
  }();
  return kAll;
}

int byte_of_character(char32_t point) {
  static const auto kBytes = [] {
    std::array<int, 0x144> bytes{};
    bytes.fill(-1);
    for (int b = 0; b < 256; ++b) bytes[byte_characters()[static_cast<size_t>(b)]] = b;
    return bytes;
  }();
  return point < kBytes.size() ? kBytes[point] : -1;
}

const char* gpt2_pattern() {
  return R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
}

void to_byte_characters(Normalized& text) {
  std::vector<Normalized::Change> changes;
  changes.reserve(text.text().size());
  for (const char c : text.text()) {
    const auto byte = static_cast<unsigned char>(c);
    changes.push_back({byte_characters()[byte], (byte & 0xC0) == 0x80 ? 1 : 0});
  }
  text.transform(changes);
}

namespace {

using Pieces = std::vector<Normalized>;

// A pre-tokenizer that cuts each piece by parts of its text.
template <class PartsOf>
PreTokenizer cut(PartsOf parts_of, Behavior behavior) {
  return [parts_of, behavior](Pieces& pieces) {
    Pieces out;
    for (Normalized& piece : pieces) {
      const Parts parts = parts_of(piece.text());
      std::move(piece).split(parts, behavior, out);
    }
    pieces = std::move(out);
  };
}
PreTokenizer cut_where(bool (*matches)(char32_t), Behavior behavior) {
  return cut([matches](std::string_view text) { return parts_where(text, matches); }, behavior);
}

bool is_numeric(char32_t c) { return (category_mask(c) & U_GC_N_MASK) != 0; }
bool is_punctuation(char32_t c) {
  const bool ascii = (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') ||
                     (c >= '{' && c <= '~');
  return ascii || (category_mask(c) & U_GC_P_MASK) != 0;
}

Behavior behavior_of(const Fields& f) {
  static const std::map<std::string, Behavior> kAll = {
      {"Removed", Behavior::removed},
      {"Isolated", Behavior::isolated},
      {"MergedWithPrevious", Behavior::merged_with_previous},
      {"MergedWithNext", Behavior::merged_with_next},
      {"Contiguous", Behavior::contiguous}};
  const auto found = kAll.find(f.text("behavior", "Isolated"));
  check(found != kAll.end(), "{}: '{}' is no behaviour", f.path("behavior"), f.text("behavior"));
  return found->second;
}

char32_t one_character(const Fields& f, const char* key, const char* standard) {
  const std::string text = f.text(key, standard);
  size_t at = 0;
  const char32_t point = text.empty() ? 0 : next_point(text, at);
  check(!text.empty() && at == text.size(), "{}: '{}' is not one character", f.path(key), text);
  return point;
}

// Runs of letters, marks, digits and connectors; runs of what is neither that nor a space.
Parts words_and_signs(std::string_view text) {
  Parts parts;
  int kind_before = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    const char32_t c = next_point(text, at);
    const int kind = is_word_character(c) ? 1 : is_white_space(c) ? 2 : 3;
    if (kind == kind_before) parts.back().end = at;
    else parts.push_back({begin, at, kind == 2});
    kind_before = kind;
  }
  return parts;
}

PreTokenizer byte_level(const Fields& f) {
  const bool prefix = f.flag("add_prefix_space", true), cuts = f.flag("use_regex", true);
  const Regex regex(gpt2_pattern(), "GPT-2's pattern");
  return [=](Pieces& pieces) {
    Pieces out;
    for (Normalized& piece : pieces) {
      if (prefix && !piece.text().starts_with(' ')) piece.prepend(" ");
      if (!cuts) {
        out.push_back(std::move(piece));
        continue;
      }
      Parts parts;
      regex.each(piece.text(), [&](size_t begin, size_t end) {
        parts.push_back({begin, end, true});
      });
      std::move(piece).split(parts, Behavior::isolated, out);
    }
    for (Normalized& piece : out) to_byte_characters(piece);
    pieces = std::move(out);
  };
}

PreTokenizer metaspace(const Fields& f) {
  std::string mark;
  const char32_t point = one_character(f, "replacement", "▁");
  mark = f.text("replacement", "▁");
  std::string scheme = f.text("prepend_scheme", "always");
  if (f.has("add_prefix_space") && !f.flag("add_prefix_space", true)) scheme = "never";  // older
  check(scheme == "always" || scheme == "first" || scheme == "never",
        "{}: '{}' is neither always, first nor never", f.path("prepend_scheme"), scheme);
  const bool cuts = f.flag("split", true);
  return [=](Pieces& pieces) {
    Pieces out;
    for (Normalized& piece : pieces) {
      piece.replace(parts_where(piece.text(), [](char32_t c) { return c == ' '; }), mark);
      const bool wanted = scheme == "always" || (scheme == "first" && piece.start() == 0);
      if (wanted && !piece.text().starts_with(mark)) piece.prepend(mark);
      if (!cuts) {
        out.push_back(std::move(piece));
        continue;
      }
      const Parts parts = parts_where(piece.text(), [point](char32_t c) { return c == point; });
      std::move(piece).split(parts, Behavior::merged_with_next, out);
    }
    pieces = std::move(out);
  };
}

// Scripts as sentencepiece cuts by them: kana count as Han, spaces belong to what is around them.
Parts by_script(std::string_view text) {
  constexpr int kAny = -1;
  const auto script_of = [](char32_t c) -> int {
    if (c == 0x30FC) return USCRIPT_HAN;
    if (c == ' ') return kAny;
    UErrorCode error = U_ZERO_ERROR;
    const int script = icu().uscript_getScript(static_cast<UChar32>(c), &error);
    if (script == USCRIPT_HIRAGANA || script == USCRIPT_KATAKANA) return USCRIPT_HAN;
    return script == USCRIPT_UNKNOWN ? kAny : script;
  };
  Parts parts;
  int last = -2;  // none yet
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    const int script = script_of(next_point(text, at));
    if (script != kAny && script != last) {
      if (!parts.empty()) parts.back().end = begin;
      parts.push_back({begin, text.size(), false});
    }
    if (script != kAny) last = script;
  }
  return parts;
}

Parts of_length(std::string_view text, int64_t length) {
  Parts parts;
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    for (int64_t i = 0; i < length && at < text.size(); ++i) next_point(text, at);
    parts.push_back({begin, at, false});
  }
  return parts;
}

}  // namespace

PreTokenizer make_pre_tokenizer(const Fields& f) {
  const std::string type = f.text("type");
  if (type == "ByteLevel") return byte_level(f);
  if (type == "Metaspace") return metaspace(f);
  if (type == "Whitespace") return cut(words_and_signs, Behavior::removed);
  if (type == "WhitespaceSplit") return cut_where(is_white_space, Behavior::removed);
  if (type == "Punctuation") return cut_where(is_punctuation, behavior_of(f));
  if (type == "Digits")
    return cut_where(
        is_numeric, f.flag("individual_digits", false) ? Behavior::isolated : Behavior::contiguous);
  if (type == "BertPreTokenizer")
    return [spaces = cut_where(is_white_space, Behavior::removed),
            signs = cut_where(is_punctuation, Behavior::isolated)](Pieces& pieces) {
      spaces(pieces), signs(pieces);
    };
  if (type == "CharDelimiterSplit")
    return cut(
        [delimiter = one_character(f, "delimiter", "")](std::string_view text) {
          return parts_where(text, [=](char32_t c) { return c == delimiter; });
        },
        Behavior::removed);
  if (type == "Split")
    return cut(
        [pattern = Pattern(f, "pattern"), invert = f.flag("invert", false)](std::string_view text) {
          return invert ? inverted(pattern.parts(text)) : pattern.parts(text);
        },
        behavior_of(f));
  if (type == "UnicodeScripts") return cut(by_script, Behavior::isolated);
  if (type == "FixedLength")
    return cut([length = f.whole("length", 1, 1 << 30)](
                   std::string_view text) { return of_length(text, length); },
               Behavior::isolated);
  if (type == "Sequence") {
    std::vector<PreTokenizer> all;
    for (const auto& part : f.list("pretokenizers"))
      all.push_back(make_pre_tokenizer({part, f.path("pretokenizers")}));
    return [all](Pieces& pieces) {
      for (const PreTokenizer& pre : all) pre(pieces);
    };
  }
  fail(
      "{}: the pre-tokenizer '{}' is unknown; this version reads ByteLevel, Metaspace, Whitespace, "
      "WhitespaceSplit, BertPreTokenizer, Punctuation, Digits, Split, CharDelimiterSplit, "
      "UnicodeScripts, FixedLength and Sequence",
      f.where(), type);
}

}  // namespace cairn::text
