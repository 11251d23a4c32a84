#include "cairn/text/beam_search.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "cairn/base/error.h"
#include "cairn/text/sampling.h"

namespace cairn::text {
namespace {

struct Beam {
  int64_t row = 0;  // where the reader has it
  double log_probability = 0;
  std::vector<int64_t> tokens;
};

// log_softmax of each row of logits [rows, vocab].
std::vector<double> log_probabilities(const Tensor& logits) {
  const std::vector<float> values = logits.to_vector<float>();
  const auto vocab = static_cast<size_t>(logits.size(1));
  std::vector<double> result(values.size());
  for (size_t at = 0; at < values.size(); at += vocab) {
    const std::span<const float> row(values.data() + at, vocab);
    check_logits("beam search", row);
    const double largest = *std::max_element(row.begin(), row.end());
    double sum = 0;
    for (const float v : row) sum += std::exp(v - largest);
    for (size_t i = 0; i < vocab; ++i) result[at + i] = row[i] - largest - std::log(sum);
  }
  return result;
}

// The search of one text.
class Search {
 public:
  Search(const BeamOptions& options, int64_t row) : options_(options), live_{Beam{.row = row}} {}

  // Every live beam by one token: the best stay in view, those that end are put aside.
  void advance(std::span<const double> log_probabilities, int64_t vocab) {
    if (live_.empty()) return;
    std::vector<Beam> next;
    for (const Candidate& c : best_candidates(log_probabilities, vocab)) {
      if (c.token == options_.end_token) put_aside(extended(c));
      else if (static_cast<int64_t>(next.size()) < options_.beams) next.push_back(extended(c));
    }
    live_ = std::move(next);
    if (nothing_better_can_come()) live_.clear();
  }

  const std::vector<Beam>& live() const { return live_; }
  void moved_to(int64_t first_row) {
    for (Beam& beam : live_) beam.row = first_row++;
  }
  std::vector<Continuation> result() {
    for (Beam& beam : live_) put_aside(std::move(beam));
    live_.clear();
    return ended_;
  }

 private:
  struct Candidate {
    double log_probability;
    size_t beam;
    int64_t token;
    bool operator<(const Candidate& o) const {  // better; the first of equals
      if (log_probability != o.log_probability) return log_probability > o.log_probability;
      return beam != o.beam ? beam < o.beam : token < o.token;
    }
  };

  // Tokens that would end a run that was there before.
  std::set<int64_t> would_repeat(const std::vector<int64_t>& tokens) const {
    std::set<int64_t> barred;
    const auto before = static_cast<size_t>(options_.no_repeat) - 1;
    if (options_.no_repeat == 0 || tokens.size() < before) return barred;
    const auto last = tokens.end() - static_cast<std::ptrdiff_t>(before);
    for (auto at = tokens.begin(); at < last; ++at)
      if (std::equal(last, tokens.end(), at))
        barred.insert(*(at + static_cast<std::ptrdiff_t>(before)));
    return barred;
  }

  // Each beam has one way to end: of twice as many there are always enough that go on.
  std::vector<Candidate> best_candidates(std::span<const double> log_probabilities,
                                         int64_t vocab) const {
    std::vector<Candidate> all;
    all.reserve(live_.size() * static_cast<size_t>(vocab));
    for (size_t b = 0; b < live_.size(); ++b) {
      const double* row = log_probabilities.data() + live_[b].row * vocab;
      const auto barred = would_repeat(live_[b].tokens);
      for (int64_t token = 0; token < vocab; ++token)
        if (std::isfinite(row[token]) && !barred.contains(token))
          all.push_back({live_[b].log_probability + row[token], b, token});
    }
    const auto count = static_cast<ptrdiff_t>(options_.beams * (options_.end_token ? 2 : 1));
    const auto end = all.begin() + std::min(count, std::ssize(all));
    std::partial_sort(all.begin(), end, all.end());
    all.erase(end, all.end());
    return all;
  }

  Beam extended(const Candidate& c) const {
    Beam beam = live_[c.beam];
    beam.tokens.push_back(c.token);
    beam.log_probability = c.log_probability;
    return beam;
  }

  double score(double log_probability, size_t tokens) const {
    const double length = (5 + static_cast<double>(tokens)) / 6;
    return log_probability / std::pow(length, options_.length_penalty);
  }

  void put_aside(Beam beam) {
    const double s = score(beam.log_probability, beam.tokens.size());
    const auto place = std::find_if(ended_.begin(), ended_.end(),
                                    [&](const Continuation& c) { return c.score < s; });
    ended_.insert(place, {std::move(beam.tokens), beam.log_probability, s});
    if (static_cast<int64_t>(ended_.size()) > options_.beams) ended_.pop_back();
  }

  // A log-probability only falls, so the score that a beam can still reach is bounded by one of
  // now, at its present length or at the longest.
  bool nothing_better_can_come() const {
    if (live_.empty()) return true;
    if (static_cast<int64_t>(ended_.size()) < options_.beams) return false;
    const Beam& best = live_.front();
    const double bound =
        std::max(score(best.log_probability, best.tokens.size() + 1),
                 score(best.log_probability, static_cast<size_t>(options_.max_tokens)));
    return bound <= ended_.back().score;
  }

  const BeamOptions& options_;
  std::vector<Beam> live_;           // by falling log-probability
  std::vector<Continuation> ended_;  // by falling score
};

bool stay(const std::vector<int64_t>& rows, int64_t texts) {
  for (int64_t i = 0; i < std::ssize(rows); ++i)
    if (rows[i] != i) return false;
  return std::ssize(rows) == texts;
}

// Moves the reader to the beams of all texts, a fixed number for each (the network's step is
// compiled for it); places without a beam repeat a text that nobody looks at.
Tensor read_on(Reader& reader, std::vector<Search>& searches, int64_t beams) {
  std::vector<int64_t> rows, tokens;
  for (const Search& search : searches)
    for (int64_t i = 0; i < beams; ++i) {
      const bool used = i < std::ssize(search.live());
      rows.push_back(used ? search.live()[i].row : 0);
      tokens.push_back(used ? search.live()[i].tokens.back() : 0);
    }
  if (!stay(rows, reader.texts())) reader.select(rows);
  for (size_t i = 0; i < searches.size(); ++i)
    searches[i].moved_to(static_cast<int64_t>(i) * beams);
  return reader.read(tokens);
}

}  // namespace

std::vector<std::vector<Continuation>> beam_search(Reader& reader, std::span<const int64_t> prompts,
                                                   const BeamOptions& o) {
  check(o.beams > 0 && o.max_tokens > 0, "beam search: {} beams and {} tokens must be positive",
        o.beams, o.max_tokens);
  check(o.no_repeat >= 0, "beam search: runs of {} tokens cannot repeat", o.no_repeat);
  check(std::isfinite(o.length_penalty), "beam search: the length penalty is not finite");
  std::vector<Search> searches;
  for (int64_t text = 0; text < reader.texts(); ++text) searches.emplace_back(o, text);
  Tensor logits = reader.read(prompts);
  for (int64_t step = 1;; ++step) {
    const std::vector<double> next = log_probabilities(logits);
    for (Search& search : searches) search.advance(next, logits.size(1));
    const bool searching = std::any_of(searches.begin(), searches.end(),
                                       [](const Search& s) { return !s.live().empty(); });
    if (step == o.max_tokens || !searching) break;
    logits = read_on(reader, searches, o.beams);
  }
  std::vector<std::vector<Continuation>> found;
  for (Search& search : searches) found.push_back(search.result());
  return found;
}

}  // namespace cairn::text
