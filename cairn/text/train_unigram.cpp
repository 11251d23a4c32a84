#include <cmath>

#include "cairn/text/byte_trie.h"
#include "cairn/text/train_tokenizer.h"
#include "cairn/text/unicode.h"

namespace cairn::text {
namespace {

constexpr size_t kSeeds = 1'000'000, kLongestPiece = 16;  // characters
constexpr double kShrink = 0.75, kLeastExpected = 0.5;

struct Piece {
  std::string text;
  double score;
  bool single;  // one character: stays
};
using Words = std::vector<std::pair<std::string, int64_t>>;

// The derivative of log gamma: of an expected count it is the log of what the count stands for when
// many are rare.
double digamma(double x) {
  double result = 0;
  for (; x < 7; ++x) result -= 1 / x;
  const double r = 1 / (x * x);
  return result + std::log(x) - 0.5 / x - r * (1.0 / 12 - r * (1.0 / 120 - r / 252));
}

double log_sum(double a, double b) {
  const double high = std::max(a, b), low = std::min(a, b);
  return low == -INFINITY ? high : high + std::log1p(std::exp(low - high));
}

// Substrings that occur twice or more, by how much of the text they cover, and all characters.
std::vector<Piece> seeds_of(const Words& words) {
  std::unordered_map<std::string_view, int64_t> counts;
  std::map<std::string_view, int64_t> singles;
  for (const auto& [word, count] : words) {
    std::vector<size_t> ends = {0};
    for (size_t at = 0; at < word.size();) next_point(word, at), ends.push_back(at);
    for (size_t i = 0; i + 1 < ends.size(); ++i)
      for (size_t j = i + 1; j < ends.size() && j - i <= kLongestPiece; ++j) {
        const auto part = std::string_view(word).substr(ends[i], ends[j] - ends[i]);
        (j == i + 1 ? singles[part] : counts[part]) += count;
      }
  }
  std::vector<Piece> many, all;
  for (const auto& [text, count] : counts) {
    const auto characters = static_cast<double>(
        std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
    if (count > 1)
      many.push_back({std::string(text), static_cast<double>(count) * characters, false});
  }
  std::sort(many.begin(), many.end(), [](const Piece& a, const Piece& b) {
    return a.score != b.score ? a.score > b.score : a.text < b.text;
  });
  if (many.size() > kSeeds) many.resize(kSeeds);
  for (const auto& [text, count] : singles)
    all.push_back({std::string(text), static_cast<double>(count), true});
  all.insert(all.end(), many.begin(), many.end());
  double sum = 0;
  for (const Piece& p : all) sum += p.score;
  for (Piece& p : all) p.score = std::log(p.score / sum);
  return all;
}

class UnigramTrainer {
 public:
  explicit UnigramTrainer(const PieceCounts& counts) {
    const std::map<std::string_view, int64_t> sorted(counts.begin(), counts.end());
    for (const auto& [word, count] : sorted) words_.emplace_back(word, count);
    use(seeds_of(words_));
  }

  std::vector<Piece> run(size_t wanted) {
    const size_t enough = std::max(wanted + wanted / 10, singles());
    for (;;) {
      for (int round = 0; round < 2; ++round) use(maximized(expected()));
      if (pieces_.size() <= enough) break;
      use(pruned(enough));
    }
    std::vector<Piece> all = pieces_;
    std::stable_sort(all.begin(), all.end(), [](const Piece& a, const Piece& b) {
      if (a.single != b.single) return a.single;
      return a.score != b.score ? a.score > b.score : a.text < b.text;
    });
    if (all.size() > wanted) all.resize(std::max(wanted, singles()));
    std::stable_sort(all.begin(), all.end(),
                     [](const Piece& a, const Piece& b) { return a.score > b.score; });
    return all;
  }

 private:
  void use(std::vector<Piece> pieces) {
    pieces_ = std::move(pieces);
    trie_ = ByteTrie();
    for (size_t i = 0; i < pieces_.size(); ++i)
      trie_.insert(pieces_[i].text, static_cast<int64_t>(i));
  }
  size_t singles() const {
    return static_cast<size_t>(
        std::count_if(pieces_.begin(), pieces_.end(), [](const Piece& p) { return p.single; }));
  }

  // How often each piece is to be expected, over all ways to cut (forward and backward).
  std::vector<double> expected() const {
    struct Edge {
      size_t begin, end, id;
    };
    std::vector<double> all(pieces_.size(), 0), forward, backward;
    std::vector<Edge> edges;
    for (const auto& [word, count] : words_) {
      edges.clear();
      forward.assign(word.size() + 1, -INFINITY), backward.assign(word.size() + 1, -INFINITY);
      forward[0] = backward[word.size()] = 0;
      for (size_t begin = 0; begin < word.size(); ++begin) {
        if (forward[begin] == -INFINITY) continue;  // inside of a character
        trie_.each(word, begin, [&](int64_t id, size_t end) {
          edges.push_back({begin, end, static_cast<size_t>(id)});
          forward[end] = log_sum(forward[end], forward[begin] + pieces_[edges.back().id].score);
        });
      }
      for (size_t i = edges.size(); i-- > 0;)
        backward[edges[i].begin] =
            log_sum(backward[edges[i].begin], backward[edges[i].end] + pieces_[edges[i].id].score);
      for (const Edge& e : edges)
        all[e.id] += static_cast<double>(count) * std::exp(forward[e.begin] + pieces_[e.id].score +
                                                           backward[e.end] - forward[word.size()]);
    }
    return all;
  }

  // Pieces that are hardly used go, characters stay.
  std::vector<Piece> maximized(const std::vector<double>& counts) const {
    std::vector<Piece> kept;
    double sum = 0;
    for (size_t i = 0; i < counts.size(); ++i) {
      if (counts[i] < kLeastExpected && !pieces_[i].single) continue;
      kept.push_back({pieces_[i].text, std::max(counts[i], kLeastExpected), pieces_[i].single});
      sum += kept.back().score;
    }
    for (Piece& p : kept) p.score = digamma(p.score) - digamma(sum);
    return kept;
  }

  // The most likely way to cut; without the piece `except`.
  std::vector<size_t> best_cut(std::string_view word, size_t except) const {
    std::vector<double> score(word.size() + 1, -INFINITY);
    std::vector<std::pair<size_t, size_t>> from(word.size() + 1);  // where it begins, which it is
    score[0] = 0;
    for (size_t begin = 0; begin < word.size(); ++begin) {
      if (score[begin] == -INFINITY) continue;
      trie_.each(word, begin, [&](int64_t number, size_t end) {
        const auto id = static_cast<size_t>(number);
        const double s = score[begin] + pieces_[id].score;
        if (id != except && s > score[end]) score[end] = s, from[end] = {begin, id};
      });
    }
    std::vector<size_t> ids;
    for (size_t end = word.size(); end > 0 && score[end] > -INFINITY; end = from[end].first)
      ids.push_back(from[end].second);
    return ids;
  }

  // The pieces without which the text becomes least likely, and all characters.
  std::vector<Piece> pruned(size_t enough) const {
    std::vector<double> used(pieces_.size(), 0);
    double sum = 0;
    for (const auto& [word, count] : words_)
      for (const size_t id : best_cut(word, SIZE_MAX))
        used[id] += static_cast<double>(count), sum += static_cast<double>(count);
    std::vector<std::pair<double, size_t>> losses;
    for (size_t i = 0; i < pieces_.size(); ++i) {
      if (pieces_[i].single || used[i] == 0) continue;
      const auto instead = best_cut(pieces_[i].text, i);
      const double sum_instead = sum + used[i] * (static_cast<double>(instead.size()) - 1);
      double loss = std::log(used[i] / sum);
      for (const size_t id : instead) loss -= std::log((used[id] + used[i]) / sum_instead);
      losses.emplace_back(-loss * used[i] / sum, i);  // rising: the dearest first
    }
    const auto target =
        std::max(enough, static_cast<size_t>(kShrink * static_cast<double>(pieces_.size())));
    const size_t others = target - std::min(target, singles());
    std::sort(losses.begin(), losses.end());
    if (losses.size() > others) losses.resize(others);
    std::vector<bool> stays(pieces_.size(), false);
    for (const auto& [loss, id] : losses) stays[id] = true;
    std::vector<Piece> kept;
    for (size_t i = 0; i < pieces_.size(); ++i)
      if (stays[i] || pieces_[i].single) kept.push_back(pieces_[i]);
    return kept;
  }

  Words words_;
  std::vector<Piece> pieces_;
  ByteTrie trie_;
};

}  // namespace

std::vector<std::pair<std::string, double>> train_unigram(const PieceCounts& counts,
                                                          const UnigramTraining& options) {
  std::vector<std::pair<std::string, double>> pieces;
  for (const std::string& token : options.special) pieces.emplace_back(token, 0.0);
  const auto room = static_cast<size_t>(
      std::max<int64_t>(options.vocab - static_cast<int64_t>(pieces.size()), 1));
  for (Piece& p : UnigramTrainer(counts).run(room))
    if (std::find(options.special.begin(), options.special.end(), p.text) == options.special.end())
      pieces.emplace_back(std::move(p.text), p.score);
  return pieces;
}

}  // namespace cairn::text
