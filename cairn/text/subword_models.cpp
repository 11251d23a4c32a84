#include "cairn/text/subword_models.h"

#include <algorithm>
#include <cmath>

#include "cairn/io/utf8.h"
#include "cairn/text/byte_trie.h"
#include "cairn/text/sentencepiece.h"
#include "cairn/text/unicode.h"

namespace cairn::text {

constexpr int64_t kMostTokens = 1 << 24;

void Vocabulary::add(std::string token, int64_t id, const std::string& where) {
  check(id >= 0 && id < kMostTokens, "{}: token number {} is not among 0 .. {}", where, id,
        kMostTokens - 1);
  check(io::find_invalid_utf8(token) == std::string::npos, "{}: token {} is not UTF-8", where, id);
  if (id >= end()) tokens_.resize(static_cast<size_t>(id) + 1);
  auto& place = tokens_[static_cast<size_t>(id)];
  check(!place, "{}: tokens '{}' and '{}' have one number, {}", where, place.value_or(""), token,
        id);
  check(ids_.emplace(token, id).second, "{}: '{}' occurs twice", where, token);
  place = std::move(token);
}

void Vocabulary::add_next(std::string token, const std::string& where) {
  check(end() < kMostTokens, "{}: more than {} tokens", where, kMostTokens);
  check(io::find_invalid_utf8(token) == std::string::npos, "{}: token {} is not UTF-8", where,
        end());
  ids_[token] = end();
  tokens_.emplace_back(std::move(token));
}

std::optional<int64_t> Vocabulary::find(std::string_view token) const {
  const auto found = ids_.find(token);
  if (found == ids_.end()) return std::nullopt;
  return found->second;
}

const std::string* Vocabulary::token(int64_t id) const {
  if (id < 0 || id >= end() || !tokens_[static_cast<size_t>(id)]) return nullptr;
  return &*tokens_[static_cast<size_t>(id)];
}

namespace {

using PlainJson = nlohmann::json;

std::string vocabulary_json(const Vocabulary& v) {
  std::string text = "{";
  for (int64_t id = 0; id < v.end(); ++id)
    if (const std::string* token = v.token(id))
      text += fmt::format("{}{}:{}", text.size() > 1 ? "," : "", PlainJson(*token).dump(), id);
  return text + "}";
}

class WordPiece : public SubwordModel {
 public:
  WordPiece(Vocabulary vocabulary, std::string unk, std::string prefix, int64_t longest)
      : unk_(std::move(unk)), prefix_(std::move(prefix)), longest_(longest) {
    vocabulary_ = std::move(vocabulary);
  }
  const char* type() const override { return "WordPiece"; }

  // The longest token that the piece begins with, then of the rest; all or nothing.
  void tokenize(std::string_view piece, std::vector<Token>& out) const override {
    const size_t before = out.size();
    if (characters(piece) > longest_) return unknown(piece, before, out);
    std::string candidate;
    for (size_t begin = 0; begin < piece.size();) {
      const std::string_view prefix = begin > 0 ? std::string_view(prefix_) : "";
      (candidate = prefix) += piece.substr(begin);
      std::optional<int64_t> id;
      while (candidate.size() > prefix.size() && !(id = vocabulary_.find(candidate))) {
        while ((candidate.back() & 0xC0) == 0x80) candidate.pop_back();
        candidate.pop_back();
      }
      if (!id) return unknown(piece, before, out);
      const size_t end = begin + candidate.size() - prefix.size();
      out.push_back({*id, static_cast<uint32_t>(begin), static_cast<uint32_t>(end)});
      begin = end;
    }
  }

  std::string to_json() const override {
    return fmt::format(R"({{"type":"WordPiece","unk_token":{},"continuing_subword_prefix":{},)"
                       R"("max_input_chars_per_word":{},"vocab":{}}})",
                       PlainJson(unk_).dump(), PlainJson(prefix_).dump(), longest_,
                       vocabulary_json(vocabulary_));
  }

 private:
  static int64_t characters(std::string_view piece) {
    return std::count_if(piece.begin(), piece.end(), [](char c) { return (c & 0xC0) != 0x80; });
  }
  void unknown(std::string_view piece, size_t before, std::vector<Token>& out) const {
    const auto id = vocabulary_.find(unk_);
    check(id.has_value(), "WordPiece: the unknown token '{}' is not in the vocabulary", unk_);
    out.resize(before);
    out.push_back({*id, 0, static_cast<uint32_t>(piece.size())});
  }

