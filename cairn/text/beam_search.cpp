#include "cairn/text/beam_search.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "cairn/base/error.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/text/sampling.h"

namespace cairn::text {
namespace {

struct Beam {
  int64_t row = 0;  // where the reader has it
  double log_probability = 0;
  std::vector<int64_t> tokens;
  std::vector<int64_t> barred;  // that may not come next, by their numbers
};

// The likeliest tokens of each row of logits [rows, vocab], best first, and their
// log-probabilities. The search looks at no others, so that a step reads the logits twice and
// copies none.
class Likeliest {
 public:
  // `count` of them, or all that there are.
  Likeliest(const Tensor& logits, int64_t count)
      : count_(std::min(count, logits.size(1))),
        logsumexps_(logsumexp(logits, {1}).to_vector<float>()) {
    check_rows(logits);
    const Sorted best = topk(logits, count_);
    values_ = best.values.to_vector<float>();
    tokens_ = best.indices.to_vector<int64_t>();
  }

  int64_t count() const { return count_; }
  int64_t token(int64_t row, int64_t i) const { return tokens_[at(row, i)]; }
  double log_probability(int64_t row, int64_t i) const {
    return static_cast<double>(values_[at(row, i)]) - logsumexps_[static_cast<size_t>(row)];
  }

 private:
  size_t at(int64_t row, int64_t i) const { return static_cast<size_t>(row * count_ + i); }
  // A logit that is NaN or infinite shows in the sum.
  void check_rows(const Tensor& logits) const {
    for (int64_t row = 0; row < std::ssize(logsumexps_); ++row)
      if (!std::isfinite(logsumexps_[static_cast<size_t>(row)]))
        check_logits("beam search", select(logits, 0, row).to_vector<float>());
  }

  int64_t count_;
  std::vector<float> logsumexps_, values_;
  std::vector<int64_t> tokens_;
};

// The search of one text.
class Search {
 public:
  Search(const BeamOptions& options, int64_t row)
      : options_(options),
        max_tokens_(options.max_tokens_of.empty()
                        ? options.max_tokens
                        : options.max_tokens_of[static_cast<size_t>(row)]),
        live_{Beam{.row = row}} {}

  // How many of a row's tokens it has to see, so that enough of them may come and go on: each beam
  // has one way to end.
  int64_t wanted() const {
    size_t barred = 0;
    for (const Beam& beam : live_) barred = std::max(barred, beam.barred.size());
    return most_candidates() + static_cast<int64_t>(barred);
  }

  // Every live beam by one token: the best stay in view, those of them that end are put aside. An
  // end further behind is none: what goes on instead is likelier.
  void advance(const Likeliest& likeliest) {
    std::vector<Beam> next;
    int64_t rank = 0;
    for (const Candidate& c : best_candidates(likeliest)) {
      const bool in_view = rank++ < options_.beams;
      if (c.token != options_.end_token) {
        if (static_cast<int64_t>(next.size()) < options_.beams) next.push_back(extended(c));
      } else if (in_view) {
        put_aside(extended(c));
      }
    }
    live_ = std::move(next);
    if (is_done()) live_.clear();
    else if (!live_.empty() && std::ssize(live_.front().tokens) == max_tokens_) put_all_aside();
    if (options_.no_repeat > 0)
      for (Beam& beam : live_) beam.barred = would_repeat(beam.tokens);
  }

  const std::vector<Beam>& live() const { return live_; }
  bool is_over() const { return live_.empty(); }
  // The reader's rows [first_row, first_row + beams) are its own now.
  void moved_to(int64_t first_row) {
    first_row_ = first_row;
    for (Beam& beam : live_) beam.row = first_row++;
  }
  // What row i of its own goes on from, and by which token; where there is no beam, by any: nobody
  // looks at it.
  std::pair<int64_t, int64_t> next(size_t i) const {
    if (i >= live_.size()) return {live_.empty() ? first_row_ : live_[0].row, 0};
    return {live_[i].row, live_[i].tokens.back()};
  }
  const std::vector<Continuation>& result() const { return ended_; }

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

  int64_t most_candidates() const { return options_.beams * (options_.end_token ? 2 : 1); }

  // Tokens that would end a run that was there before.
  std::vector<int64_t> would_repeat(const std::vector<int64_t>& tokens) const {
    std::vector<int64_t> barred;
    const auto before = static_cast<size_t>(options_.no_repeat) - 1;
    if (tokens.size() < before) return barred;
    const auto last = tokens.end() - static_cast<std::ptrdiff_t>(before);
    for (auto at = tokens.begin(); at < last; ++at)
      if (std::equal(last, tokens.end(), at))
        barred.push_back(*(at + static_cast<std::ptrdiff_t>(before)));
    std::sort(barred.begin(), barred.end());
    barred.erase(std::unique(barred.begin(), barred.end()), barred.end());
    return barred;
  }

