#include "cairn/metrics/porter.h"

#include <algorithm>
#include <span>
#include <vector>

namespace cairn::metrics {
namespace {

bool is_vowel_letter(char c) { return c == 'a' || c == 'e' || c == 'i' || c == 'o' || c == 'u'; }

// Which letters are consonants: y is one at the beginning and after a vowel.
std::vector<bool> consonants(std::string_view word) {
  std::vector<bool> flags(word.size());
  for (size_t i = 0; i < word.size(); ++i)
    flags[i] = word[i] == 'y' ? i == 0 || !flags[i - 1] : !is_vowel_letter(word[i]);
  return flags;
}

// How often a vowel is followed by a consonant: m in the paper.
int measure(std::string_view stem) {
  const auto c = consonants(stem);
  int m = 0;
  for (size_t i = 1; i < c.size(); ++i) m += !c[i - 1] && c[i];
  return m;
}

bool has_vowel(std::string_view stem) {
  const auto c = consonants(stem);
  return std::find(c.begin(), c.end(), false) != c.end();
}

bool ends_double_consonant(std::string_view word) {
  const size_t n = word.size();
  return n >= 2 && word[n - 1] == word[n - 2] && consonants(word).back();
}

// Consonant, vowel, consonant other than w, x, y; or just vowel and consonant.
bool ends_short(std::string_view word) {
  const size_t n = word.size();
  const auto c = consonants(word);
  if (n == 2) return !c[0] && c[1];
  return n >= 3 && c[n - 3] && !c[n - 2] && c[n - 1] && word[n - 1] != 'w' && word[n - 1] != 'x' &&
         word[n - 1] != 'y';
}

struct Rule {
  std::string_view suffix, by;
};

std::string_view cut(std::string_view word, std::string_view suffix) {
  return word.substr(0, word.size() - suffix.size());
}

// The first rule whose suffix the word has decides: it is applied where the stem may be shortened.
template <class May>
std::string apply(std::string_view word, std::span<const Rule> rules, May may) {
  for (const auto& [suffix, by] : rules)
    if (word.ends_with(suffix)) {
      const std::string_view stem = cut(word, suffix);
      return may(stem, suffix) ? std::string(stem) += by : std::string(word);
    }
  return std::string(word);
}
bool always(std::string_view, std::string_view) { return true; }
bool where_measured(std::string_view stem, std::string_view) { return measure(stem) > 0; }

// Plurals.
std::string step_1a(std::string_view word) {
  static constexpr Rule kRules[] = {{"sses", "ss"}, {"ies", "i"}, {"ss", "ss"}, {"s", ""}};
  if (word.size() == 4 && word.ends_with("ies")) return std::string(cut(word, "s"));
  return apply(word, kRules, always);
}

// -ed and -ing; what is left gets its e back or loses its doubled letter.
std::string step_1b(std::string_view word) {
  if (word.ends_with("ied")) return std::string(cut(word, word.size() == 4 ? "d" : "ed"));
  if (word.ends_with("eed"))
    return std::string(measure(cut(word, "eed")) > 0 ? cut(word, "d") : word);
  std::string_view stem;
  for (const std::string_view suffix : {"ed", "ing"})
    if (stem.empty() && word.ends_with(suffix) && has_vowel(cut(word, suffix)))
      stem = cut(word, suffix);
  if (stem.empty()) return std::string(word);
  for (const std::string_view suffix : {"at", "bl", "iz"})
    if (stem.ends_with(suffix)) return std::string(stem) += 'e';
  const char last = stem.back();
  if (ends_double_consonant(stem))
    return std::string(last == 'l' || last == 's' || last == 'z' ? stem
                                                                 : stem.substr(0, stem.size() - 1));
  return measure(stem) == 1 && ends_short(stem) ? std::string(stem) += 'e' : std::string(stem);
}

std::string step_1c(std::string_view word) {
  static constexpr Rule kRules[] = {{"y", "i"}};
  return apply(word, kRules, [](std::string_view stem, std::string_view) {
    return stem.size() > 1 && consonants(stem).back();
  });
}

std::string step_2(std::string_view word) {
  static constexpr Rule kRules[] = {
      {"ational", "ate"}, {"tional", "tion"}, {"enci", "ence"},   {"anci", "ance"},
      {"izer", "ize"},    {"bli", "ble"},     {"alli", "al"},     {"entli", "ent"},
      {"eli", "e"},       {"ousli", "ous"},   {"ization", "ize"}, {"ation", "ate"},
      {"ator", "ate"},    {"alism", "al"},    {"iveness", "ive"}, {"fulness", "ful"},
      {"ousness", "ous"}, {"aliti", "al"},    {"iviti", "ive"},   {"biliti", "ble"},
      {"fulli", "ful"},   {"logi", "log"}};
  if (word.ends_with("alli") && measure(cut(word, "alli")) > 0) return step_2(cut(word, "li"));
  return apply(word, kRules, [&](std::string_view stem, std::string_view suffix) {
    return measure(suffix == "logi" ? cut(word, "ogi") : stem) > 0;
  });
}

std::string step_3(std::string_view word) {
  static constexpr Rule kRules[] = {{"icate", "ic"}, {"ative", ""},  {"alize", "al"},
                                    {"iciti", "ic"}, {"ical", "ic"}, {"ful", ""},
                                    {"ness", ""}};
  return apply(word, kRules, where_measured);
}

std::string step_4(std::string_view word) {
  static constexpr Rule kRules[] = {{"al", ""},    {"ance", ""}, {"ence", ""}, {"er", ""},
                                    {"ic", ""},    {"able", ""}, {"ible", ""}, {"ant", ""},
                                    {"ement", ""}, {"ment", ""}, {"ent", ""},  {"ion", ""},
                                    {"ou", ""},    {"ism", ""},  {"ate", ""},  {"iti", ""},
                                    {"ous", ""},   {"ive", ""},  {"ize", ""}};
  return apply(word, kRules, [](std::string_view stem, std::string_view suffix) {
    return measure(stem) > 1 && (suffix != "ion" || stem.back() == 's' || stem.back() == 't');
  });
}

std::string step_5(std::string word) {
  if (word.ends_with('e')) {
    const std::string_view stem = cut(word, "e");
    const int m = measure(stem);
    if (m > 1 || (m == 1 && !ends_short(stem))) word.pop_back();
  }
  if (word.ends_with("ll") && measure(cut(word, "l")) > 1) word.pop_back();
  return word;
}

}  // namespace

std::string porter_stem(std::string_view word) {
  static constexpr Rule kIrregular[] = {
      {"sky", "sky"},        {"skies", "sky"},        {"dying", "die"},
      {"lying", "lie"},      {"tying", "tie"},        {"news", "news"},
      {"innings", "inning"}, {"inning", "inning"},    {"outings", "outing"},
      {"outing", "outing"},  {"cannings", "canning"}, {"canning", "canning"},
      {"howe", "howe"},      {"proceed", "proceed"},  {"exceed", "exceed"},
      {"succeed", "succeed"}};
  for (const auto& [form, stem] : kIrregular)
    if (word == form) return std::string(stem);
  if (word.size() <= 2) return std::string(word);
  return step_5(step_4(step_3(step_2(step_1c(step_1b(step_1a(word)))))));
}

}  // namespace cairn::metrics
