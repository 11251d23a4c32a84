#include <algorithm>

#include "cairn/data/order.h"
#include "cairn/ops/context.h"
#include "cairn/ops/functions.h"
#include "cairn/tasks/machine_translation/task.h"
#include "cairn/text/train_tokenizer.h"

namespace cairn::tasks::machine_translation {
namespace {

std::string learn_tokenizer(const std::vector<TextPair>& pairs, const Options& o) {
  size_t at = 0;  // sources and targets in turn
  const auto next = [&](std::string& text) {
    if (at == 2 * pairs.size()) return false;
    text = at % 2 == 0 ? pairs[at / 2].source : pairs[at / 2].target;
    return ++at, true;
  };
  return text::train_tokenizer(
             next, {.kind = "byte-bpe", .vocab = o.vocab, .special = {"<pad>", "<s>", "</s>"}})
      .to_json();
}

optim::Schedule schedule_of(const Options& o) {
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

Json train(Options o) {
  train::choose_run(kTask, o);
  const data::ParallelText text = data::open_parallel_text(o.data, o.source, o.target);
  check(!text.train.empty(), "'{}' has no pairs to learn from", *o.data);
  o.fill_usual();
  const Split pairs = split_of(text, o);
  check(!pairs.train.empty(), "'{}' has no pairs to learn from", *o.data);
  train::note_counts(o, {{"pairs to learn from", pairs.train.size()},
                         {"pairs to validate by", pairs.validation.size()}});
  if (o.tokenizer.is_open()) o.tokenizer.fill(learn_tokenizer(pairs.train, o));
  const Coder coder(std::make_shared<text::SubwordTokenizer>(*o.tokenizer, *o.out), o.longest);
  const auto examples = coder.examples(pairs.train), held_back = coder.examples(pairs.validation);
  const data::Order order(std::ssize(examples), {.batch = o.batch, .seed = o.seed},
                          lengths_of(examples));
  train::fill_length(o, order.steps_per_epoch());
  o.warmup.fill(std::clamp<int64_t>(o.steps / 10, 1, 800));
  o.eval_every.fill(std::max<int64_t>(std::min(order.steps_per_epoch(), *o.steps / 10), 1));
  manual_seed(o.seed);
  models::EncoderDecoder net(network_options(o, coder.tokenizer().size()));
  train::Supervised session(
      {.task = kTask,
       .label = "transformer",
       .network = net,
       .options = o,
       .schedule = schedule_of(o),
       .validates = true,
       .smooths_targets = o.label_smoothing > 0,
       .decays_matrices_only = true,
       .about = fmt::format("{}: {} pairs to learn from, {} to validate, {} left out for an empty "
                            "side, {} texts cut, {} tokens",
                            *o.data, examples.size(), held_back.size(), text.left_out, coder.cut(),
                            coder.tokenizer().size())});
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
                     const Tensor logits = net(in[0], in[1], in[2]);
                     return cross_entropy(flatten(logits, 0, 1), flatten(in[3]),
                                          {.label_smoothing = o.label_smoothing});
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

}  // namespace cairn::tasks::machine_translation
