#include <algorithm>
#include <mutex>
#include <queue>

#include "cairn/text/subword_models.h"
#include "cairn/text/unicode.h"

namespace cairn::text {
namespace {

uint64_t pair_key(int64_t a, int64_t b) {
  return static_cast<uint64_t>(a) << 32 | static_cast<uint64_t>(b);
}

// Pieces that came before, since words come again and again.
class PieceCache {
 public:
  bool find(std::string_view piece, std::vector<Token>& out) const {
    const std::lock_guard lock(mutex_);
    const auto found = tokens_.find(std::string(piece));
    if (found == tokens_.end()) return false;
    out.insert(out.end(), found->second.begin(), found->second.end());
    return true;
  }
  void put(std::string_view piece, const Token* begin, const Token* end) {
    const std::lock_guard lock(mutex_);
    if (tokens_.size() < 20'000) tokens_.try_emplace(std::string(piece), begin, end);
  }

 private:
  mutable std::mutex mutex_;
  std::unordered_map<std::string, std::vector<Token>> tokens_;
};

class Bpe : public SubwordModel {
 public:
  Bpe(Vocabulary vocabulary, const Merges& merges, const BpeOptions& options,
      const std::string& where)
      : options_(options), merges_(merges) {
    vocabulary_ = std::move(vocabulary);
    for (size_t rank = 0; rank < merges.size(); ++rank) {
      const auto& [a, b] = merges[rank];
      const auto& prefix = options.continuing_subword_prefix;
      check(b.size() >= prefix.size(), "{}: merge {}: '{}' is shorter than the prefix '{}'", where,
            rank, b, prefix);
      const auto left = vocabulary_.find(a), right = vocabulary_.find(b);
      const auto both = vocabulary_.find(a + b.substr(prefix.size()));
      check(left && right && both, "{}: merge {} ('{}' '{}') uses a token that is not in \"vocab\"",
            where, rank, a, b);
      ranks_[pair_key(*left, *right)] = {static_cast<uint32_t>(rank), *both};
    }
    if (options.unk_token) unk_ = vocabulary_.find(*options.unk_token);
    for (int byte = 0; byte < 256 && options.byte_fallback; ++byte)
      bytes_.push_back(vocabulary_.find(fmt::format("<0x{:02X}>", byte)));
  }

  const char* type() const override { return "BPE"; }

  void tokenize(std::string_view piece, std::vector<Token>& out) const override {
    if (options_.ignore_merges)
      if (const auto id = vocabulary_.find(piece))
        return out.push_back({*id, 0, static_cast<uint32_t>(piece.size())});
    const bool short_enough = piece.size() < 256;
    if (short_enough && cache_.find(piece, out)) return;
    const size_t before = out.size();
    merge(symbols_of(piece), out);
    if (short_enough) cache_.put(piece, out.data() + before, out.data() + out.size());
  }

  std::string to_json() const override {
    using PlainJson = nlohmann::json;
    const auto or_null = [](const std::string& s) {
      return s.empty() ? PlainJson() : PlainJson(s);
    };
    std::string text = fmt::format(
        R"({{"type":"BPE","dropout":null,"unk_token":{},"continuing_subword_prefix":{},)"
        R"("end_of_word_suffix":{},"fuse_unk":{},"byte_fallback":{},"ignore_merges":{},"vocab":{{)",
        options_.unk_token ? PlainJson(*options_.unk_token).dump() : "null",
        or_null(options_.continuing_subword_prefix).dump(),
        or_null(options_.end_of_word_suffix).dump(), options_.fuse_unk, options_.byte_fallback,
        options_.ignore_merges);
    bool first = true;
    for (int64_t id = 0; id < vocabulary_.end(); ++id)
      if (const std::string* token = vocabulary_.token(id)) {
        text += fmt::format("{}{}:{}", first ? "" : ",", PlainJson(*token).dump(), id);
        first = false;
      }
    text += "},\"merges\":[";
    for (size_t i = 0; i < merges_.size(); ++i)
      text += (i ? "," : "") + PlainJson{merges_[i].first, merges_[i].second}.dump();
    return text + "]}";
  }

