#include <algorithm>
#include <queue>
#include <set>

#include "cairn/text/train_tokenizer.h"
#include "cairn/text/unicode.h"

namespace cairn::text {
namespace {

// Which pair stands where, and how often.
class PairCounts {
 public:
  struct Entry {
    int64_t count;
    uint64_t pair;
    std::vector<uint32_t> words;  // where it may be
    // On top: the most frequent, then the one of lower numbers.
    bool operator<(const Entry& o) const {
      return count != o.count ? count < o.count : pair > o.pair;
    }
  };

  void add(uint64_t pair, int64_t count, uint32_t word) {
    counts_[pair] += count;
    if (count <= 0) return;
    auto& words = fresh_[pair];
    if (words.empty() || words.back() != word) words.push_back(word);
  }
  void flush() {  // what was added comes into the queue
    for (auto& [pair, words] : fresh_)
      if (const int64_t count = counts_[pair]; count > 0)
        queue_.push({count, pair, std::move(words)});
    fresh_.clear();
  }
  // The most frequent pair; false: none is left that occurs `least` times.
  bool pop(int64_t least, Entry& top) {
    while (!queue_.empty()) {
      top = std::move(const_cast<Entry&>(queue_.top()));  // it goes with the next line
      queue_.pop();
      const int64_t now = counts_[top.pair];
      if (now == top.count) return now >= std::max<int64_t>(least, 1);
      if (now <= 0) continue;
      top.count = now;
      queue_.push(std::move(top));
    }
    return false;
  }

 private:
  std::unordered_map<uint64_t, int64_t> counts_;
  std::unordered_map<uint64_t, std::vector<uint32_t>> fresh_;
  std::priority_queue<Entry> queue_;
};

uint64_t key_of(uint32_t a, uint32_t b) { return static_cast<uint64_t>(a) << 32 | b; }

class BpeTrainer {
 public:
  BpeTrainer(const PieceCounts& counts, const BpeTraining& options) : options_(options) {
    for (const std::string& token : options.special) number_of(token);
    const std::map<std::string_view, int64_t> sorted(counts.begin(), counts.end());
    add_alphabet(sorted);
    for (const auto& [piece, count] : sorted) add_word(piece, count);
  }

  TrainedBpe run() {
    for (uint32_t w = 0; w < words_.size(); ++w)
      for (size_t i = 0; i + 1 < words_[w].size(); ++i)
        pairs_.add(key_of(words_[w][i], words_[w][i + 1]), counts_[w], w);
    pairs_.flush();
    Merges merges;
    PairCounts::Entry top;
    while (static_cast<int64_t>(tokens_.size()) < options_.vocab &&
           pairs_.pop(options_.min_frequency, top)) {
      const auto a = static_cast<uint32_t>(top.pair >> 32), b = static_cast<uint32_t>(top.pair);
      const std::string left = tokens_[a], right = tokens_[b];
      const uint32_t joined = number_of(left + right.substr(options_.prefix.size()));
      merges.emplace_back(left, right);
      std::sort(top.words.begin(), top.words.end());
      top.words.erase(std::unique(top.words.begin(), top.words.end()), top.words.end());
      for (const uint32_t w : top.words) join(w, a, b, joined);
      pairs_.flush();
    }
    return {std::move(tokens_), std::move(merges)};
  }

 private:
  uint32_t number_of(const std::string& token) {
    const auto [place, is_new] = numbers_.emplace(token, static_cast<uint32_t>(tokens_.size()));
    if (is_new) tokens_.push_back(token);
    return place->second;
  }

  // f(character, is the first, is the last)
  template <class F>
  static void each_character(std::string_view piece, F f) {
    for (size_t at = 0; at < piece.size();) {
      const size_t begin = at;
      next_point(piece, at);
      f(std::string(piece.substr(begin, at - begin)), begin == 0, at == piece.size());
    }
  }
  std::string form_of(const std::string& c, bool first, bool last) const {
    return (first ? "" : options_.prefix) + c + (last ? options_.suffix : "");
  }

  void add_alphabet(const std::map<std::string_view, int64_t>& pieces) {
    std::set<std::string> plain(options_.alphabet.begin(), options_.alphabet.end()), forms;
    for (const auto& [piece, count] : pieces)
      each_character(piece, [&](const std::string& c, bool first, bool last) {
        plain.insert(c), forms.insert(form_of(c, first, last));
      });
    for (const std::string& c : plain) number_of(c);  // UTF-8 sorts as code points do
    for (const std::string& form : forms) number_of(form);
  }

  void add_word(std::string_view piece, int64_t count) {
    std::vector<uint32_t> word;
    each_character(piece, [&](const std::string& c, bool first, bool last) {
      word.push_back(number_of(form_of(c, first, last)));
    });
    words_.push_back(std::move(word)), counts_.push_back(count);
  }

  void join(uint32_t w, uint32_t a, uint32_t b, uint32_t joined) {
    std::vector<uint32_t>& word = words_[w];
    const int64_t count = counts_[w];
    size_t out = 0;
    for (size_t i = 0; i < word.size(); ++i) {
      if (word[i] != a || i + 1 == word.size() || word[i + 1] != b) {
        word[out++] = word[i];
        continue;
      }
      if (out > 0) {
        pairs_.add(key_of(word[out - 1], a), -count, w);
        pairs_.add(key_of(word[out - 1], joined), count, w);
      }
      if (i + 2 < word.size()) {
        pairs_.add(key_of(b, word[i + 2]), -count, w);
        pairs_.add(key_of(joined, word[i + 2]), count, w);
      }
      word[out++] = joined, ++i;
    }
    word.resize(out);
  }

  const BpeTraining& options_;
  std::vector<std::string> tokens_;
  std::unordered_map<std::string, uint32_t> numbers_;
  std::vector<std::vector<uint32_t>> words_;
  std::vector<int64_t> counts_;
  PairCounts pairs_;
};

}  // namespace

TrainedBpe train_bpe(const PieceCounts& counts, const BpeTraining& options) {
  return BpeTrainer(counts, options).run();
}

}  // namespace cairn::text
