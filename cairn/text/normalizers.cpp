#include "cairn/text/normalizers.h"

#include <algorithm>

#include "cairn/io/base64.h"
#include "cairn/text/charsmap.h"
#include "cairn/text/icu.h"
#include "cairn/text/regex.h"
#include "cairn/text/unicode.h"

namespace cairn::text {
namespace {

using Changes = std::vector<Normalized::Change>;

bool is_mark(char32_t c) { return (category_mask(c) & U_GC_M_MASK) != 0; }

const UNormalizer2* form(bool compatible) {
  UErrorCode error = U_ZERO_ERROR;
  const UNormalizer2* n =
      compatible ? icu().unorm2_getNFKCInstance(&error) : icu().unorm2_getNFCInstance(&error);
  check(U_SUCCESS(error), "Unicode: ICU has no normal forms ({})", icu().u_errorName(error));
  return n;
}

// Full decompositions in canonical order; what a character becomes beyond one is new.
Changes decomposed(const Normalized& text, const UNormalizer2* form) {
  Changes all;
  size_t run = 0;  // where the marks begin that are still put into order
  const auto combining = [](const Normalized::Change& c) {
    return icu().u_getCombiningClass(static_cast<UChar32>(c.point));
  };
  const auto put = [&](char32_t point, int32_t change) {
    if (icu().u_getCombiningClass(static_cast<UChar32>(point)) == 0) {
      std::stable_sort(all.begin() + static_cast<std::ptrdiff_t>(run), all.end(),
                       [&](const auto& a, const auto& b) { return combining(a) < combining(b); });
      all.push_back({point, change});
      run = all.size();
    } else all.push_back({point, change});
  };
  text.each([&](char32_t c) {
    UChar parts[64];
    UErrorCode error = U_ZERO_ERROR;
    const int32_t size =
        c < 0x80 ? -1
                 : icu().unorm2_getDecomposition(form, static_cast<UChar32>(c), parts, 64, &error);
    if (size < 0) return put(c, 0);
    for (int32_t i = 0, at = 0; at < size; ++i) {
      UChar32 point = 0;
      U16_NEXT(parts, at, size, point);
      put(static_cast<char32_t>(point), i == 0 ? 0 : 1);
    }
  });
  std::stable_sort(all.begin() + static_cast<std::ptrdiff_t>(run), all.end(),
                   [&](const auto& a, const auto& b) { return combining(a) < combining(b); });
  return all;
}

// Canonical composition. What is composed stands for all its parts.
Changes composed(const Changes& in) {
  Changes out;
  size_t starter = SIZE_MAX;
  int last_class = -1;  // of what stays between the starter and here; -1: nothing
  for (const auto& [point, change] : in) {
    const int combining = icu().u_getCombiningClass(static_cast<UChar32>(point));
    if (starter != SIZE_MAX && last_class < combining) {
      const UChar32 both = icu().unorm2_composePair(
          form(false), static_cast<UChar32>(out[starter].point), static_cast<UChar32>(point));
      if (both >= 0) {
        out[starter] = {static_cast<char32_t>(both), out[starter].change + change - 1};
        continue;
      }
    }
    out.push_back({point, change});
    if (combining == 0) starter = out.size() - 1, last_class = -1;
    else last_class = combining;
  }
  return out;
}

Normalizer normal_form(bool composes, bool compatible) {
  return [=](Normalized& text) {
    if (std::all_of(text.text().begin(), text.text().end(), [](char c) { return c >= 0; })) return;
    const Changes parts = decomposed(text, form(compatible));
    text.transform(composes ? composed(parts) : parts);
  };
}

// Character by character: a sigma at the end stays what it is.
void lower_case(Normalized& text) {
  Changes changes;
  text.each([&](char32_t c) {
    if (c == 0x130) changes.insert(changes.end(), {{'i', 0}, {0x307, 1}});
    else changes.push_back({static_cast<char32_t>(icu().u_tolower(static_cast<UChar32>(c))), 0});
  });
  text.transform(changes);
}

bool is_bert_control(char32_t c) {
  if (c == '\t' || c == '\n' || c == '\r') return false;
  return (category_mask(c) & (U_GC_CC_MASK | U_GC_CF_MASK | U_GC_CO_MASK | U_GC_CS_MASK)) != 0;
}
bool is_bert_ideograph(char32_t c) {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) ||
         (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2B73F) ||
         (c >= 0x2B740 && c <= 0x2B81F) || (c >= 0x2B920 && c <= 0x2CEAF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

Normalizer bert_normalizer(const Fields& f) {
  const bool cleans = f.flag("clean_text", true), lowers = f.flag("lowercase", true);
  const bool ideographs = f.flag("handle_chinese_chars", true);
  const bool strips = f.flag("strip_accents", lowers);
  return [=, decompose = normal_form(false, false)](Normalized& text) {
    if (cleans) {
      text.filter([](char32_t c) { return c != 0 && c != 0xFFFD && !is_bert_control(c); });
      text.map([](char32_t c) { return is_white_space(c) ? U' ' : c; });
    }
    if (ideographs) {
      Changes changes;
      text.each([&](char32_t c) {
        if (is_bert_ideograph(c)) changes.insert(changes.end(), {{' ', 0}, {c, 1}, {' ', 1}});
        else changes.push_back({c, 0});
      });
      text.transform(changes);
    }
    if (strips) {
      decompose(text);
      text.filter([](char32_t c) { return category_mask(c) != U_GC_MN_MASK; });
    }
    if (lowers) lower_case(text);
  };
}

void nmt(Normalized& text) {
  text.filter([](char32_t c) {
    return !((c >= 1 && c <= 8) || c == 0xB || (c >= 0xE && c <= 0x1F) || c == 0x7F || c == 0x8F ||
             c == 0x9F);
  });
  text.map([](char32_t c) {
    const bool space = c == 9 || c == 0xA || c == 0xC || c == 0xD || c == 0x1680 ||
                       (c >= 0x200B && c <= 0x200F) || c == 0x2028 || c == 0x2029 || c == 0x2581 ||
                       c == 0xFEFF || c == 0xFFFD;
    return space ? U' ' : c;
  });
}

// What sentencepiece does to text: the longest rule at each place, from left to right. (Hugging
// Face's library takes the shortest and looks at whole clusters of fewer than six bytes, where it
// loses marks that no rule names.)
Normalizer precompiled(const Fields& f) {
  const auto bytes = io::from_base64(f.text("precompiled_charsmap"));
  check(bytes.has_value(), "{}: is no base64", f.path("precompiled_charsmap"));
  if (bytes->empty()) return [](Normalized&) {};
  const auto map = std::make_shared<Charsmap>(*bytes, f.path("precompiled_charsmap"));
  return [map](Normalized& text) {
    Changes changes;
    size_t removed_before = 0;
    bool changed = false;
    for (std::string_view left = text.text(); !left.empty();) {
      const Charsmap::Rule rule = map->longest(left);
      size_t size = 0;
      if (rule.size == 0) {
        changes.push_back({next_point(left, size), 0});
      } else {
        int32_t old_points = 0, points = 0;
        while (size < rule.size) next_point(left, size), ++old_points;
        for (size_t at = 0; at < rule.by.size(); ++points)
          changes.push_back({next_point(rule.by, at), points < old_points ? 0 : 1});
        const int32_t gone = std::max(old_points - points, 0);
        if (!changes.empty()) changes.back().change -= gone;
        else removed_before += static_cast<size_t>(gone);
        changed = true;
      }
      left.remove_prefix(size);
    }
    if (changed) text.transform(changes, removed_before);
  };
}

}  // namespace

// In text/pre_tokenizers.cpp, which cuts by bytes too.
void to_byte_characters(Normalized& text);

Normalizer make_normalizer(const Fields& f) {
  const std::string type = f.text("type");
  if (type == "NFC") return normal_form(true, false);
  if (type == "NFD") return normal_form(false, false);
  if (type == "NFKC") return normal_form(true, true);
  if (type == "NFKD") return normal_form(false, true);
  if (type == "Lowercase") return lower_case;
  if (type == "Nmt") return nmt;
  if (type == "Precompiled") return precompiled(f);
  if (type == "ByteLevel") return to_byte_characters;
  if (type == "BertNormalizer") return bert_normalizer(f);
  if (type == "StripAccents")
    return [](Normalized& text) { text.filter([](char32_t c) { return !is_mark(c); }); };
  if (type == "Strip")
    return [left = f.flag("strip_left", true),
            right = f.flag("strip_right", true)](Normalized& text) { text.strip(left, right); };
  if (type == "Prepend")
    return [before = f.text("prepend")](Normalized& text) { text.prepend(before); };
  if (type == "Replace")
    return [pattern = Pattern(f, "pattern"), by = f.text("content")](Normalized& text) {
      text.replace(pattern.parts(text.text()), by);
    };
  if (type == "Sequence") {
    std::vector<Normalizer> all;
    for (const auto& part : f.list("normalizers"))
      all.push_back(make_normalizer({part, f.path("normalizers")}));
    return [all](Normalized& text) {
      for (const Normalizer& normalize : all) normalize(text);
    };
  }
  fail(
      "{}: the normalizer '{}' is unknown; this version reads NFC, NFD, NFKC, NFKD, Lowercase, "
      "Strip, StripAccents, BertNormalizer, Prepend, Precompiled, Replace, Nmt, ByteLevel and "
      "Sequence",
      f.where(), type);
}

Pattern::Pattern(const Fields& part, const char* key) {
  const Fields f = part.object(key);
  if (f.has("String")) literal_ = f.text("String");
  else check(f.has("Regex"), "{}: neither \"String\" nor \"Regex\"", f.where());
  const Regex regex(f.has("String") ? escape_regex(literal_) : f.text("Regex"), f.where());
  const bool never = f.has("String") && literal_.empty();
  parts_ = [regex, never](std::string_view text) {
    Parts parts;
    size_t done = 0;
    if (!never)
      regex.each(text, [&](size_t begin, size_t end) {
        if (done < begin) parts.push_back({done, begin, false});
        parts.push_back({begin, end, true});
        done = end;
      });
    if (done < text.size()) parts.push_back({done, text.size(), false});
    return parts;
  };
}

Parts Pattern::parts(std::string_view text) const { return parts_(text); }

}  // namespace cairn::text