  std::string unk_, prefix_;
  int64_t longest_;
};

class WordLevel : public SubwordModel {
 public:
  WordLevel(Vocabulary vocabulary, std::string unk) : unk_(std::move(unk)) {
    vocabulary_ = std::move(vocabulary);
  }
  const char* type() const override { return "WordLevel"; }
  void tokenize(std::string_view piece, std::vector<Token>& out) const override {
    auto id = vocabulary_.find(piece);
    if (!id) id = vocabulary_.find(unk_);
    check(id.has_value(), "WordLevel: neither '{}' nor the unknown token '{}' is in the vocabulary",
          piece, unk_);
    out.push_back({*id, 0, static_cast<uint32_t>(piece.size())});
  }
  std::string to_json() const override {
    return fmt::format(R"({{"type":"WordLevel","vocab":{},"unk_token":{}}})",
                       vocabulary_json(vocabulary_), PlainJson(unk_).dump());
  }

 private:
  std::string unk_;
};

class Unigram : public SubwordModel {
 public:
  Unigram(const std::vector<std::pair<std::string, double>>& pieces, std::optional<int64_t> unk,
          bool byte_fallback, const std::string& where)
      : unk_(unk), byte_fallback_(byte_fallback) {
    check(!unk || (*unk >= 0 && *unk < static_cast<int64_t>(pieces.size())),
          "{}: \"unk_id\" {} is not among the {} entries of \"vocab\"", where, unk.value_or(0),
          pieces.size());
    for (const auto& [token, score] : pieces) {
      check(std::isfinite(score), "{}: the score of '{}' is not finite", where, token);
      const auto id = static_cast<int64_t>(scores_.size());
      vocabulary_.add_next(token, where);
      scores_.push_back(score);
      least_ = std::min(least_, score);
      trie_.insert(token, id);
    }
    for (int byte = 0; byte < 256 && byte_fallback; ++byte)
      bytes_.push_back(vocabulary_.find(fmt::format("<0x{:02X}>", byte)));
  }
  const char* type() const override { return "Unigram"; }

  // The most likely way to cut (Viterbi 1967); characters that no token has count as the least
  // likely one and ten nats more.
  void tokenize(std::string_view piece, std::vector<Token>& out) const override {
    struct Best {
      int64_t id = -1;
      size_t begin = SIZE_MAX;
      double score = 0;
    };
    std::vector<Best> best(piece.size() + 1);
    const auto offer = [&](size_t begin, size_t end, int64_t id, double score) {
      Best& b = best[end];
      score += best[begin].score;
      if (b.begin == SIZE_MAX || score > b.score) b = {id, begin, score};
    };
    for (size_t begin = 0; begin < piece.size();) {
      size_t next = begin;
      next_point(piece, next);
      bool single = false;
      trie_.each(piece, begin, [&](int64_t id, size_t end) {
        offer(begin, end, id, scores_[static_cast<size_t>(id)]);
        single = single || end == next;
      });
      if (!single) offer(begin, next, unk_.value_or(-1), least_ - 10.0);
      begin = next;
    }
    std::vector<Token> backwards;
    for (size_t end = piece.size(); end > 0; end = best[end].begin) {
      const auto begin = static_cast<uint32_t>(best[end].begin);
      const bool unknown = unk_ && best[end].id == *unk_;
      if (unknown && !backwards.empty() && backwards.back().id == *unk_)
        backwards.back().begin = begin;
      else backwards.push_back({best[end].id, begin, static_cast<uint32_t>(end)});
    }
    for (size_t i = backwards.size(); i-- > 0;) put(piece, backwards[i], out);
  }

  std::string to_json() const override {
    std::string text = fmt::format(R"({{"type":"Unigram","unk_id":{},"vocab":[)",
                                   unk_ ? std::to_string(*unk_) : "null");
    for (size_t id = 0; id < scores_.size(); ++id)
      text +=
          fmt::format("{}{}", id ? "," : "",
                      PlainJson{*vocabulary_.token(static_cast<int64_t>(id)), scores_[id]}.dump());
    return text + fmt::format(R"(],"byte_fallback":{}}})", byte_fallback_);
  }

 private:
  void put(std::string_view piece, Token t, std::vector<Token>& out) const {
    const std::string_view text = piece.substr(t.begin, t.end - t.begin);
    if (const auto id = vocabulary_.find(text)) return out.push_back({*id, t.begin, t.end});
    if (byte_fallback_ && std::all_of(text.begin(), text.end(), [&](char b) {
          return bytes_[static_cast<unsigned char>(b)].has_value();
        })) {
      for (const char b : text)
        out.push_back({*bytes_[static_cast<unsigned char>(b)], t.begin, t.end});
      return;
    }
    check(unk_.has_value(), "Unigram: '{}' is in no token, and there is none for the unknown",
          text);
    out.push_back({*unk_, t.begin, t.end});
  }

