#include "cairn/text/ctc_decode.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "cairn/base/error.h"

namespace cairn::text {
namespace {

constexpr double kNever = -std::numeric_limits<double>::infinity();

double log_sum(double a, double b) {
  if (a < b) std::swap(a, b);
  return b == kNever ? a : a + std::log1p(std::exp(b - a));
}

using Prefix = std::vector<int64_t>;

// What the words of a prefix add: a function of the prefix alone.
struct Said {
  double score = 0;
  NgramModel::Words before{NgramModel::kBegin};
  size_t word_begin = 0;  // of the word that is being spelled
};

// log p of a prefix's alignments that end with a blank, and with its last label.
struct Mass {
  double blank = kNever, label = kNever;
  Said said = {};
  bool is_new = true;
  double all() const { return log_sum(blank, label); }
  double score() const { return all() + said.score; }
};
using Beam = std::map<Prefix, Mass>;

// A word of the prefix has ended before label number `end`.
void end_word(Said& said, const Prefix& prefix, size_t end, const CtcWords& words) {
  std::string word;
  for (size_t i = said.word_begin; i < end; ++i)
    word += words.labels[static_cast<size_t>(prefix[i])];
  said.word_begin = end + 1;
  if (word.empty()) return;
  const int32_t number = words.model.word(word);
  said.score += words.weight * words.model.log_probability(said.before, number) + words.bonus;
  said.before = words.model.next(said.before, number);
}

Said said_after(const Said& before, const Prefix& longer, const CtcWords* words) {
  Said said = before;
  const size_t last = longer.size() - 1;
  if (words && words->labels[static_cast<size_t>(longer[last])] == " ")
    end_word(said, longer, last, *words);
  return said;
}

double score_at_end(Said said, const Prefix& prefix, const CtcWords* words) {
  if (!words) return 0;
  end_word(said, prefix, prefix.size(), *words);
  return said.score + words->weight * words->model.log_probability(said.before, NgramModel::kEnd);
}

// One frame further.
Beam extended(const Beam& beam, const CtcFrames& frames, int64_t t, const CtcWords* words) {
  Beam next;
  const double blank = frames.at(t, frames.blank);
  for (const auto& [prefix, mass] : beam) {
    Mass& same = next[prefix];
    if (same.is_new) same.said = mass.said, same.is_new = false;
    same.blank = log_sum(same.blank, mass.all() + blank);
    if (!prefix.empty()) same.label = log_sum(same.label, mass.label + frames.at(t, prefix.back()));
    for (int64_t label = 0; label < frames.labels; ++label) {
      if (label == frames.blank) continue;
      const bool repeats = !prefix.empty() && prefix.back() == label;
      const double from = repeats ? mass.blank : mass.all();
      if (from == kNever) continue;
      Prefix longer = prefix;
      longer.push_back(label);
      Mass& grown = next[longer];
      if (grown.is_new) grown.said = said_after(mass.said, longer, words), grown.is_new = false;
      grown.label = log_sum(grown.label, from + frames.at(t, label));
    }
  }
  return next;
}

Beam best_of(const Beam& all, size_t count) {
  if (all.size() <= count) return all;
  std::vector<std::pair<double, Beam::const_iterator>> order;
  for (auto it = all.begin(); it != all.end(); ++it) order.emplace_back(it->second.score(), it);
  const auto more = [](const auto& a, const auto& b) {
    return a.first != b.first ? a.first > b.first : a.second->first < b.second->first;
  };
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end(),
                    more);
  Beam kept;
  for (size_t i = 0; i < count; ++i) kept.insert(*order[i].second);
  return kept;
}

// Labels with blanks before, between and behind: state 2 i + 1 is label i.
int64_t label_of(std::span<const int64_t> labels, int64_t state, int64_t blank) {
  return state % 2 == 1 ? labels[static_cast<size_t>(state / 2)] : blank;
}

bool may_skip(std::span<const int64_t> labels, int64_t state) {
  if (state % 2 == 0 || state < 3) return false;
  const auto i = static_cast<size_t>(state / 2);
  return labels[i] != labels[i - 1];
}

}  // namespace

