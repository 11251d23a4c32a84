// Interpolated modified Kneser-Ney: every length is discounted by how often its grams occur, and
// what is taken away is dealt out by the next shorter length, whose counts are how many different
// words stand before a gram.
#include <algorithm>
#include <array>
#include <cmath>

#include "cairn/base/error.h"
#include "cairn/text/ngram.h"
#include "cairn/text/unicode.h"

namespace cairn::text {

class KneserNey {
 public:
  using Words = NgramModel::Words;
  using Counts = std::unordered_map<Words, int64_t, NgramModel::Hash>;

  explicit KneserNey(int order) : order_(order), counts_(static_cast<size_t>(order)) {
    check(order >= 1 && order <= 10, "grams of {} words; 1 to 10 can be learned", order);
    model_.grams_.resize(static_cast<size_t>(order));
  }

  void add(std::string_view line) {
    Words words{NgramModel::kBegin};
    for (const std::string_view w : split_at_spaces(line))
      words.push_back(model_.add_word(std::string(w)));
    if (words.size() == 1) return;
    words.push_back(NgramModel::kEnd);
    for (size_t end = 2; end <= words.size(); ++end) {
      const size_t length = std::min<size_t>(end, static_cast<size_t>(order_));
      const auto last = words.begin() + static_cast<std::ptrdiff_t>(end);
      // At the beginning shorter ones, which nothing stands before.
      ++counts_[length - 1][Words(last - static_cast<std::ptrdiff_t>(length), last)];
    }
  }

  NgramModel finish() {
    check(model_.words() > 3, "no words to learn from");
    for (size_t n = static_cast<size_t>(order_) - 1; n > 0; --n)
      for (const auto& [gram, count] : counts_[n])
        ++counts_[n - 1][Words(gram.begin() + 1, gram.end())];
    for (size_t n = 1; n <= static_cast<size_t>(order_); ++n) smooth(n);
    return std::move(model_);
  }

 private:
  // What is taken from grams that occur once, twice, more often. With too few grams to tell: as
  // KenLM falls back.
  std::array<double, 4> discounts(const Counts& counts) const {
    std::array<double, 5> of{};
    for (const auto& [gram, count] : counts)
      if (count <= 4) ++of[static_cast<size_t>(count)];
    std::array<double, 4> d{0, 0.5, 1, 1.5};
    if (of[1] == 0 || of[2] == 0 || of[3] == 0) return d;
    const double y = of[1] / (of[1] + 2 * of[2]);
    for (size_t k = 1; k <= 3; ++k) {
      const double found =
          static_cast<double>(k) - (static_cast<double>(k) + 1) * y * of[k + 1] / of[k];
      if (found < 0 || found > static_cast<double>(k)) return {0, 0.5, 1, 1.5};
      d[k] = found;
    }
    return d;
  }

  struct Context {
    double total = 0, taken = 0;
  };

  void smooth(size_t n) {
    const Counts& counts = counts_[n - 1];
    const auto d = discounts(counts);
    const auto taken = [&](int64_t count) {
      return d[static_cast<size_t>(std::min<int64_t>(count, 3))];
    };
    std::unordered_map<Words, Context, NgramModel::Hash> contexts;
    for (const auto& [gram, count] : counts) {
      Context& c = contexts[Words(gram.begin(), gram.end() - 1)];
      c.total += static_cast<double>(count), c.taken += taken(count);
    }
    if (n > 1)
      for (const auto& [words, c] : contexts)
        gram_of(words).backoff = static_cast<float>(std::log10(c.taken / c.total));
    const double uniform = 1 / static_cast<double>(model_.words() - 1);  // <s> is never next
    for (const auto& [gram, count] : counts) {
      const Context& c = contexts[Words(gram.begin(), gram.end() - 1)];
      const double shorter =
          n == 1 ? uniform
                 : std::exp(model_.log_probability(std::span(gram).subspan(1, n - 2), gram.back()));
      const double p = (static_cast<double>(count) - taken(count) + c.taken * shorter) / c.total;
      model_.grams_[n - 1][gram].log_p = static_cast<float>(std::log10(p));
    }
    if (n > 1) return;
    const Context& all = contexts[Words()];
    for (int32_t w = 0; w < model_.words(); ++w) {  // words that never follow others' grams
      if (w == NgramModel::kBegin) model_.grams_[0][{w}].log_p = -99;
      else if (!counts.contains({w}))
        model_.grams_[0][{w}].log_p =
            static_cast<float>(std::log10(all.taken / all.total * uniform));
    }
  }

  // A context that no gram of its own has: <s> and what follows it.
  NgramModel::Gram& gram_of(const Words& words) { return model_.grams_[words.size() - 1][words]; }

  int order_;
  NgramModel model_;
  std::vector<Counts>
      counts_;  // by length; of the longest, and of those at a beginning, in the text
};

NgramModel estimate_ngrams(const std::function<bool(std::string& line)>& next, int order) {
  KneserNey estimate(order);
  for (std::string line; next(line);) estimate.add(line);
  return estimate.finish();
}

}  // namespace cairn::text