  std::vector<Candidate> best_candidates(const Likeliest& likeliest) const {
    std::vector<Candidate> all;
    for (size_t b = 0; b < live_.size(); ++b) {
      const Beam& beam = live_[b];
      for (int64_t i = 0, left = most_candidates(); i < likeliest.count() && left > 0; ++i) {
        const double next = likeliest.log_probability(beam.row, i);
        const int64_t token = likeliest.token(beam.row, i);
        if (!std::isfinite(next) || std::ranges::binary_search(beam.barred, token)) continue;
        all.push_back({beam.log_probability + next, b, token});
        --left;
      }
    }
    const auto end = all.begin() + std::min(most_candidates(), std::ssize(all));
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
    ++count_ended_;
    const double s = score(beam.log_probability, beam.tokens.size());
    const auto place = std::find_if(ended_.begin(), ended_.end(),
                                    [&](const Continuation& c) { return c.score < s; });
    ended_.insert(place, {std::move(beam.tokens), beam.log_probability, s});
    if (static_cast<int64_t>(ended_.size()) > options_.beams) ended_.pop_back();
  }

  void put_all_aside() {
    for (Beam& beam : live_) put_aside(std::move(beam));
    live_.clear();
  }

  bool is_done() const {
    if (options_.patience == 0) return nothing_better_can_come();
    return count_ended_ >= options_.patience * static_cast<double>(options_.beams);
  }

  // A log-probability only falls, so the score that a beam can still reach is bounded by one of
  // now, at its present length or at the longest.
  bool nothing_better_can_come() const {
    if (live_.empty()) return true;
    if (static_cast<int64_t>(ended_.size()) < options_.beams) return false;
    const Beam& best = live_.front();
    const double bound = std::max(score(best.log_probability, best.tokens.size() + 1),
                                  score(best.log_probability, static_cast<size_t>(max_tokens_)));
    return bound <= ended_.back().score;
  }

  const BeamOptions& options_;
  int64_t max_tokens_;
  int64_t first_row_ = 0, count_ended_ = 0;
  std::vector<Beam> live_;           // by falling log-probability
  std::vector<Continuation> ended_;  // by falling score
};

bool stay(const std::vector<int64_t>& rows, int64_t texts) {
  for (int64_t i = 0; i < std::ssize(rows); ++i)
    if (rows[i] != i) return false;
  return std::ssize(rows) == texts;
}

// Moves the reader to the beams of the texts that are searched, a fixed number for each, and reads
// on. Those that are over stay among them until they are half where a step had rather keep its
// shape.
Tensor read_on(Reader& reader, std::vector<Search*>& searched, int64_t beams) {
  const auto over = std::ranges::count_if(searched, &Search::is_over);
  if (!reader.keeps_shape() || 2 * over >= std::ssize(searched))
    std::erase_if(searched, std::mem_fn(&Search::is_over));
  std::vector<int64_t> rows, tokens;
  for (const Search* search : searched)
    for (int64_t i = 0; i < beams; ++i) {
      const auto [row, token] = search->next(static_cast<size_t>(i));
      rows.push_back(row), tokens.push_back(token);
    }
  if (!stay(rows, reader.texts())) reader.select(rows);
  for (size_t i = 0; i < searched.size(); ++i)
    searched[i]->moved_to(static_cast<int64_t>(i) * beams);
  return reader.read(tokens);
}

}  // namespace

std::vector<std::vector<Continuation>> beam_search(Reader& reader, std::span<const int64_t> prompts,
                                                   const BeamOptions& o) {
  check(o.beams > 0 && o.max_tokens > 0, "beam search: {} beams and {} tokens must be positive",
        o.beams, o.max_tokens);
  check(o.no_repeat >= 0, "beam search: runs of {} tokens cannot repeat", o.no_repeat);
  check(std::isfinite(o.length_penalty), "beam search: the length penalty is not finite");
  check(o.patience >= 0, "beam search: a patience of {} is below 0", o.patience);
  check(o.max_tokens_of.empty() || std::ssize(o.max_tokens_of) == reader.texts(),
        "beam search: {} limits for {} texts", o.max_tokens_of.size(), reader.texts());
  for (const int64_t most : o.max_tokens_of)
    check(most > 0 && most <= o.max_tokens, "beam search: a text of {} tokens, of {} at most", most,
          o.max_tokens);
  const NoGrad no_grad;
  std::vector<Search> searches;
  for (int64_t text = 0; text < reader.texts(); ++text) searches.emplace_back(o, text);
  std::vector<Search*> searched;  // as the reader has them
  for (Search& search : searches) searched.push_back(&search);
  Tensor logits = reader.read(prompts);
  for (;;) {
    int64_t wanted = 0;
    for (const Search* search : searched) wanted = std::max(wanted, search->wanted());
    const Likeliest likeliest(logits, wanted);
    for (Search* search : searched)
      if (!search->is_over()) search->advance(likeliest);
    if (std::ranges::all_of(searched, &Search::is_over)) break;
    logits = read_on(reader, searched, o.beams);
  }
  std::vector<std::vector<Continuation>> found;
  for (Search& search : searches) found.push_back(search.result());
  return found;
}

}  // namespace cairn::text