std::vector<int64_t> ctc_greedy(const CtcFrames& frames) {
  std::vector<int64_t> labels;
  int64_t before = frames.blank;
  for (int64_t t = 0; t < frames.frames(); ++t) {
    const auto row = frames.log_p.subspan(static_cast<size_t>(t * frames.labels),
                                          static_cast<size_t>(frames.labels));
    const int64_t best = std::max_element(row.begin(), row.end()) - row.begin();
    if (best != before && best != frames.blank) labels.push_back(best);
    before = best;
  }
  return labels;
}

std::vector<CtcText> ctc_beam_search(const CtcFrames& frames, int64_t beams,
                                     const CtcWords* words) {
  check(beams > 0, "beam search: {} prefixes; at least 1", beams);
  Beam beam{{Prefix(), Mass{0, kNever}}};
  for (int64_t t = 0; t < frames.frames(); ++t)
    beam = best_of(extended(beam, frames, t, words), static_cast<size_t>(beams));
  std::vector<CtcText> found;
  for (const auto& [prefix, mass] : beam) {  // what was cut on the way is counted again
    const double log_p = ctc_log_probability(frames, prefix);
    found.push_back({prefix, log_p, log_p + score_at_end(mass.said, prefix, words)});
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const CtcText& a, const CtcText& b) { return a.score > b.score; });
  return found;
}

double ctc_log_probability(const CtcFrames& frames, std::span<const int64_t> labels) {
  const int64_t states = 2 * std::ssize(labels) + 1;
  std::vector<double> now(static_cast<size_t>(states), kNever), next(now);
  if (frames.frames() == 0) return labels.empty() ? 0 : kNever;
  for (int64_t t = 0; t < frames.frames(); ++t) {
    for (int64_t s = 0; s < states; ++s) {
      double from = t == 0 ? (s < 2 ? 0.0 : kNever) : now[s];
      if (t > 0 && s > 0) from = log_sum(from, now[s - 1]);
      if (t > 0 && may_skip(labels, s)) from = log_sum(from, now[s - 2]);
      next[s] = from + frames.at(t, label_of(labels, s, frames.blank));
    }
    std::swap(now, next);
  }
  return states == 1 ? now[0] : log_sum(now[states - 1], now[states - 2]);
}

int64_t ctc_least_frames(std::span<const int64_t> labels) {
  int64_t frames = std::ssize(labels);
  for (size_t i = 1; i < labels.size(); ++i) frames += labels[i] == labels[i - 1];
  return frames;
}

std::vector<CtcSpan> ctc_align(const CtcFrames& frames, std::span<const int64_t> labels) {
  const int64_t states = 2 * std::ssize(labels) + 1, count = frames.frames();
  check(count >= ctc_least_frames(labels), "{} labels need {} frames, there are {}", labels.size(),
        ctc_least_frames(labels), count);
  if (labels.empty()) return {};
  std::vector<double> now(static_cast<size_t>(states), kNever), next(now);
  std::vector<int8_t> back(static_cast<size_t>(count * states));  // how many states before
  for (int64_t t = 0; t < count; ++t) {
    for (int64_t s = 0; s < states; ++s) {
      double from = t == 0 ? (s < 2 ? 0.0 : kNever) : now[s];
      int8_t step = 0;
      if (t > 0 && s > 0 && now[s - 1] > from) from = now[s - 1], step = 1;
      if (t > 0 && may_skip(labels, s) && now[s - 2] > from) from = now[s - 2], step = 2;
      next[s] = from + frames.at(t, label_of(labels, s, frames.blank));
      back[t * states + s] = step;
    }
    std::swap(now, next);
  }
  std::vector<CtcSpan> spans(labels.size());
  int64_t state = now[states - 1] > now[states - 2] ? states - 1 : states - 2;
  for (int64_t t = count - 1; t >= 0; --t) {
    if (state % 2 == 1) {
      CtcSpan& span = spans[static_cast<size_t>(state / 2)];
      if (span.end == 0) span.end = t + 1;
      span.begin = t;
      span.log_p += frames.at(t, labels[static_cast<size_t>(state / 2)]);
    }
    state -= back[t * states + state];
  }
  for (CtcSpan& span : spans)
    span.log_p /= static_cast<double>(std::max<int64_t>(span.end - span.begin, 1));
  return spans;
}

}  // namespace cairn::text
