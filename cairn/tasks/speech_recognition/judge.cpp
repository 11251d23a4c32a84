#include <algorithm>
#include <cmath>

#include "cairn/base/round.h"
#include "cairn/dist/share_out.h"
#include "cairn/metrics/measures.h"
#include "cairn/metrics/classification.h"
#include "cairn/models/speech.h"
#include "cairn/ops/context.h"
#include "cairn/ops/ctc.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/speech_recognition/task.h"

namespace cairn::tasks::speech_recognition {
namespace {

constexpr int64_t kGrain = 16;

int64_t padded_length(int64_t longest) { return round_up(std::max<int64_t>(longest, 1), kGrain); }

}  // namespace

Letters::Letters(std::vector<std::string> labels, bool classes) : labels_(std::move(labels)) {
  if (!classes && (labels_.empty() || !labels_[0].empty())) labels_.insert(labels_.begin(), "");
}

std::vector<int64_t> Letters::encode(const std::string& text) const {
  std::vector<int64_t> numbers;
  for (const std::string& c : metrics::characters_of(metrics::with_single_blanks(text))) {
    const auto at = std::lower_bound(labels_.begin() + 1, labels_.end(), c);
    if (at != labels_.end() && *at == c) numbers.push_back(at - labels_.begin());
  }
  return numbers;
}

std::string Letters::decode(const std::vector<int64_t>& numbers) const {
  std::string text;
  for (const int64_t n : numbers) text += labels_.at(static_cast<size_t>(n));
  return metrics::with_single_blanks(text);
}

int64_t Letters::class_of(const std::string& text) const {
  const auto at = std::find(labels_.begin(), labels_.end(), metrics::with_single_blanks(text));
  check(at != labels_.end(), "'{}' is none of the {} classes that were learned", text,
        labels_.size());
  return at - labels_.begin();
}

Tensors Batch::tensors(int64_t size, bool classes) const {
  const int64_t rows = std::ssize(heard);
  int64_t frames = 1, most = 1;
  for (const Heard& h : heard) frames = std::max(frames, h.frames);
  for (const auto& l : labels) most = std::max<int64_t>(most, std::ssize(l));
  frames = padded_length(frames), most = classes ? 1 : padded_length(most);
  std::vector<float> x(static_cast<size_t>(rows * frames * size));
  std::vector<int64_t> lengths, y(static_cast<size_t>(rows * most)), label_lengths;
  for (int64_t r = 0; r < rows; ++r) {
    const auto& [values, count] = heard[static_cast<size_t>(r)];
    std::copy(values.begin(), values.end(), x.begin() + r * frames * size);
    lengths.push_back(count);
    if (labels.empty()) continue;
    const auto& own = labels[static_cast<size_t>(r)];
    std::copy(own.begin(), own.end(), y.begin() + r * most);
    label_lengths.push_back(std::ssize(own));
  }
  Tensors all{from_host(x.data(), {rows, frames, size}, DType::f32),
              from_host(lengths.data(), {rows}, DType::i64)};
  if (labels.empty()) return all;
  if (classes) all.push_back(from_host(y.data(), {rows}, DType::i64));
  else
    all.push_back(from_host(y.data(), {rows, most}, DType::i64)),
        all.push_back(from_host(label_lengths.data(), {rows}, DType::i64));
  return all;
}

nn::AnyModule make_network(const Options& o) {
  const auto labels = static_cast<int64_t>(o.labels->size());
  if (o.whole_clip) return models::ClipClassifier(labels, o.width, o.dropout);
  if (o.model == "transformer" && (o.width % o.heads != 0 || o.width / o.heads % 2 != 0))
    throw InvalidOption("heads", fmt::format("{} heads of a width of {}: each needs an even part",
                                             *o.heads, *o.width));
  return models::Listener({.model = *o.model,
                           .features = o.feature_size,
                           .labels = labels,
                           .width = o.width,
                           .layers = o.layers,
                           .heads = o.heads,
                           .dropout = o.dropout});
}

Tensor loss_of(const Options& o, const nn::AnyModule& net, std::span<const Tensor> in,
               double smoothing) {
  const Tensor out = (*net)(in[0], in[1]);
  if (o.whole_clip) return cross_entropy(out, in[2], {.label_smoothing = smoothing});
  return ctc_loss(transpose(out, 0, 1), in[2], in[1], in[3], {.zero_infinity = true});
}

Judge::Judge(const Options& o, const nn::AnyModule& net, const Ear& ear, const Letters& letters)
    : o_(o),
      ear_(ear),
      letters_(letters),
      forward_([net](std::span<const Tensor> in) -> Tensors { return {(*net)(in[0], in[1])}; }) {}

std::string Judge::text_of(const Recognised& r, const Search& how) const {
  if (o_.whole_clip)
    return letters_.labels()[std::max_element(r.log_p.begin(), r.log_p.end()) - r.log_p.begin()];
  const text::CtcFrames frames = frames_of(r);
  if (how.beams == 1 && !how.model) return letters_.decode(text::ctc_greedy(frames));
  if (!how.model) return letters_.decode(text::ctc_beam_search(frames, how.beams)[0].labels);
  const text::CtcWords words{*how.model, letters_.labels(), how.weight, how.bonus};
  return letters_.decode(text::ctc_beam_search(frames, how.beams, &words)[0].labels);
}

Recognised Judge::recognise(const Heard& heard, const Search& how) {
  const NoGrad no_grad;
  const Tensors in = Batch{{heard}, {}}.tensors(ear_.size(), o_.whole_clip);
  Tensor out = forward_.call(in)[0];
  if (o_.whole_clip) out = log_softmax(out, 1);
  Recognised r{"", 0, out.to_vector<float>(), heard.frames};
  if (!o_.whole_clip) r.log_p.resize(static_cast<size_t>(heard.frames * letters_.size()));
  r.text = text_of(r, how);
  return r;
}

std::vector<Recognised> Judge::recognise(const SpeechPart& part, const Search& how) {
  const NoGrad no_grad;
  const size_t count = part.utterances.size();
  constexpr size_t kAtOnce = 16;
  std::vector<size_t> order(count);
  std::vector<int64_t> lengths(count);
  for (size_t i = 0; i < count; ++i)
    order[i] = i, lengths[i] = ear_.frames_of(part, part.utterances[i]);
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return lengths[a] < lengths[b]; });
  std::vector<Recognised> all(count);
  const auto recognise_some = [&](int64_t number) {
    const size_t at = static_cast<size_t>(number) * kAtOnce;
    const size_t rows = std::min(kAtOnce, count - at);
    Batch batch;
    for (size_t r = 0; r < rows; ++r)
      batch.heard.push_back(ear_.hear(part, part.utterances[order[at + r]]));
    const Tensor raw = forward_.call(batch.tensors(ear_.size(), o_.whole_clip))[0];
    const Tensor out = o_.whole_clip ? log_softmax(raw, 1) : raw;
    const auto values = out.to_vector<float>();
    const size_t each = values.size() / rows;
    for (size_t r = 0; r < rows; ++r) {
      Recognised& one = all[order[at + r]];
      one.frames = batch.heard[r].frames;
      const size_t kept = o_.whole_clip ? each : static_cast<size_t>(one.frames * letters_.size());
      one.log_p.assign(values.begin() + static_cast<std::ptrdiff_t>(r * each),
                       values.begin() + static_cast<std::ptrdiff_t>(r * each + kept));
      one.text = text_of(one, how);
      const std::string& text = part.utterances[order[at + r]].text;
      if (o_.whole_clip) {
        one.loss = -one.log_p[static_cast<size_t>(letters_.class_of(text))];
      } else {
        const auto labels = letters_.encode(text);
        one.loss = -text::ctc_log_probability(frames_of(one), labels) /
                   static_cast<double>(std::max<size_t>(labels.size(), 1));
      }
    }
  };
  // What each frame may be is large, and no measure asks for it.
  const auto pass = [&](int64_t number, dist::Parcel& parcel) {
    const size_t at = static_cast<size_t>(number) * kAtOnce;
    for (size_t i = at; i < std::min(count, at + kAtOnce); ++i)
      parcel.pass(all[order[i]].text), parcel.pass(all[order[i]].loss);
  };
  dist::share_out(static_cast<int64_t>((count + kAtOnce - 1) / kAtOnce), recognise_some, pass);
  return all;
}

