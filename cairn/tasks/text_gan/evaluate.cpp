#include <algorithm>
#include <cmath>
#include <set>

#include "cairn/tasks/own_data.h"
#include "cairn/tasks/text_gan/task.h"
#include "cairn/text/ngram.h"

namespace cairn::tasks::text_gan {
namespace {

constexpr double kTemperatures[] = {0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2};
constexpr int kGrams = 3;
constexpr double kNoise = 0.02;  // of BLEU-3 over some hundred sentences

std::vector<Words> words_of_all(const std::vector<std::string>& sentences) {
  std::vector<Words> all;
  for (const std::string& sentence : sentences) all.push_back(data::words_of(sentence));
  return all;
}

// Of a real word, its end counted, by what the written sentences teach.
double reverse_perplexity(const std::vector<Words>& written, const std::vector<std::string>& real) {
  size_t next = 0;
  const auto model = text::estimate_ngrams(
      [&](std::string& line) {
        if (next == written.size()) return false;
        line = joined(written[next++]);
        return true;
      },
      kGrams);
  double log_p = 0, words = 0;
  for (const std::string& sentence : real) {
    log_p += model.log_probability(sentence);
    words += static_cast<double>(data::words_of(sentence).size()) + 1;
  }
  return std::exp(-log_p / words);
}

void add(Json& to, const std::string& name, const metrics::SentenceBleu::Scores& scores) {
  for (size_t i = 0; i < scores.size(); ++i) to[fmt::format("{}{}", name, i + 2)] = scores[i];
}

void add_with(Json& to, const std::string& before, const Json& judged) {
  for (const auto& [name, value] : judged.items()) to[before + name] = value;
}

}  // namespace

Judge::Judge(const std::vector<std::string>& real, const std::vector<std::string>& learned)
    : real_(real), bleu_(words_of_all(real)), learned_(learned) {
  std::sort(learned_.begin(), learned_.end());
}

Json Judge::judge(const std::vector<Words>& written) const {
  Json r = Json::object();
  add(r, "bleu", bleu_.mean_of(written));
  add(r, "self_bleu", metrics::self_bleu(written));
  const bool any =
      std::any_of(written.begin(), written.end(), [](const Words& w) { return !w.empty(); });
  r["reverse_perplexity"] = any ? Json(reverse_perplexity(written, real_)) : Json();
  std::set<std::string> different;
  size_t copied = 0;
  for (const Words& words : written) {
    const std::string sentence = joined(words);
    copied += std::binary_search(learned_.begin(), learned_.end(), sentence);
    different.insert(sentence);
  }
  const auto all = static_cast<double>(written.size());
  r["copied"] = static_cast<double>(copied) / all;
  r["distinct"] = static_cast<double>(different.size()) / all;
  return r;
}

Json temperatures_of(Author& author, const text::Tokenizer& tokenizer, const Judge& judge,
                     int64_t count, uint64_t seed) {
  Json curve = Json::array();
  for (const double temperature : kTemperatures) {
    const Json r = judge.judge(author.write(tokenizer, count, temperature, seed));
    curve.push_back(
        {{"temperature", temperature}, {"bleu3", r["bleu3"]}, {"self_bleu3", r["self_bleu3"]}});
  }
  return curve;
}

std::string verdict(const Json& adversarial, const Json& curve) {
  const double repeats = adversarial["self_bleu3"], right = adversarial["bleu3"];
  std::vector<std::pair<double, double>> points;
  for (const Json& p : curve) points.emplace_back(p["self_bleu3"], p["bleu3"]);
  std::sort(points.begin(), points.end());
  if (repeats < points.front().first || repeats > points.back().first)
    return fmt::format(
        "no temperature of the writer by likelihood repeats itself as much "
        "(Self-BLEU-3 {:.3f}; its own {:.3f} to {:.3f}): they cannot be compared",
        repeats, points.front().first, points.back().first);
  size_t k = 1;
  while (k + 1 < points.size() && points[k].first < repeats) ++k;
  const auto [x0, y0] = points[k - 1];
  const auto [x1, y1] = points[k];
  const double other = x1 > x0 ? y0 + (y1 - y0) * (repeats - x0) / (x1 - x0) : std::max(y0, y1);
  const char* said = right > other + kNoise   ? "the adversarial training made the writer better"
                     : right < other - kNoise ? "the adversarial training made the writer worse"
                                              : "the adversarial training changed little";
  return fmt::format(
      "{}: BLEU-3 {:.3f}, by likelihood {:.3f} at the temperature that repeats "
      "itself as much (Self-BLEU-3 {:.3f})",
      said, right, other, repeats);
}

namespace {

struct Real {
  std::vector<std::string> sentences;
  std::string split;
};

// A split of the data; of others without a test part, unless one is asked for, all.
Real real_of(const TextWriter& w, const JudgingOptions& o) {
  const std::string source = o.or_own("");
  if (!is_own_data(source, w.options().data) && !o.split.given()) {
    data::Sentences all = data::open_sentences(source);
    if (all.test.empty()) return {std::move(all.train), "all"};
  }
  Splits splits = w.splits(source);
  auto& real = o.split == "test"    ? splits.test
               : o.split == "train" ? splits.train
                                    : splits.validation;
  o.split.require(!real.empty(), "{}: no sentence was held back for it", *o.split);
  return {std::move(real), o.split};
}

}  // namespace

Json evaluate(TextWriter& w, const JudgingOptions& o) {
  const auto [real, split] = real_of(w, o);
  const auto learned = w.splits("").train;
  const Judge judge(real, learned);
  const auto& tokenizer = w.tokenizer();
  Json r = {{"examples", real.size()}, {"samples", *o.samples}};
  const Json adversarial = judge.judge(w.author().write(tokenizer, o.samples, 1, o.seed));
  r.update(adversarial);
  const Numbers numbers = numbers_of(real, tokenizer, w.options().longest);
  check(numbers.count > 0, "no sentence is of words that the model knows");
  r["nats"] = w.author().nats(numbers);
  r["unknown_part"] = static_cast<double>(numbers.unknown) / static_cast<double>(real.size());
  add_with(r, "mle_", judge.judge(w.by_likelihood().write(tokenizer, o.samples, 1, o.seed)));
  r["mle_nats"] = w.by_likelihood().nats(numbers);
  // What real sentences get: as many of those that were learned from.
  std::vector<std::string> some(learned.begin(),
                                learned.begin() + std::min(*o.samples, std::ssize(learned)));
  Json of_data = judge.judge(words_of_all(some));
  of_data.erase("copied");
  add_with(r, "data_", of_data);
  r["mle_curve"] = temperatures_of(w.by_likelihood(), tokenizer, judge, o.samples, o.seed);
  r["verdict"] =
      w.met() ? verdict(adversarial, r["mle_curve"]) : "the two networks have not met yet";
  return w.result(split, r);
}

}  // namespace cairn::tasks::text_gan
