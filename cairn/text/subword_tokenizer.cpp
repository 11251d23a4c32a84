#include "cairn/text/subword_tokenizer.h"

#include <algorithm>

#include "cairn/io/file.h"
#include "cairn/io/json.h"
#include "cairn/io/repeated_keys.h"
#include "cairn/io/utf8.h"
#include "cairn/text/sentencepiece.h"
#include "cairn/text/unicode.h"

namespace cairn::text {
namespace {

using PlainJson = nlohmann::json;
constexpr int kDeepest = 64;  // of nested parts

PlainJson parse_bounded(std::string_view text, const std::string& name) {
  io::RepeatedKeys keys("'" + name + "'");
  const auto bounded = [&](int depth, PlainJson::parse_event_t event, const PlainJson& parsed) {
    check(depth < kDeepest, "'{}': nested deeper than a tokenizer is", name);
    keys.see(event, parsed);
    return true;
  };
  try {
    return PlainJson::parse(text, bounded);
  } catch (const PlainJson::parse_error& error) {
    fail("'{}' is no tokenizer.json: {}", name,
         io::place_of(text, error.byte > 0 ? error.byte - 1 : 0));
  } catch (const PlainJson::exception&) {
    fail("'{}' is no tokenizer.json: a number is out of range", name);
  }
}

size_t before(std::string_view text, size_t at) {  // the beginning of the character that ends there
  do --at;
  while ((static_cast<unsigned char>(text[at]) & 0xC0) == 0x80);
  return at;
}

// The number of the character that each byte belongs to; empty: all are ASCII.
std::vector<uint32_t> characters_of(std::string_view text) {
  if (std::all_of(text.begin(), text.end(), [](char c) { return c >= 0; })) return {};
  std::vector<uint32_t> numbers;
  numbers.reserve(text.size());
  uint32_t number = 0;
  for (size_t at = 0; at < text.size(); ++number) {
    next_point(text, at);
    numbers.resize(at, number);
  }
  return numbers;
}

Span in_characters(Span bytes, Span otherwise, const std::vector<uint32_t>& numbers, size_t size) {
  if (bytes.begin >= size) return otherwise;
  const auto number = [&](uint32_t byte) { return numbers.empty() ? byte : numbers[byte]; };
  const uint32_t begin = number(bytes.begin);
  if (bytes.end < size) return {begin, number(bytes.end)};
  return {begin, bytes.end == 0 ? begin + 2 : number(bytes.end - 1) + 1};
}

// What is passed over might change the tokens.
void expect_known(const Fields& file) {
  static constexpr const char* kMembers[] = {"version",        "truncation", "padding",
                                             "added_tokens",   "normalizer", "pre_tokenizer",
                                             "post_processor", "decoder",    "model"};
  for (const auto& [key, value] : file.json().items())
    check(std::any_of(std::begin(kMembers), std::end(kMembers),
                      [&, k = key](const char* known) { return k == known; }),
          "{}: \"{}\" is not known here", file.where(), key);
  const std::string version = file.text("version", "1.0");
  check(version == "1.0", "{}: version '{}', and 1.0 is read", file.where(), version);
}

}  // namespace

SubwordTokenizer::SubwordTokenizer(std::string_view json, const std::string& name) {
  parts_ = parse_bounded(json, name);
  const Fields file(parts_, "'" + name + "'");
  check(file.has("model"), "'{}' is no tokenizer.json: it has no \"model\"", name);
  expect_known(file);
  model_ = make_subword_model(file.object("model"));
  if (file.has("normalizer")) normalizer_ = make_normalizer(file.object("normalizer"));
  if (file.has("pre_tokenizer")) pre_tokenizer_ = make_pre_tokenizer(file.object("pre_tokenizer"));
  decoder_ = file.has("decoder") ? make_decoder(file.object("decoder")) : model_->decoder();
  if (file.has("added_tokens")) add_tokens(file);
  if (file.has("post_processor"))
    post_processor_ = make_post_processor(file.object("post_processor"), [this](int64_t id) {
      const std::string* text = token(id);
      return text ? *text : std::string();
    });
  parts_.erase("model"), parts_.erase("added_tokens");
}

std::unique_ptr<SubwordTokenizer> SubwordTokenizer::open(const std::string& path) {
  constexpr uint64_t kLargest = 256 << 20;
  std::string file = io::read_text_file(path, kLargest);
  if (is_sentencepiece(file)) file = sentencepiece_tokenizer(file, path);
  return std::make_unique<SubwordTokenizer>(file, path);
}

void SubwordTokenizer::add_tokens(const Fields& file) {
  for (const PlainJson& entry : file.list("added_tokens")) {
    const Fields f(entry, file.path("added_tokens"));
    AddedToken t;
    t.id = f.whole("id", 0, (1 << 24) - 1), t.content = f.text("content");
    t.single_word = f.flag("single_word", false);
    t.lstrip = f.flag("lstrip", false), t.rstrip = f.flag("rstrip", false);
    t.special = f.flag("special", false), t.normalized = f.flag("normalized", !t.special);
    check(!t.content.empty(), "{}: token {} is empty", f.where(), t.id);
    const auto known = model_->vocabulary().find(t.content);
    check(!known || *known == t.id, "{}: '{}' has number {} here and {} in the model", f.where(),
          t.content, t.id, known.value_or(0));
    const std::string* other = model_->vocabulary().token(t.id);
    check(!other || *other == t.content, "{}: number {} is '{}' here and '{}' in the model",
          f.where(), t.id, t.content, other ? *other : "");
    check(!added_by_id_.contains(t.id) && !added_by_text_.contains(t.content),
          "{}: '{}' or its number {} occurs twice", f.where(), t.content, t.id);
    added_by_id_[t.id] = added_.size(), added_by_text_[t.content] = t.id;
    added_.push_back(std::move(t));
  }
  for (const AddedToken& t : added_) {  // their places do not change any more
    std::string text = t.content;
    if (t.normalized && normalizer_) {
      Normalized n(text);
      normalizer_(n);
      text = n.text();
    }
    if (text.empty()) continue;
    auto& list =
        (t.normalized ? normalized_ : plain_).by_first[static_cast<unsigned char>(text[0])];
    list.emplace_back(std::move(text), &t);
  }
  for (Finder* finder : {&plain_, &normalized_})
    for (auto& [first, list] : finder->by_first)
      std::stable_sort(list.begin(), list.end(), [](const auto& a, const auto& b) {
        return a.first.size() > b.first.size();
      });
}

std::vector<SubwordTokenizer::Found> SubwordTokenizer::find_added(const Finder& finder,
                                                                  std::string_view text,
                                                                  bool parse_special) {
  std::vector<Found> parts;
  size_t done = 0;
  const auto match_at = [&](size_t at) -> const std::pair<std::string, const AddedToken*>* {
    const auto list = finder.by_first.find(static_cast<unsigned char>(text[at]));
    if (list == finder.by_first.end()) return nullptr;
    for (const auto& entry : list->second)
      if (text.substr(at).starts_with(entry.first)) return &entry;
    return nullptr;
  };
  for (size_t at = 0; at < text.size() && !finder.by_first.empty();) {
    const auto* match = match_at(at);
    if (match == nullptr) {
      ++at;
      continue;
    }
    size_t begin = at, end = at + match->first.size();
    at = end;
    const AddedToken& t = *match->second;
    if (t.special && !parse_special) continue;
    if (t.single_word) {
      size_t left = begin > 0 ? before(text, begin) : 0, right = end;
      if ((begin > 0 && is_word_character(next_point(text, left))) ||
          (end < text.size() && is_word_character(next_point(text, right))))
        continue;
    }
    for (size_t left = begin; t.lstrip && begin > done; begin = left) {
      size_t next = left = before(text, begin);
      if (!is_white_space(next_point(text, next))) break;
    }
    for (size_t next = end; t.rstrip && end < text.size(); end = next)
      if (!is_white_space(next_point(text, next))) break;
    if (done < begin) parts.push_back({done, begin, nullptr});
    parts.push_back({begin, end, &t});
    done = end, at = std::max(at, end);
  }
  if (done < text.size()) parts.push_back({done, text.size(), nullptr});
  return parts;
}

Encoding SubwordTokenizer::raw(std::string_view text, const std::string& name,
                               bool parse_special) const {
  const size_t bad = io::find_invalid_utf8(text);
  check(bad == std::string_view::npos,
        "'{}', byte {}: not UTF-8; convert the text (iconv -t UTF-8)", name, bad);
  Encoding e;
  const auto numbers = characters_of(text);
  const auto put = [&](const Normalized& piece, const Token& t) {
    e.ids.push_back(t.id);
    e.offsets.push_back(
        in_characters(piece.original(t.begin, t.end), {t.begin, t.end}, numbers, text.size()));
  };
  const auto put_added = [&](const Normalized& piece, const AddedToken& t) {
    put(piece, {t.id, 0, static_cast<uint32_t>(piece.text().size())});
  };
  std::vector<Token> tokens;
  std::vector<Normalized> pieces;
  const Normalized whole(text);
  for (const Found& outer : find_added(plain_, text, parse_special)) {
    Normalized part = whole.slice(outer.begin, outer.end);
    if (outer.token) {
      put_added(part, *outer.token);
      continue;
    }
    if (normalizer_) normalizer_(part);
    for (const Found& inner : find_added(normalized_, part.text(), parse_special)) {
      pieces.clear();
      pieces.push_back(part.slice(inner.begin, inner.end));
      if (inner.token) {
        put_added(pieces[0], *inner.token);
        continue;
      }
      if (pre_tokenizer_) pre_tokenizer_(pieces);
      for (const Normalized& piece : pieces) {
        if (piece.empty()) continue;
        tokens.clear();
        model_->tokenize(piece.text(), tokens);
        for (const Token& t : tokens) put(piece, t);
      }
    }
  }
  e.type_ids.assign(e.ids.size(), 0), e.special.assign(e.ids.size(), false);
  return e;
}

Encoding SubwordTokenizer::encode(std::string_view text, const std::string& name,
                                  const EncodeOptions& options) const {
  std::vector<Encoding> all = {raw(text, name, options.parse_special)};
  if (post_processor_) post_processor_(all, options.add_special);
  return std::move(all[0]);
}

Encoding SubwordTokenizer::encode_pair(std::string_view first, std::string_view second,
                                       const std::string& name,
                                       const EncodeOptions& options) const {
  std::vector<Encoding> all = {raw(first, name, options.parse_special),
                               raw(second, name, options.parse_special)};
  all[1].type_ids.assign(all[1].ids.size(), 1);
  if (post_processor_) post_processor_(all, options.add_special);
  Encoding joined = std::move(all[0]);
  for (size_t i = 1; i < all.size(); ++i) {
    joined.ids.insert(joined.ids.end(), all[i].ids.begin(), all[i].ids.end());
    joined.offsets.insert(joined.offsets.end(), all[i].offsets.begin(), all[i].offsets.end());
    joined.type_ids.insert(joined.type_ids.end(), all[i].type_ids.begin(), all[i].type_ids.end());
    joined.special.insert(joined.special.end(), all[i].special.begin(), all[i].special.end());
  }
  return joined;
}

std::vector<int64_t> SubwordTokenizer::encode(std::string_view text,
                                              const std::string& name) const {
  return raw(text, name, false).ids;
}

std::string SubwordTokenizer::decode(const std::vector<int64_t>& tokens, bool skip_special) const {
  std::vector<std::string> texts;
  for (const int64_t id : tokens) {
    const std::string* text = token(id);
    check(text != nullptr, "decode: there is no token {}; the vocabulary ends at {}", id,
          size() - 1);
    if (!skip_special || !is_special(id)) texts.push_back(*text);
  }
  std::string all;
  if (decoder_) decoder_(texts);
  for (size_t i = 0; i < texts.size(); ++i) (all += i && !decoder_ ? " " : "") += texts[i];
  return all;
}

std::string SubwordTokenizer::decode(const std::vector<int64_t>& tokens) const {
  return decode(tokens, true);
}

int64_t SubwordTokenizer::size() const {
  const int64_t added = added_by_id_.empty() ? 0 : added_by_id_.rbegin()->first + 1;
  return std::max(added, model_->vocabulary().end());
}

std::optional<int64_t> SubwordTokenizer::find(std::string_view token) const {
  const auto found = added_by_text_.find(token);
  if (found != added_by_text_.end()) return found->second;
  return model_->vocabulary().find(token);
}

const std::string* SubwordTokenizer::token(int64_t id) const {
  const auto found = added_by_id_.find(id);
  if (found != added_by_id_.end()) return &added_[found->second].content;
  return model_->vocabulary().token(id);
}

// By its text: a vocabulary may have it under a second number.
bool SubwordTokenizer::is_special(int64_t id) const {
  const std::string* text = token(id);
  if (text == nullptr) return false;
  const auto found = added_by_text_.find(*text);
  return found != added_by_text_.end() && added_[added_by_id_.at(found->second)].special;
}

void SubwordTokenizer::pieces_of(std::string_view text, std::vector<Normalized>& out) const {
  out.clear();
  out.emplace_back(text);
  if (normalizer_) normalizer_(out[0]);
  if (pre_tokenizer_) pre_tokenizer_(out);
}

std::string SubwordTokenizer::to_json() const {
  std::string added;
  for (const auto& [id, place] : added_by_id_) {
    const AddedToken& t = added_[place];
    added += fmt::format(
        R"({}{{"id":{},"content":{},"single_word":{},"lstrip":{},"rstrip":{},"normalized":{},)"
        R"("special":{}}})",
        added.empty() ? "" : ",", id, PlainJson(t.content).dump(), t.single_word, t.lstrip,
        t.rstrip, t.normalized, t.special);
  }
  const auto part = [&](const char* key) {
    return parts_.contains(key) ? parts_[key].dump() : std::string("null");
  };
  return fmt::format(
      R"({{"version":"1.0","truncation":{},"padding":{},"added_tokens":[{}],"normalizer":{},)"
      R"("pre_tokenizer":{},"post_processor":{},"decoder":{},"model":{}}})",
      part("truncation"), part("padding"), added, part("normalizer"), part("pre_tokenizer"),
      part("post_processor"), part("decoder"), model_->to_json());
}

}  // namespace cairn::text