Json Judge::measure(const SpeechPart& part, const std::vector<Recognised>& all) const {
  double loss = 0;
  size_t finite = 0;
  for (const Recognised& r : all)
    if (std::isfinite(r.loss)) loss += r.loss, ++finite;
  Json result = {{"examples", all.size()},
                 {"loss", loss / static_cast<double>(std::max<size_t>(finite, 1))}};
  if (o_.whole_clip) {
    metrics::Confusion confusion(letters_.labels().size());
    for (size_t i = 0; i < all.size(); ++i)
      confusion.add(letters_.class_of(part.utterances[i].text), letters_.class_of(all[i].text));
    result["accuracy"] = confusion.accuracy();
    result["confusion"] = confusion.counts();
    result["classes"] = letters_.labels();
    return result;
  }
  metrics::Edits words, characters;
  for (size_t i = 0; i < all.size(); ++i) {
    words += metrics::word_edits(part.utterances[i].text, all[i].text);
    characters += metrics::character_edits(part.utterances[i].text, all[i].text);
  }
  result["wer"] = words.rate(), result["cer"] = characters.rate();
  result["words"] = words.reference(), result["substitutions"] = words.substitutions;
  result["deletions"] = words.deletions, result["insertions"] = words.insertions;
  return result;
}

Json Judge::measure(const SpeechPart& part, const Search& how) {
  return measure(part, recognise(part, how));
}

std::string in_words(const Json& r) {
  if (r.contains("accuracy"))
    return fmt::format("accuracy {:.2f} %, loss {:.4f}", r["accuracy"].get<double>() * 100,
                       r["loss"].get<double>());
  return fmt::format("{:.2f} % of words wrong, {:.2f} % of characters, loss {:.4f}",
                     r["wer"].get<double>() * 100, r["cer"].get<double>() * 100,
                     r["loss"].get<double>());
}

}  // namespace cairn::tasks::speech_recognition