 private:
  struct Rank {
    uint32_t rank;
    int64_t id;
  };
  struct Symbol {
    int64_t id;
    uint32_t begin, end;
    int32_t previous, next;
  };
  using Symbols = std::vector<Symbol>;

  Symbols symbols_of(std::string_view piece) const {
    Symbols symbols;
    const auto add = [&](int64_t id, size_t begin, size_t end) {
      const auto n = static_cast<int32_t>(symbols.size());
      symbols.push_back(
          {id, static_cast<uint32_t>(begin), static_cast<uint32_t>(end), n - 1, n + 1});
    };
    bool unknown_before = false;
    std::string written;
    const bool plain =
        options_.continuing_subword_prefix.empty() && options_.end_of_word_suffix.empty();
    for (size_t at = 0; at < piece.size();) {
      const size_t begin = at;
      next_point(piece, at);
      std::string_view c = piece.substr(begin, at - begin);
      if (!plain) {
        written = begin > 0 ? options_.continuing_subword_prefix : "";
        written += c;
        if (at == piece.size()) written += options_.end_of_word_suffix;
        c = written;
      }
      if (const auto id = vocabulary_.find(c)) {
        add(*id, begin, at);
        unknown_before = false;
      } else if (!bytes_.empty() && std::all_of(c.begin(), c.end(), [&](char b) {
                   return bytes_[static_cast<unsigned char>(b)].has_value();
                 })) {
        for (size_t i = 0; i < c.size(); ++i)
          add(*bytes_[static_cast<unsigned char>(c[i])], begin + i, begin + i + 1);
      } else if (options_.unk_token) {
        check(unk_.has_value(), "BPE: the unknown token '{}' is not in the vocabulary",
              *options_.unk_token);
        if (unknown_before && options_.fuse_unk) symbols.back().end = static_cast<uint32_t>(at);
        else add(*unk_, begin, at);
        unknown_before = true;
      }
    }
    return symbols;
  }

  // The pair of lowest rank first, of several the leftmost, until none is left.
  void merge(Symbols symbols, std::vector<Token>& out) const {
    struct Candidate {
      uint32_t rank;
      int32_t at;
      int64_t left, right;  // as they were
      bool operator<(const Candidate& o) const {
        return rank != o.rank ? rank > o.rank : at > o.at;
      }
    };
    std::priority_queue<Candidate> queue;
    const auto count = static_cast<int32_t>(symbols.size());
    const auto consider = [&](int32_t at) {
      if (at < 0 || symbols[static_cast<size_t>(at)].next >= count) return;
      const Symbol& a = symbols[static_cast<size_t>(at)];
      const Symbol& b = symbols[static_cast<size_t>(a.next)];
      const auto found = ranks_.find(pair_key(a.id, b.id));
      if (found != ranks_.end()) queue.push({found->second.rank, at, a.id, b.id});
    };
    for (int32_t i = 0; i + 1 < count; ++i) consider(i);
    while (!queue.empty()) {
      const Candidate c = queue.top();
      queue.pop();
      Symbol& a = symbols[static_cast<size_t>(c.at)];
      if (a.id != c.left || a.next >= count) continue;
      Symbol& b = symbols[static_cast<size_t>(a.next)];
      if (b.id != c.right) continue;
      a.id = ranks_.find(pair_key(c.left, c.right))->second.id;
      a.end = b.end, a.next = b.next, b.id = -1;
      if (a.next < count) symbols[static_cast<size_t>(a.next)].previous = c.at;
      consider(a.previous), consider(c.at);
    }
    for (int32_t i = 0; i < count; i = symbols[static_cast<size_t>(i)].next) {
      const Symbol& s = symbols[static_cast<size_t>(i)];
      out.push_back({s.id, s.begin, s.end});
    }
  }

  BpeOptions options_;
  Merges merges_;
  std::unordered_map<uint64_t, Rank> ranks_;
  std::optional<int64_t> unk_;
  std::vector<std::optional<int64_t>> bytes_;
  mutable PieceCache cache_;
};

}  // namespace

std::unique_ptr<SubwordModel> make_bpe(Vocabulary vocabulary, const Merges& merges,
                                       const BpeOptions& options, const std::string& where) {
  return std::make_unique<Bpe>(std::move(vocabulary), merges, options, where);
}

}  // namespace cairn::text
