#include <algorithm>
#include <cmath>

#include "cairn/audio/sound.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/own_data.h"
#include "cairn/tasks/speech_recognition/task.h"

namespace cairn::tasks::speech_recognition {
namespace {

Options checked(Options o, const std::string& file) {
  check(!o.labels->empty(), "'{}' is damaged: it has no labels", file);
  const int64_t heard = Ear(o).size();
  check(heard == o.feature_size, "'{}' is damaged: {} features of a frame, its ear hears {}", file,
        *o.feature_size, heard);
  check(o.whole_clip == (o.model == "cnn"), "'{}' is damaged: model {} for {}", file, *o.model,
        o.whole_clip ? "whole clips" : "texts");
  return o;
}

nn::AnyModule network_of(const train::SavedModel& saved, const Options& o) {
  nn::AnyModule net = make_network(o);
  train::load_weights(saved, *net);
  net->eval();
  return net;
}

}  // namespace

Recogniser::Recogniser(const train::SavedModel& saved)
    : Model(saved),
      options_(checked(options_of<Options>(saved, &Options::labels, &Options::feature_size,
                                           &Options::model, &Options::features, &Options::rate,
                                           &Options::bins, &Options::stack, &Options::width),
                       saved.config_file())),
      ear_(options_),
      letters_(options_.labels, options_.whole_clip),
      net_(network_of(saved, options_)),
      judge_(options_, net_, ear_, letters_) {}

std::vector<Tensor> Recogniser::inputs(int64_t examples) {
  const SpeechPart all = part("", "validation");
  std::vector<Tensor> batches;
  for (size_t at = 0; at < all.utterances.size() && static_cast<int64_t>(at) < examples; at += 8) {
    Batch batch;
    for (size_t i = at; i < std::min(all.utterances.size(), at + 8); ++i)
      batch.heard.push_back(ear_.hear(all, all.utterances[i]));
    batches.push_back(batch.tensors(ear_.size(), options_.whole_clip)[0]);
  }
  return batches;
}

std::vector<Port> Recogniser::takes() {
  return {{"features", DType::f32, {kAnyBatch, kAnyLength, ear_.size()}},
          {"lengths", DType::i64, {kAnyBatch}}};
}

std::vector<std::string> Recogniser::gives() const {
  return {options_.whole_clip ? "probabilities" : "log_probabilities"};
}

Tensors Recogniser::forward(std::span<const Tensor> in) {
  const Tensor out = (*net_)(in[0], in[1]);
  return {options_.whole_clip ? softmax(out, 1) : out};
}

Tensors Recogniser::read(const std::string& file) {
  const audio::Sound sound = audio::read_sound(file, ear_.rate());
  return Batch{{ear_.hear(sound.samples)}, {}}.tensors(ear_.size(), options_.whole_clip);
}

std::vector<std::string> Recogniser::labels() const {
  return options_.whole_clip ? letters_.labels() : std::vector<std::string>();
}

Recogniser::Chosen Recogniser::chosen(const SpeechEvalOptions& o) const {
  const std::string data = o.or_own("");
  if (is_own_data(data, options_.data)) return {part(data, o.split), o.split};
  data::SpeechSet set = data::open_speech(data);
  const bool has_parts = !set.test.utterances.empty() || !set.validation.utterances.empty();
  if (has_parts) return {part_of(set, data, o.split), o.split};
  o.split.require(!o.split.given(), "'{}' has no parts: it is measured whole", data);
  return {part_of(set, data, "all"), "all"};
}

SpeechPart Recogniser::part(const std::string& data, const std::string& split) const {
  const std::string& from = data.empty() ? *options_.data : data;
  return part_of(data::open_speech(from), from, split);
}

SpeechPart Recogniser::part_of(const data::SpeechSet& set, const std::string& from,
                               const std::string& split) const {
  SpeechPart chosen = split == "all"          ? set.train
                      : split == "test"       ? set.test
                      : split == "validation" ? parts_of(set, options_).validation
                                              : parts_of(set, options_).train;
  check(!chosen.utterances.empty(), "'{}' has no {} part", from, split);
  check(!chosen.features || chosen.features->size * options_.stack * 3 == ear_.size(),
        "'{}' has {} features of a frame, the network hears others", from,
        chosen.features ? chosen.features->size : 0);
  return chosen;
}

std::vector<Word> Recogniser::words_of(const Recognised& r, double begin, double end) const {
  const text::CtcFrames frames = judge_.frames_of(r);
  const std::vector<int64_t> labels = letters_.encode(r.text);
  if (text::ctc_least_frames(labels) > frames.frames()) return {};
  const auto spans = text::ctc_align(frames, labels);
  std::vector<Word> words;
  bool inside = false;
  int64_t count = 0;
  for (size_t i = 0; i < labels.size(); ++i) {
    const std::string& c = letters_.labels()[static_cast<size_t>(labels[i])];
    if (c == " ") {
      inside = false;
      continue;
    }
    const auto second = [&](int64_t frame) {  // the last frame may reach beyond the sound
      return std::min(begin + ear_.seconds_of(frame), end);
    };
    if (!inside) words.push_back({"", second(spans[i].begin), 0, 0}), count = 0;
    inside = true, ++count;
    Word& w = words.back();
    w.word += c, w.end = second(spans[i].end);
    w.confidence += (spans[i].log_p - w.confidence) / static_cast<double>(count);
  }
  for (Word& w : words) w.confidence = std::exp(w.confidence);
  return words;
}

}  // namespace cairn::tasks::speech_recognition
