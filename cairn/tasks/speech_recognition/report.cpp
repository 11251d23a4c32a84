#include <algorithm>
#include <cmath>

#include "cairn/audio/sound.h"
#include "cairn/ops/context.h"
#include "cairn/tasks/speech_recognition/task.h"
#include "cairn/train/report/measured.h"

namespace cairn::tasks::speech_recognition {
namespace {

using namespace train::report;

constexpr size_t kJudged = 200, kShown = 6;
constexpr int64_t kColumns = 40;       // of an alignment
constexpr double kLongestPlayed = 12;  // seconds

// Time from the left, filters from below, the louder the darker.
io::Image spectrogram(const std::vector<float>& samples, int rate) {
  const audio::FrontEnd front(audio::feature_preset("log-mel", rate, 64));
  const auto mels = front(samples);
  const auto frames = static_cast<int>(std::ssize(mels) / front.size());
  io::Image image(std::max(frames, 1), 64, 1, 255);
  if (mels.empty()) return image;
  const auto [low, high] = std::minmax_element(mels.begin(), mels.end());
  const float range = std::max(*high - *low, 1e-6f);
  for (int t = 0; t < frames; ++t)
    for (int f = 0; f < 64; ++f)
      *image.at(t, 63 - f) = static_cast<uint8_t>(255 - 255 * (mels[t * 64 + f] - *low) / range);
  return image;
}

Figure player_of(const std::vector<float>& samples, int rate) {
  const auto count = std::min(samples.size(), static_cast<size_t>(kLongestPlayed * rate));
  return player(audio::to_wav(std::span(samples).first(count), rate));
}

// How probable each letter of what was said is over time.
Figure alignment(Recogniser& r, const Recognised& heard) {
  const text::CtcFrames frames = r.judge().frames_of(heard);
  const auto labels = r.letters().encode(heard.text);
  const int64_t columns = std::min(kColumns, frames.frames());
  HeatMap map{"", "letter", "time", {}, {}, {}, {}, 18};
  map.columns.resize(static_cast<size_t>(columns));
  for (const int64_t label : labels) {
    const std::string& c = r.letters().labels()[static_cast<size_t>(label)];
    map.rows.push_back(c == " " ? "_" : c);
    for (int64_t k = 0; k < columns; ++k) {
      const int64_t from = k * frames.frames() / columns;
      const int64_t to = std::max((k + 1) * frames.frames() / columns, from + 1);
      float most = -INFINITY;
      for (int64_t t = from; t < to; ++t) most = std::max(most, frames.at(t, label));
      map.values.push_back(std::exp(static_cast<double>(most)));
    }
  }
  return figure(map, fmt::format("'{}', {:.1f} s", heard.text, r.ear().seconds_of(heard.frames)));
}

// What was wanted, words that were not heard so in red, and what was heard.
void mark_errors(Page& page, const Utterance& u, const Recognised& heard) {
  const auto wanted = metrics::words_of(u.text), said = metrics::words_of(heard.text);
  std::vector<std::pair<std::string, double>> pieces;
  for (const auto& place : metrics::align(wanted, said)) {
    const std::string a = place.reference < 0 ? "" : wanted[place.reference];
    const std::string b = place.said < 0 ? "" : said[place.said];
    if (a == b) pieces.emplace_back(a + " ", 0);
    else if (b.empty()) pieces.emplace_back("(" + a + ") ", -1);
    else if (a.empty()) pieces.emplace_back(b + " ", 1);
    else pieces.emplace_back("(" + a + ") ", -1), pieces.emplace_back(b + " ", 1);
  }
  page.shaded(u.id, pieces);
}

void show(Page& page, Recogniser& r, const Utterance& u, const Recognised& heard) {
  mark_errors(page, u, heard);
  std::vector<Figure> figures;
  const auto samples = r.ear().samples_of(u);
  if (!samples.empty()) {
    figures.push_back(figure(spectrogram(samples, r.ear().rate()), "what was heard", 2));
    figures.push_back(player_of(samples, r.ear().rate()));
  }
  if (!figures.empty()) page.figures(figures);
}

}  // namespace

void report(Page& page, Recogniser& r, const Lines& log) {
  const NoGrad no_grad;
  SpeechPart part = r.part("", "validation");
  if (part.utterances.size() > kJudged) part.utterances.resize(kJudged);
  const auto all = r.judge().recognise(part);
  const Json measured = r.judge().measure(part, all);
  page.headline(r.options().whole_clip
                    ? fmt::format("{:.1f} % of {} recordings that it never heard are told right",
                                  measured["accuracy"].get<double>() * 100, all.size())
                    : fmt::format("{:.1f} % of the words of {} recordings that it never heard are "
                                  "wrong, {:.1f} % of the letters",
                                  measured["wer"].get<double>() * 100, all.size(),
                                  measured["cer"].get<double>() * 100));
  if (r.options().whole_clip) page.figures(confusion_figure(measured, r.letters().labels()));
  else {
    std::vector<Figure> maps;
    for (size_t i = 0; i < all.size() && maps.size() < 3; ++i)
      if (all[i].text.size() >= 2 && all[i].text.size() <= 24) maps.push_back(alignment(r, all[i]));
    if (!maps.empty()) {
      page.heading("When it hears which letter");
      page.paragraph(
          "Each row is a letter of what it wrote, each column a moment: the darker, the "
          "more probable. Nobody told it when a letter is said.");
      page.figures(maps);
    }
  }
  std::vector<size_t> order(all.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  const auto errors = [&](size_t i) {
    return metrics::character_edits(part.utterances[i].text, all[i].text).rate();
  };
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return errors(a) != errors(b) ? errors(a) > errors(b) : all[a].loss > all[b].loss;
  });
  page.heading("What it understood worst");
  page.paragraph("In brackets what was said and not heard, then what it wrote instead.");
  for (size_t i = 0; i < std::min(kShown, order.size()); ++i)
    show(page, r, part.utterances[order[i]], all[order[i]]);
  page.heading("How it learned");
  write_facts(page, r, log,
              {{"hears", fmt::format("{}, {} Hz", *r.options().features, *r.options().rate)}});
  page.figures(loss_charts(log, r.options().whole_clip ? "nats" : "nats a letter", "validation"));
}

}  // namespace cairn::tasks::speech_recognition