  std::vector<double> scores_;
  double least_ = 0;
  std::optional<int64_t> unk_;
  bool byte_fallback_;
  std::vector<std::optional<int64_t>> bytes_;
  ByteTrie trie_;
};

Vocabulary read_vocabulary(const Fields& f) {
  const PlainJson& vocab = f.at("vocab");
  check(vocab.is_object(), "{}: an object of tokens and their numbers is wanted", f.path("vocab"));
  Vocabulary v;
  for (const auto& [token, id] : vocab.items()) {
    check(id.is_number_integer(), "{}: the number of '{}' is {}", f.path("vocab"), token,
          id.dump());
    v.add(token, id.get<int64_t>(), f.path("vocab"));
  }
  return v;
}

// ["a", "b"], or "a b" in older files.
Merges read_merges(const Fields& f) {
  Merges merges;
  for (const PlainJson& entry : f.list("merges")) {
    if (entry.is_array() && entry.size() == 2 && entry[0].is_string() && entry[1].is_string()) {
      merges.emplace_back(entry[0].get<std::string>(), entry[1].get<std::string>());
      continue;
    }
    const std::string text = entry.is_string() ? entry.get<std::string>() : "";
    const size_t space = text.find(' ');
    check(space != std::string::npos && text.find(' ', space + 1) == std::string::npos,
          "{}: entry {} is not two tokens", f.path("merges"), merges.size());
    merges.emplace_back(text.substr(0, space), text.substr(space + 1));
  }
  return merges;
}

std::unique_ptr<SubwordModel> read_unigram(const Fields& f) {
  std::vector<std::pair<std::string, double>> pieces;
  for (const PlainJson& entry : f.list("vocab")) {
    check(entry.is_array() && entry.size() == 2 && entry[0].is_string() && entry[1].is_number(),
          "{}: entry {} is not a token and its score", f.path("vocab"), pieces.size());
    pieces.emplace_back(entry[0].get<std::string>(), entry[1].get<double>());
  }
  std::optional<int64_t> unk;
  if (f.has("unk_id")) unk = f.whole("unk_id", 0, kMostTokens);
  return make_unigram(pieces, unk, f.flag("byte_fallback", false), f.where());
}

}  // namespace

std::unique_ptr<SubwordModel> make_word_piece(Vocabulary vocabulary, std::string unk_token,
                                              std::string prefix, int64_t longest) {
  return std::make_unique<WordPiece>(std::move(vocabulary), std::move(unk_token), std::move(prefix),
                                     longest);
}
std::unique_ptr<SubwordModel> make_unigram(
    const std::vector<std::pair<std::string, double>>& pieces, std::optional<int64_t> unk_id,
    bool byte_fallback, const std::string& where) {
  return std::make_unique<Unigram>(pieces, unk_id, byte_fallback, where);
}

std::unique_ptr<SubwordModel> make_subword_model(const Fields& f) {
  // Older files have no "type"; what they have tells.
  const std::string type = f.text("type", f.has("merges")                     ? "BPE"
                                          : f.has("unk_id")                   ? "Unigram"
                                          : f.has("max_input_chars_per_word") ? "WordPiece"
                                                                              : "WordLevel");
  if (type == "BPE") {
    check(!f.has("dropout") || f.at("dropout") == 0.0,
          "{}: \"dropout\" makes tokens random; set it to null to use this tokenizer", f.where());
    BpeOptions o;
    if (f.has("unk_token")) o.unk_token = f.text("unk_token");
    o.continuing_subword_prefix = f.text("continuing_subword_prefix", "");
    o.end_of_word_suffix = f.text("end_of_word_suffix", "");
    o.fuse_unk = f.flag("fuse_unk", false), o.byte_fallback = f.flag("byte_fallback", false);
    o.ignore_merges = f.flag("ignore_merges", false);
    return make_bpe(read_vocabulary(f), read_merges(f), o, f.where());
  }
  if (type == "WordPiece")
    return make_word_piece(
        read_vocabulary(f), f.text("unk_token", "[UNK]"), f.text("continuing_subword_prefix", "##"),
        f.has("max_input_chars_per_word") ? f.whole("max_input_chars_per_word", 0, INT32_MAX)
                                          : 100);
  if (type == "Unigram") return read_unigram(f);
  if (type == "WordLevel")
    return std::make_unique<WordLevel>(read_vocabulary(f), f.text("unk_token", "<unk>"));
  if (type == "SentencePiece") return make_sentencepiece(f);
  fail(
      "{}: the model '{}' is unknown; this version reads BPE, WordPiece, Unigram, WordLevel and "
      "SentencePiece",
      f.where(), type);
}

}  // namespace cairn::text
