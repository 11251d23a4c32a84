#include <algorithm>
#include <set>

#include "cairn/audio/sound.h"
#include "cairn/base/parallel.h"
#include "cairn/data/batch_loader.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/speech_recognition/task.h"

namespace cairn::tasks::speech_recognition {
namespace {

constexpr double kSmoothing = 0.1;  // of classes
constexpr uint64_t kChanges = 0x5350454543;

// What the data and the other options decide.
void fill_recipe(Options& o, const data::SpeechSet& set) {
  o.model.fill(o.whole_clip ? "cnn" : "bilstm");
  if (o.whole_clip != (o.model == "cnn"))
    throw InvalidOption("model", o.whole_clip ? "of whole clips only cnn can be learned"
                                              : "cnn learns classes of whole clips (whole_clip)");
  const bool ready = set.train.features != nullptr;
  if (ready && !o.features.is_open() && o.features != "sphinx-mfcc")
    throw InvalidOption("features", fmt::format("'{}' has features instead of sound; they are "
                                                "sphinx-mfcc",
                                                *o.data));
  o.features.fill(ready ? "sphinx-mfcc" : "log-mel");
  if (ready) o.rate.fill(16000);
  else if (set.layout == "tones") o.rate.fill(data::kTonesRate);
  else o.rate.fill(std::min(16000, audio::SoundReader(set.train.utterances[0].audio).info().rate));
  const auto preset = audio::feature_preset(o.features, static_cast<int>(*o.rate));
  o.bins.fill(o.features == "log-mel" && o.rate < 16000 ? 40 : preset.bins);
  o.stack.fill(o.whole_clip ? 1 : 3);
  o.keep.fill(o.patience > 0 ? "best" : "last");
  o.fill_usual();
}

std::vector<std::string> labels_of(const SpeechPart& part, bool classes) {
  std::set<std::string> all;
  for (const Utterance& u : part.utterances) {
    const std::string text = metrics::with_single_blanks(u.text);
    if (classes) all.insert(text);
    else
      for (const std::string& c : metrics::characters_of(text)) all.insert(c);
  }
  std::vector<std::string> labels(all.begin(), all.end());
  if (!classes) labels.insert(labels.begin(), "");
  check(labels.size() <= 20000, "{} different {} to learn; at most 20000", labels.size(),
        classes ? "classes" : "characters");
  return labels;
}

// Leaves out what cannot be learned: texts that are longer than their frames.
std::string leave_out(SpeechPart& part, const Ear& ear, const Letters& letters, bool classes,
                      std::vector<int64_t>& lengths) {
  std::vector<Utterance> kept;
  std::string first;
  size_t left = 0;
  for (Utterance& u : part.utterances) {
    const int64_t frames = ear.frames_of(part, u);
    const int64_t needed = classes ? 1 : text::ctc_least_frames(letters.encode(u.text));
    if (frames < needed || frames == 0) {
      if (left++ == 0)
        first = fmt::format("{}: {} frames for a text that needs {}", u.from, frames, needed);
      continue;
    }
    lengths.push_back(frames), kept.push_back(std::move(u));
  }
  part.utterances = std::move(kept);
  return left == 0 ? "" : fmt::format("left out {} recordings ({})", left, first);
}

}  // namespace

Parts parts_of(const data::SpeechSet& set, const Options& o) {
  Parts parts{set.train, set.validation};
  if (!parts.validation.utterances.empty()) return parts;
  const auto split = train::hold_back(o, std::ssize(set.train.utterances));
  parts.train.utterances.clear(), parts.validation.features = set.train.features;
  for (const int64_t i : split.first) parts.train.utterances.push_back(set.train.utterances[i]);
  for (const int64_t i : split.second)
    parts.validation.utterances.push_back(set.train.utterances[i]);
  return parts;
}

Json train(Options o) {
  train::choose_run(kTask, o);
  const data::SpeechSet set = data::open_speech(o.data);
  train::say_left_out(o.data, set.left_out);
  check(!set.train.utterances.empty(), "'{}' has nothing to learn from (no training part)",
        *o.data);
  fill_recipe(o, set);
  Parts parts = parts_of(set, o);
  o.labels.fill(labels_of(set.train, o.whole_clip));
  const Letters letters(o.labels, o.whole_clip);
  const Ear ear(o);
  o.feature_size.fill(ear.size());
  std::vector<int64_t> lengths;
  train::say_left_out(o.data, leave_out(parts.train, ear, letters, o.whole_clip, lengths));
  for (const Utterance& u : parts.validation.utterances) ear.frames_of(parts.validation, u);
  ear.say_complaints();  // of what headers tell; of what reading tells at the end
  check(!parts.train.utterances.empty(), "'{}': every text is longer than its frames", *o.data);
  train::note_counts(o, {{"recordings to learn from", parts.train.utterances.size()},
                         {"recordings to validate by", parts.validation.utterances.size()}});
  std::vector<std::vector<int64_t>> targets;
  for (const Utterance& u : parts.train.utterances)
    targets.push_back(o.whole_clip ? std::vector<int64_t>{letters.class_of(u.text)}
                                   : letters.encode(u.text));
  const data::Order order(std::ssize(targets), data::for_rank({.batch = o.batch, .seed = o.seed}),
                          lengths);
  train::fill_length(o, order.steps_per_epoch());
  o.eval_every.fill(std::max<int64_t>({order.steps_per_epoch(), *o.steps / 20, 1}));
  manual_seed(o.seed);
  const nn::AnyModule net = make_network(o);
  train::Supervised session(
      {.task = kTask,
       .label = o.model,
       .network = *net,
       .options = o,
       .schedule = optim::one_cycle(o.steps),
       .validates = true,
       .smooths_targets = o.whole_clip,
       .decays_matrices_only = true,
       .about = fmt::format("{} ({}): {} recordings to learn from, {} to validate, {} {}", *o.data,
                            set.layout, targets.size(), parts.validation.utterances.size(),
                            letters.size(), o.whole_clip ? "classes" : "labels")});
  data::BatchLoader<Batch> loader(
      order,
      {.start_step = session.step(),
       .end_step = o.steps,
       .threads = std::max(1, num_threads() - 1)},
      [&](const data::BatchPlan& plan, Batch& batch) {
        batch = {};
        for (const int64_t i : plan.samples) {
          PhiloxStream random(
              philox_derive(o.seed, kChanges + static_cast<uint64_t>(plan.place.epoch)),
              static_cast<uint64_t>(i));
          const auto& u = parts.train.utterances[static_cast<size_t>(i)];
          batch.heard.push_back(ear.hear(parts.train, u, &random));
          batch.labels.push_back(targets[static_cast<size_t>(i)]);
        }
      });
  Judge judge(o, net, ear, letters);
  Batch batch;
  session.run({.next =
                   [&] {
                     loader.next(batch);
                     return batch.tensors(ear.size(), o.whole_clip);
                   },
               .loss = [&](std::span<const Tensor> in) { return loss_of(o, net, in, kSmoothing); },
               .measure = [&] { return judge.measure(parts.validation); },
               .words = in_words});
  session.use_kept();
  const Json measured = judge.measure(parts.validation);
  ear.say_complaints();
  return session.result("validation", measured);
}

}  // namespace cairn::tasks::speech_recognition
