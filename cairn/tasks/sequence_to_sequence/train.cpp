#include <algorithm>
#include <cctype>
#include <map>

#include "cairn/data/order.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/sequence_to_sequence/sequences.h"
#include "cairn/text/train_tokenizer.h"

namespace cairn::tasks::sequence_to_sequence {
namespace {

constexpr int64_t kOften = 100;  // a name that is worth a token
constexpr size_t kMostNames = 32, kLongestName = 32;

// Where the next #name# of letters and digits is in the text, with its marks.
std::string_view next_name(std::string_view text, size_t& at) {
  for (at = text.find('#', at); at != text.npos; at = text.find('#', at + 1)) {
    size_t end = at + 1;
    while (end < text.size() && std::isalnum(static_cast<unsigned char>(text[end]))) ++end;
    if (end < text.size() && text[end] == '#' && end > at + 1 && end - at < kLongestName)
      return text.substr(at, end + 1 - at);
  }
  return {};
}

// What stands for names in texts from which those were taken (#Person1#, #PhoneNumber#), with and
// without the space before it: most frequent first.
std::vector<std::string> names_of(const std::vector<TextPair>& pairs) {
  std::map<std::string, int64_t, std::less<>> counts;
  for (const TextPair& p : pairs)
    for (const std::string* text : {&p.source, &p.target}) {
      size_t at = 0;
      for (auto name = next_name(*text, at); !name.empty(); name = next_name(*text, at))
        ++counts[std::string(name)], at += name.size();
    }
  std::vector<std::string> names;
  for (const auto& [name, count] : counts)
    if (count >= kOften) names.push_back(name);
  std::stable_sort(names.begin(), names.end(), [&](const std::string& a, const std::string& b) {
    return counts[a] > counts[b];
  });
  if (names.size() > kMostNames) names.resize(kMostNames);
  for (size_t i = 0, some = names.size(); i < some; ++i) names.push_back(" " + names[i]);
  return names;
}

std::string learn_tokenizer(const std::vector<TextPair>& pairs, const SequenceOptions& o) {
  size_t at = 0;  // sources and targets in turn
  const auto next = [&](std::string& text) {
    if (at == 2 * pairs.size()) return false;
    text = at % 2 == 0 ? pairs[at / 2].source : pairs[at / 2].target;
    return ++at, true;
  };
  std::vector<std::string> special = {"<pad>", "<s>", "</s>"};
  const size_t own = special.size();
  const auto names = names_of(pairs);
  special.insert(special.end(), names.begin(), names.end());
  Json learned = Json::parse(
      text::train_tokenizer(next, {.kind = "byte-bpe", .vocab = o.vocab, .special = special})
          .to_json());
  // Names are text: found where they stand, and written.
  for (Json& added : learned["added_tokens"])
    if (added["id"].get<size_t>() >= own) added["special"] = false;
  return learned.dump();
}

optim::Schedule schedule_of(const SequenceOptions& o) {
  if (o.schedule == "inverse-sqrt") return optim::inverse_sqrt(o.warmup);
  return optim::warmup(o.warmup, optim::cosine(std::max<int64_t>(o.steps - o.warmup, 1), 0.01),
                       1.0 / static_cast<double>(*o.warmup));
}

std::vector<int64_t> lengths_of(const std::vector<Example>& examples) {
  std::vector<int64_t> lengths;
  for (const Example& e : examples)
    lengths.push_back(std::max(std::ssize(e.source), std::ssize(e.target)));
  return lengths;
}

}  // namespace

void take_network_of_run(const char* task, SequenceOptions& o, Option<std::string>& model) {
  train::take_network_of_run(
      task, o,
      {&model, &o.tokenizer, &o.vocab, &o.layers, &o.width, &o.heads, &o.feed_forward, &o.longest});
}

Json train_on(const char* task, SequenceOptions& o, const Split<TextPair>& pairs,
              const std::string& about) {
  train::note_counts(o, {{"pairs to learn from", pairs.train.size()},
                         {"pairs to validate by", pairs.validation.size()}});
  if (o.tokenizer.is_open()) o.tokenizer.fill(learn_tokenizer(pairs.train, o));
  const Coder coder(std::make_shared<text::SubwordTokenizer>(*o.tokenizer, *o.out), o.longest);
  const auto examples = coder.examples(pairs.train), held_back = coder.examples(pairs.validation);
  const data::Order order(std::ssize(examples), data::for_rank({.batch = o.batch, .seed = o.seed}),
                          lengths_of(examples));
  train::fill_length(o, order.steps_per_epoch());
  o.warmup.fill(std::clamp<int64_t>(o.steps / 10, 1, 800));
  o.eval_every.fill(std::max<int64_t>(std::min(order.steps_per_epoch(), *o.steps / 10), 1));
  manual_seed(o.seed);
  const auto net = make_network(o, coder.tokenizer().size());
  train::Supervised session(
      {.task = task,
       .label = o.chosen_model(),
       .network = net->module(),
       .options = o,
       .schedule = schedule_of(o),
       .validates = true,
       .smooths_targets = o.label_smoothing > 0,
       .decays_matrices_only = true,
       .about = fmt::format(
           "{}: {} pairs to learn from, {} to validate, {}, {} texts cut, {} tokens", *o.data,
           examples.size(), held_back.size(), about, coder.cut(), coder.tokenizer().size())});
  Meter meter(net);
  session.run({.next =
                   [&] {
                     std::vector<const Example*> some;
                     for (const int64_t i : order.samples(session.step()))
                       some.push_back(&examples[static_cast<size_t>(i)]);
                     return batch_of(some);
                   },
               .loss =
                   [&](std::span<const Tensor> in) {
                     const Tensor logits = net->logits(in[0], in[1], in[2]);
                     return cross_entropy(flatten(logits, 0, 1), flatten(in[3]),
                                          {.label_smoothing = o.label_smoothing});
                   },
               .count =
                   [](std::span<const Tensor> in) {
                     return reshape(sum(cast(ge(in[3], 0), DType::f32)), {1});
                   },
               .measure =
                   [&] {
                     return Json{{"loss", meter.loss(held_back)}};
                   },
               .words =
                   [](const Json& measured) {
                     return fmt::format("loss {:.4f}", measured["loss"].get<double>());
                   }});
  session.use_kept();
  return session.result("validation",
                        {{"examples", held_back.size()}, {"loss", meter.loss(held_back)}});
}

}  // namespace cairn::tasks::sequence_to_sequence
